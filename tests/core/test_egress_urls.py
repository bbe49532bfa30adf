"""Spec 07 B1: one strict reading of a URL."""

# ruff: noqa: RUF001 - look-alike characters are what is tested here
import pytest

from apps.core.endpoint import Endpoint, parse_url
from apps.core.outbound import Failure, OutboundError

GOOD = [
    # (URL, scheme, host, port, target, Host header)
    ("https://api.example.com", "https", "api.example.com", 443, "/", "api.example.com"),
    ("https://api.example.com/v1/chat?x=1&y=%20", "https", "api.example.com", 443, "/v1/chat?x=1&y=%20", "api.example.com"),
    ("HTTPS://API.Example.COM:443/V1", "https", "api.example.com", 443, "/V1", "api.example.com"),
    ("http://api.example.com:8080?a", "http", "api.example.com", 8080, "/?a", "api.example.com:8080"),
    ("https://api.example.com:65535/", "https", "api.example.com", 65535, "/", "api.example.com:65535"),
    ("https://bücher.de/", "https", "xn--bcher-kva.de", 443, "/", "xn--bcher-kva.de"),
    ("https://faß.de/", "https", "xn--fa-hia.de", 443, "/", "xn--fa-hia.de"),  # IDNA 2008; IDNA 2003 made fass.de of it
    ("https://xn--bcher-kva.de/", "https", "xn--bcher-kva.de", 443, "/", "xn--bcher-kva.de"),
    ("https://8.8.8.8/", "https", "8.8.8.8", 443, "/", "8.8.8.8"),
    ("https://[2606:4700::1111]:8443/x", "https", "2606:4700::1111", 8443, "/x", "[2606:4700::1111]:8443"),
    ("https://[2606:4700:0:0:0:0:0:1111]/", "https", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
    ("https://1e100.net/", "https", "1e100.net", 443, "/", "1e100.net"),
    ("https://my--app.modal.run/", "https", "my--app.modal.run", 443, "/", "my--app.modal.run"),
    ("https://example.com/a/../b//c;d=@e:f", "https", "example.com", 443, "/a/../b//c;d=@e:f", "example.com"),  # sent as written
    ("https://example.com/models/{model}:generate", "https", "example.com", 443, "/models/{model}:generate", "example.com"),
]

BAD = [
    # (URL, a word of the sentence that says why)
    ("", "https://"),
    ("example.com/v1", "https://"),
    ("ftp://example.com/", "https://"),
    ("file:///etc/passwd", "https://"),
    ("gopher://127.0.0.1:6379/_INFO", "https://"),
    ("javascript:alert(1)", "https://"),
    ("//example.com/", "https://"),
    ("https:example.com", "slashes"),
    ("https:/example.com", "slashes"),
    ("https:///example.com", "host"),
    ("https://", "host"),
    ("https://:443/", "host"),
    ("https://user@example.com/", "user name"),
    ("https://user:pass@example.com/", "user name"),
    ("https://example.com@127.0.0.1/", "user name"),
    ("https://example.com:443@127.0.0.1/", "user name"),
    ("http://127.0.0.1:80\\@example.com/", "backslash"),
    ("https://example.com\\@127.0.0.1/", "backslash"),
    ("https:\\\\127.0.0.1/", "backslash"),
    ("https://example.com/#fragment", "fragment"),
    ("https://127.0.0.1#@example.com/", "fragment"),
    (" https://example.com/", "blank"),
    ("https://example.com/ ", "blank"),
    ("https://exam ple.com/", "blank"),
    ("https://example.com/a b", "blank"),
    ("https://example.com/\t", "control"),
    ("ht\ttps://example.com/", "control"),
    ("https://exa\nmple.com/", "control"),
    ("https://example.com/\r\nHost: evil", "control"),
    ("https://example.com/\x00", "control"),
    ("https://example.com/\x7f", "control"),
    ("https://example.com/\u202e", "control"),  # right-to-left override
    ("https://exam\u00adple.com/", "control"),  # soft hyphen
    ("https://example.com\u2028/", "blank"),
    ("https://example.com:0/", "port"),
    ("https://example.com:65536/", "port"),
    ("https://example.com:99999999/", "port"),
    ("https://example.com:/", "port"),
    ("https://example.com:+80/", "port"),
    ("https://example.com:-1/", "port"),
    ("https://example.com:８０/", "port"),
    ("https://example.com:80:80/", "port"),
    ("https://2130706433/", "number"),
    ("https://017700000001/", "number"),
    ("https://0x7f000001/", "number"),
    ("https://0x7f.0.0.1/", "number"),
    ("https://0X7F.1/", "number"),
    ("https://127.1/", "number"),
    ("https://127.0.1/", "number"),
    ("https://0177.0.0.1/", "number"),
    ("https://127.0.0.01/", "number"),
    ("https://127.0.0.0x1/", "number"),
    ("https://127.0.0.256/", "number"),
    ("https://1.2.3.4.5/", "number"),
    ("https://example.0x/", "number"),
    ("https://example.12/", "number"),
    ("https://127.0.0.1./", "ends with a dot"),
    ("https://localhost./", "ends with a dot"),
    ("https://example.com./", "ends with a dot"),
    ("https://example..com/", "name"),
    ("https://.example.com/", "name"),
    ("https://１２７.０.０.１/", "name"),  # full-width digits
    ("https://127。0。0。1/", "name"),  # ideographic full stops
    ("https://127．0．0．1/", "name"),  # full-width full stops
    ("https://①②⑦.⓪.⓪.①/", "name"),
    ("https://ⓛocalhost/", "name"),
    ("https://ｌｏｃａｌｈｏｓｔ/", "name"),
    ("https://xn--a/", "name"),
    ("https://-example.com/", "name"),
    ("https://example-.com/", "name"),
    ("https://exa_mple.com/", "name"),
    ("https://exa*mple.com/", "name"),
    ("https://{host}.example.com/", "name"),
    (f"https://{'a' * 64}.com/", "name"),
    (f"https://{'.'.join(['a' * 60] * 5)}/", "longer"),
    ("https://127.0.0.1%00.example.com/", "percent"),
    ("https://%31%32%37.0.0.1/", "percent"),
    ("https://example%2ecom/", "percent"),
    ("https://[::1/", "bracket"),
    ("https://[::1]x/", "bracket"),
    ("https://[]/", "IPv6"),
    ("https://[127.0.0.1]/", "IPv6"),
    ("https://[example.com]/", "IPv6"),
    ("https://[v1.fe80::1]/", "IPv6"),
    ("https://[::1%25eth0]/", "zone"),
    ("https://[fe80::1%eth0]/", "zone"),
    ("https://::1/", "host"),
    ("https://example.com/caf\u00e9", "encode"),
    ("https://example.com/%zz", "encode"),
    ("https://example.com/%2", "encode"),
    ('https://example.com/"', "encode"),
    ("https://example.com/<x>", "encode"),
    ("https://example.com/" + "a" * 2048, "2,048"),
]


@pytest.mark.parametrize(("text", "scheme", "host", "port", "target", "authority"), GOOD)
def test_reads_a_url_into_its_parts(text: str, scheme: str, host: str, port: int, target: str, authority: str) -> None:
    """B1: the request is built from the parsed parts."""
    endpoint = parse_url(text)
    assert endpoint == Endpoint(scheme, host, port, target)
    assert endpoint.authority == authority


@pytest.mark.parametrize(("text", "word"), BAD)
def test_refuses_a_url_that_could_be_read_in_two_ways(text: str, word: str) -> None:
    """B1: the sentence says what is wrong."""
    with pytest.raises(OutboundError) as refusal:
        parse_url(text)
    assert refusal.value.code == Failure.URL_INVALID
    assert word in refusal.value.message + refusal.value.hint
    assert not refusal.value.retryable


def test_what_was_parsed_is_read_again_the_same_way() -> None:
    """B1: a parsed URL written out and parsed again gives the same parts."""
    for text, *_ in GOOD:
        endpoint = parse_url(text)
        assert parse_url(endpoint.url) == endpoint


def test_a_url_of_2048_characters_is_allowed() -> None:
    """B1."""
    text = "https://example.com/"
    assert parse_url(text + "a" * (2048 - len(text))).host == "example.com"
