"""Spec 07 B1 to B5: hostile addresses lead to no connection. Every test here watches what the process asks the operating system for."""

# ruff: noqa: RUF001 - look-alike characters are what is tested here
import pytest
import uvloop

from apps.core.egress import EgressRule
from apps.core.http import OutboundError, send
from apps.core.outbound import Failure
from tests.core.conftest import Watcher
from tests.support.outbound import QUICK, Answers, call, failure_of, loopback_rule
from tests.support.servers import answering, json_answer, serve

BROAD_RULES = [
    EgressRule(id="v4", cidr="0.0.0.0/0", ports=(80, 443, 8901), scheme="any"),
    EgressRule(id="v6", cidr="::/0", ports=(80, 443, 8901), scheme="any"),
]
NUMBERS = [
    "2130706433", "017700000001", "0x7f000001", "0x7F000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "00000177.0.0.1",
    "127.0.0.01", "0", "0x0", "0.0", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "1.1.1.1.1", "256.256.256.256",
]  # fmt: skip
FULL_WIDTH = ["１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.⓪.⓪.①", "ｌｏｃａｌｈｏｓｔ", "𝟏𝟐𝟕.𝟎.𝟎.𝟏"]
ENCODED = ["%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00.example.com", "localhost%2f", "%6c%6f%63alhost"]
DOTS = ["127.0.0.1.", "localhost.", "metadata.google.internal.", "127.0.0.1..", ".127.0.0.1"]
PLAIN = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "169.254.1.1",
    "168.63.129.16", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1", "192.88.99.1", "224.0.0.1", "255.255.255.255",
    "240.0.0.1",
]  # fmt: skip
IPV6 = [
    "::1", "::", "0:0:0:0:0:0:0:1", "fe80::1", "fe80::1%25eth0", "fe80::1%eth0", "::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "::a9fe:a9fe",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::127.0.0.1", "64:ff9b:1:a9fe:a9:fe00::", "2002:7f00:1::", "2002:a9fe:a9fe::",
    "2002:a00:1::1", "2001:0:7f00:1::", "2001::f5ff:fffe", "2001:db8::1", "3fff::1", "100::1", "4000::1",
    "2606:4700::5efe:127.0.0.1",
]  # fmt: skip
SPELLINGS = [
    "https://user@127.0.0.1/", "https://user:pass@127.0.0.1/", "https://example.com@127.0.0.1/", "https://127.0.0.1:80@example.com/",
    "http://127.0.0.1:80\\@example.com", "https://example.com\\@127.0.0.1/", "https:\\\\127.0.0.1\\", "https:/\\127.0.0.1",
    "https:127.0.0.1",
    "https:/127.0.0.1/", "https:///127.0.0.1/", "https://127.0.0.1#@example.com/", "https://127.0.0.1?@example.com/",
    "https://127.0.0.1\t/",
    "ht\ttps://127.0.0.1/", "https://127.0.\n0.1/", " https://127.0.0.1/", "https://127.0.0.1 /", "https://127.0.0.1\x00.example.com/",
    "https://127.0.0.1\r\nHost: example.com/", "https://127.0.0.1:443:80/", "https://127.0.0.1:0/", "https://127.0.0.1:65616/",
    "https://[127.0.0.1]/", "https://[::1", "https://[::1]@example.com/", "https://::1/", "file:///etc/passwd", "gopher://127.0.0.1:70/_",
    "dict://127.0.0.1:11211/", "ftp://127.0.0.1/", "//127.0.0.1/", "127.0.0.1:80", "https://localhost/", "https://LOCALHOST/",
    "https://a.localhost/",
    "http://localhost:8901/", "https://metadata.google.internal/", "https://METADATA.google.internal/", "https://metadata/",
    "https://instance-data/",
    "http://example.com/", "http://8.8.8.8/",
]  # fmt: skip
INSIDE = [
    "127.0.0.1", "127.0.0.2", "[::1]", "169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fd00:ec2::254]", "[fe80::1]", "localhost",
]  # fmt: skip
HOSTILE = [
    *(f"https://{host}/" for host in NUMBERS + FULL_WIDTH + ENCODED + DOTS + PLAIN),
    *(f"http://{host}:8901/" for host in NUMBERS + PLAIN),
    *(f"https://[{host}]/" for host in IPV6),
    *(f"http://[{host}]:8901/" for host in IPV6),
    *SPELLINGS,
]


async def refused(url: str, *, rules: list[EgressRule] | None = None, answers: Answers | None = None) -> OutboundError:
    try:
        answer = await send("GET", url, [], b"", rules=rules or [], limits=QUICK, resolver=answers or Answers([["8.8.8.8"]]))
    except OutboundError as error:
        return error
    raise AssertionError(f"{url} was answered with {answer.status}.")


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_url_opens_no_connection(url: str, network: Watcher) -> None:
    """B1, B3: with no rules, whatever the spelling. Not even a look-up is made."""
    error = await refused(url)
    assert error.code in {Failure.URL_INVALID, Failure.URL_NOT_ALLOWED}
    assert network.connects == []
    assert network.lookups == []


@pytest.mark.parametrize("host", INSIDE)
async def test_broad_rules_open_no_connection_to_loopback_link_local_or_metadata(host: str, network: Watcher) -> None:
    """B7: not even rules for every address there is."""
    for scheme in ("http", "https"):
        error = await refused(f"{scheme}://{host}:8901/", rules=BROAD_RULES)
        assert error.code == Failure.URL_NOT_ALLOWED
    assert network.connects == []


NAMES = [
    # what DNS answers; the last ones have one bad address among good ones
    ["127.0.0.1"], ["127.0.0.53"], ["::1"], ["0.0.0.0"], ["10.1.2.3"], ["192.168.0.10"], ["169.254.169.254"], ["168.63.129.16"],
    ["100.100.100.200"],
    ["fd00:ec2::254"], ["fe80::1%1"], ["::ffff:127.0.0.1"], ["::ffff:a9fe:a9fe"], ["64:ff9b::7f00:1"], ["64:ff9b:1::1"], ["2002:7f00:1::"],
    ["2001:0:7f00:1::"], ["::7f00:1"], ["224.0.0.1"], ["255.255.255.255"],
    ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "8.8.4.4", "10.0.0.1"], ["2606:4700::1111", "::1"], ["8.8.8.8", "::ffff:10.0.0.1"],
]  # fmt: skip


@pytest.mark.parametrize("answer", NAMES, ids=" ".join)
async def test_a_name_that_leads_inside_opens_no_connection(answer: list[str], network: Watcher) -> None:
    """B2, B3: every answer must be allowed, and the refusal does not say what the answer was (B8)."""
    error = await refused("https://models.example/", answers=Answers([answer]))
    assert error.code == Failure.URL_NOT_ALLOWED
    assert not any(address in error.message + error.hint for address in answer)
    assert network.connects == []


async def test_the_connection_goes_to_the_checked_address_and_keeps_the_name(network: Watcher) -> None:
    """B2: one look-up per call; what a rebinding name says a moment later is never asked. The Host header keeps the name."""
    async with serve(answering(json_answer())) as server:
        answers = Answers([["127.0.0.1"], ["127.0.0.2"]])
        url = f"http://models.example:{server.port}/v1"
        answer = await send("GET", url, [], b"", rules=[loopback_rule(server.port)], limits=QUICK, resolver=answers)
        assert answer.status == 200
        assert network.connects == [("127.0.0.1", server.port)]
        assert answers.asked == ["models.example"]
        assert f"Host: models.example:{server.port}\r\n".encode() in server.requests[0]

        error = await refused(url, rules=[loopback_rule(server.port)], answers=answers)  # B4: checked again at every use
        assert error.code == Failure.URL_NOT_ALLOWED
        assert len(network.connects) == 1


async def test_an_address_in_the_url_is_not_looked_up(network: Watcher) -> None:
    """B2: and the watcher does see a connection where there is one."""
    async with serve(answering(json_answer())) as server:
        answers = Answers([["8.8.8.8"]])
        url = f"http://127.0.0.1:{server.port}/"
        await send("GET", url, [], b"", rules=[loopback_rule(server.port)], limits=QUICK, resolver=answers)
    assert answers.asked == []
    assert network.lookups == []
    assert network.connects == [("127.0.0.1", server.port)]


async def test_the_next_address_is_tried_when_one_does_not_answer(network: Watcher) -> None:
    """B2: exactly the addresses of the look-up, in their order."""
    async with serve(answering(json_answer())) as server:
        rules = [loopback_rule(server.port), loopback_rule(server.port, address="127.0.0.2")]
        url = f"http://models.example:{server.port}/"
        answer = await send("GET", url, [], b"", rules=rules, limits=QUICK, resolver=Answers([["127.0.0.2", "127.0.0.1"]]))
    assert answer.status == 200
    assert network.connects == [("127.0.0.2", server.port), ("127.0.0.1", server.port)]


@pytest.mark.parametrize(
    ("status", "location", "says"),
    [
        (302, "http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        (301, "https://evil.example/?key=1", "evil.example"),
        (307, "http://127.0.0.1:22/", "same host"),
        (308, "/elsewhere", "same host"),
        (303, "//10.0.0.1/x", "10.0.0.1"),
        (302, "http://user@10.0.0.1/", "another address"),
        (302, "http://[::1", "another address"),
        (302, "", "same host"),
    ],
)
async def test_a_redirect_is_not_followed(status: int, location: str, says: str, network: Watcher) -> None:
    """B5: the error says where it would have gone (the host only), and nothing went there."""
    async with serve(answering(json_answer(b"", f"{status} Moved", f"Location: {location}"))) as server:
        error = await refused(f"http://127.0.0.1:{server.port}/", rules=[loopback_rule(server.port)])
    assert error.code == Failure.REDIRECT
    assert says in error.message
    assert "meta-data" not in error.message
    assert "key=1" not in error.message
    assert network.connects == [("127.0.0.1", server.port)]


async def test_proxies_of_the_environment_are_not_used(network: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """B5."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serve(answering(json_answer())) as server:
        await send("GET", f"http://127.0.0.1:{server.port}/", [], b"", rules=[loopback_rule(server.port)], limits=QUICK)
    assert network.connects == [("127.0.0.1", server.port)]


async def test_cookies_are_not_kept() -> None:
    """B5."""
    async with serve(answering(json_answer(b"{}", "200 OK", "Set-Cookie: a=b"))) as server:
        for _ in range(2):
            await send("GET", f"http://127.0.0.1:{server.port}/", [], b"", rules=[loopback_rule(server.port)], limits=QUICK)
    assert server.connections == 2


async def test_a_refusal_takes_no_look_at_the_port(network: Watcher) -> None:
    """B8: open, closed and filtered ports look the same, because the answer is given before any connect."""
    async with serve(answering(json_answer())) as server:
        texts = {(await refused(f"https://127.0.0.1:{port}/")).message for port in (server.port, 1, 65535)}
    assert len(texts) == 1
    assert network.connects == []
    assert server.connections == 0


async def test_the_system_resolver_is_used_and_its_answer_checked(network: Watcher) -> None:
    """B2: the real getaddrinfo() says loopback for localhost, and that needs a rule for each of its addresses."""
    async with serve(answering(json_answer())) as server:
        rules = [loopback_rule(server.port), loopback_rule(server.port, address="::1")]
        answer = await send("GET", f"http://localhost:{server.port}/", [], b"", rules=rules, limits=QUICK)
        assert answer.status == 200
        assert network.lookups == ["localhost"]
        connects = len(network.connects)
        error = await refused(f"https://localhost:{server.port}/")
        assert error.code == Failure.URL_NOT_ALLOWED
        assert len(network.connects) == connects


async def test_a_name_without_addresses_is_told_apart(network: Watcher) -> None:
    """Spec 02: name not resolved is a stage of its own."""
    error = await refused("https://models.example/", answers=Answers([[]]))
    assert error.code == Failure.NAME_NOT_RESOLVED
    with pytest.raises(OutboundError) as failure:
        await send("GET", "https://does-not-exist.invalid/", [], b"", rules=[], limits=QUICK)
    assert failure.value.code == Failure.NAME_NOT_RESOLVED
    assert network.connects == []


async def _answer_then_closed_port() -> tuple[int, bytes, str]:
    async with serve(answering(json_answer(b"[1]"))) as server:
        answer = await call(server.port)
    return answer.status, answer.body, (await failure_of(server.port)).code


def test_uvloop_takes_the_same_way(network: Watcher) -> None:
    """The server runs on uvloop, whose sockets are its own: the same call, rules and errors there."""
    assert uvloop.run(_answer_then_closed_port()) == (200, b"[1]", "connection_refused")
    assert [address for address, _ in network.connects] == ["127.0.0.1", "127.0.0.1"]
