"""Connections that are used again: by whom, for how long, and when not (spec 07 B4, F1)."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
import uvloop
from pytest_django import Settings

from apps.core import http
from apps.core import pool as pools
from apps.core.http import EgressRule, Exchange, Limits, OutboundError, Prepared, open_prepared, prepare
from apps.core.outbound import Failure
from apps.core.secrets import Secret, call_secrets, redact
from tests.core.conftest import Watcher
from tests.support.certificates import make_authority
from tests.support.outbound import QUICK, Answers, loopback_rule
from tests.support.servers import Connection, Handler, answering, json_answer, serve


async def keep_alive(connection: Connection) -> None:
    """Answers one request after the other."""
    with suppress(asyncio.IncompleteReadError):
        while True:
            await connection.read_request()
            await connection.send(json_answer(b"[1]"))
    connection.server.client_left.set()


def first_then(first: bytes, *, hold: bool = False, reset: bool = False) -> Handler:
    """The first connection answers once with `first` and stays open or not; later ones are as they should be."""

    async def handler(connection: Connection) -> None:
        if connection.server.connections > 1:
            await keep_alive(connection)
        else:
            await answering(first, hold=hold, reset=reset)(connection)

    return handler


async def ask(
    port: int,
    pool: str = "a",
    *,
    method: str = "POST",
    rules: list[EgressRule] | None = None,
    url: str = "",
    answers: Answers | None = None,
    limits: Limits = QUICK,
) -> Exchange:
    rules = [loopback_rule(port)] if rules is None else rules
    url, resolver = url or f"http://127.0.0.1:{port}/", answers or Answers([["127.0.0.1"]])
    prepared = prepare(method, url, [], rules=rules, pool=pool, resolver=resolver)
    async with await open_prepared(prepared, b"", limits=limits) as incoming:
        return await incoming.exchange()


async def test_a_workspace_uses_its_connections_again(network: Watcher) -> None:
    """B4: one connect, one look-up; figures count from each call's own start."""
    async with serve(keep_alive) as server:
        answers = Answers([["127.0.0.1"]])
        got = [await ask(server.port, url=f"http://models.example:{server.port}/{n}", answers=answers) for n in range(5)]
        assert [exchange.body for exchange in got] == [b"[1]"] * 5
        assert len({exchange.received_bytes for exchange in got}) == 1
        assert len(server.requests) == 5
        assert network.connects == [("127.0.0.1", server.port)]
        assert answers.asked == ["models.example"]


async def test_calls_at_once_have_a_connection_each() -> None:
    """An answer is never another call's."""

    async def echo(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await asyncio.sleep(0.01)
            await connection.send(json_answer(connection.server.requests[-1].split()[1]))

    async def once(port: int, number: int) -> bool:
        path = f"/{number}"
        return (await ask(port, url=f"http://127.0.0.1:{port}{path}")).status == 200

    async with serve(echo) as server:
        assert all(await asyncio.gather(*(once(server.port, number) for number in range(20))))
        assert all(await asyncio.gather(*(once(server.port, number) for number in range(20))))
        assert server.connections == 20


async def test_nothing_is_shared_between_pools_rules_and_origins() -> None:
    """B4: a pooled connection belongs to its workspace and rule version."""
    async with serve(keep_alive) as server, serve(keep_alive) as other:
        rule = loopback_rule(server.port)
        for _ in range(2):
            await ask(server.port, "a")
            await ask(server.port, "b")
            await ask(server.port, "a", rules=[replace(rule, id="second")])
            await ask(server.port, "a", rules=[rule, replace(rule, id="more", ports=(1,))])
            await ask(server.port, "a", url=f"http://models.example:{server.port}/")
            await ask(other.port, "a")
        assert (server.connections, other.connections) == (5, 1)
        await ask(server.port, "")
        await ask(server.port, "")
        assert server.connections == 7


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("POST", json_answer(b"[1]", "200 OK", "Connection: close")),
        ("POST", b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[1]"),
        ("POST", json_answer(b"[1]") + b"garbage"),
        ("POST", json_answer(b"[1]") + json_answer(b"[2]")),
        ("POST", json_answer(b"[1]") + b"HTTP/1.1 "),
        ("POST", b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n[2]"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"),
    ],
    ids=["close", "1.0", "garbage", "a second answer", "half of a second answer", "a body where none may be", "HEAD"],
)
async def test_a_connection_that_is_not_clean_is_never_used_again(method: str, answer: bytes) -> None:
    """What follows an answer would be read as the next one: of another call, of another person."""
    async with serve(first_then(answer, hold=True)) as server:
        await ask(server.port, method=method)
        assert (await ask(server.port)).body == b"[1]"
        assert server.connections == 2


async def test_what_a_server_says_between_calls_is_nobodys_answer() -> None:
    """For example 408 to a connection that was idle for long."""
    late = asyncio.Event()

    async def talkative(connection: Connection) -> None:
        if connection.server.connections > 1:
            await keep_alive(connection)
            return
        await connection.read_request()
        await connection.send(json_answer(b"[0]"))
        await late.wait()
        await connection.send(json_answer(b"planted", "408 Request Timeout"))
        await connection.wait_until_client_leaves()

    async with serve(talkative) as server:
        assert (await ask(server.port)).body == b"[0]"
        late.set()
        await asyncio.wait_for(server.client_left.wait(), 30)
        assert (await ask(server.port)).body == b"[1]"


async def test_a_connection_that_the_server_closed_while_idle_is_not_used() -> None:
    async with serve(first_then(json_answer(b"[0]"))) as server:
        await ask(server.port)
        await asyncio.sleep(0.05)
        assert (await ask(server.port)).body == b"[1]"
        assert (server.connections, len(server.requests)) == (2, 2)


async def closes_on_second(connection: Connection) -> None:
    """Closes each connection as soon as its second request comes, without a byte."""
    await connection.read_request()
    await connection.send(json_answer(b"[1]"))
    await connection.read_request()


async def test_a_stale_connection_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: closed without a byte under a request of ours, which is a race of ours with the server; even for POST (RFC 9110, 9.2.2)."""
    monkeypatch.setattr(http, "STALE_SECONDS", 60)  # at once, on any machine
    async with serve(closes_on_second) as server:
        assert [(await ask(server.port)).body for _ in range(2)] == [b"[1]"] * 2
        assert (server.connections, len(server.requests)) == (2, 3)


async def test_what_is_no_race_is_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: a first call on a connection, a close after a byte or after some work may have been acted on: the caller decides."""

    async def after_a_byte(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(json_answer(b"[1]"))
        await connection.read_request()
        await connection.send(b"H")

    async with serve(after_a_byte) as server:
        await ask(server.port)
        with pytest.raises(OutboundError) as failure:
            await ask(server.port)
        assert (failure.value.code, failure.value.retryable) == (Failure.DISCONNECTED, False)
        assert len(server.requests) == 2
    async with serve(answering(b"")) as server:
        with pytest.raises(OutboundError) as failure:
            await ask(server.port)
        assert (failure.value.code, failure.value.retryable) == (Failure.DISCONNECTED, True)
        assert len(server.requests) == 1

    async def after_some_work(connection: Connection) -> None:
        await closes_on_second(connection)
        await asyncio.sleep(0.1)

    monkeypatch.setattr(http, "STALE_SECONDS", 0.05)
    async with serve(after_some_work) as server:
        await ask(server.port)
        with pytest.raises(OutboundError) as failure:
            await ask(server.port)
        assert (failure.value.code, failure.value.retryable) == (Failure.DISCONNECTED, True)
        assert len(server.requests) == 2


async def test_a_fresh_connection_that_fails_too_is_the_servers_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: tried once, not for ever."""
    monkeypatch.setattr(http, "STALE_SECONDS", 60)

    async def only_once(connection: Connection) -> None:
        await connection.read_request()
        if connection.server.connections == 1:
            await connection.send(json_answer(b"[1]"))
            await connection.read_request()

    async with serve(only_once) as server:
        await ask(server.port)
        with pytest.raises(OutboundError) as failure:
            await ask(server.port)
        assert (failure.value.code, failure.value.retryable) == (Failure.DISCONNECTED, True)
        assert (server.connections, len(server.requests)) == (2, 3)


async def test_an_expired_rule_ends_its_connections_too(network: Watcher) -> None:
    """B4: checked at every use. The connection is there, the name still leads to it, and nothing is sent."""
    async with serve(keep_alive) as server:
        rule = replace(loopback_rule(server.port), expires_at=datetime.now(UTC) + timedelta(minutes=5))
        by_address = prepare("POST", f"http://127.0.0.1:{server.port}/", [], rules=[rule], pool="a")
        # A rule for the host stays; that for the address, which loopback needs, expires.
        host = EgressRule(id="host", host="models.example", ports=(server.port,), scheme="http")
        url, answers = f"http://models.example:{server.port}/", Answers([["127.0.0.1"]])
        by_name = prepare("POST", url, [], rules=[host, rule], pool="a", resolver=answers)
        for prepared in (by_address, by_address, by_name, by_name):
            assert await body_of(prepared) == b"[1]"
        connects = len(network.connects)
        assert connects == 2
        for prepared in (by_address, by_name):
            with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=True), pytest.raises(OutboundError) as failure:
                await body_of(prepared)
            assert failure.value.code == Failure.URL_NOT_ALLOWED
        assert len(network.connects) == connects
        assert len(server.requests) == 4


async def test_an_expired_rule_refuses_a_prepared_call_before_anything_is_asked() -> None:
    """B4, B8: like any call, before the name is looked up."""
    expires = datetime.now(UTC) + timedelta(minutes=5)
    rule = EgressRule(id="host", host="models.example", ports=(80,), scheme="http", expires_at=expires)
    answers = Answers([["127.0.0.1"]])
    prepared = prepare("POST", "http://models.example/", [], rules=[rule], pool="a", resolver=answers)
    with time_machine.travel(expires, tick=True), pytest.raises(OutboundError) as failure:
        await body_of(prepared)
    assert (failure.value.code, failure.value.reason) == (Failure.URL_NOT_ALLOWED, "plain_http")
    assert answers.asked == []


async def body_of(prepared: Prepared, body: bytes = b"{}") -> bytes:
    async with await open_prepared(prepared, body, limits=QUICK) as incoming:
        return await incoming.read()


async def test_a_prepared_call_is_the_same_on_the_wire_and_masked_anew(network: Watcher) -> None:
    """A9: every call registers what it reveals. B9: what may not be sent is refused before anything is opened."""
    async with serve(keep_alive) as server:
        url, rules = f"http://127.0.0.1:{server.port}/v1?x=1", [loopback_rule(server.port)]
        headers: list[tuple[str, str | Secret]] = [("X-Key", Secret("planted-key").with_prefix("Bearer ")), ("X-One", "1")]
        with call_secrets():
            prepared = prepare("POST", url, headers, rules=rules, pool="a")
        assert "planted" not in repr(prepared)
        for number in (b"1", b"22"):
            with call_secrets():
                assert "planted" in redact("planted-key")
                await body_of(prepared, number)
                assert "planted" not in redact("it said: planted-key, Bearer planted-key, " + "cGxhbnRlZC1rZXk=")
            head, _, sent = server.requests[-1].partition(b"\r\n\r\n")
            assert head.split(b"\r\n") == [
                b"POST /v1?x=1 HTTP/1.1",
                b"Host: 127.0.0.1:%d" % server.port,
                b"X-Key: Bearer planted-key",
                b"X-One: 1",
                b"User-Agent: Patchbay",
                b"Accept-Encoding: gzip",
                b"Content-Length: %d" % len(number),
            ]
            assert sent == number
        assert server.connections == 1
    for bad in ([("Host", "x")], [("X-Key", Secret("planted\r\n"))]):
        with pytest.raises(OutboundError) as failure:
            prepare("POST", url, bad, rules=rules)
        assert failure.value.code == Failure.BAD_VALUE
        assert "planted" not in str(failure.value)


async def test_idle_connections_are_few_and_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: at most so many for an origin and in all, the oldest go first, and none stays for long."""
    monkeypatch.setattr(pools, "MAX_IDLE_PER_ORIGIN", 3)
    monkeypatch.setattr(pools, "MAX_IDLE", 8)
    monkeypatch.setattr(pools, "SWEEP_SECONDS", 0.05)
    open_now = 0

    async def counted(connection: Connection) -> None:
        nonlocal open_now
        open_now += 1
        try:
            await connection.read_request()
            await asyncio.sleep(0.02)
            await connection.send(json_answer())
            await connection.wait_until_client_leaves()
        finally:
            open_now -= 1

    async def until(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.02)

    async with serve(counted) as server:
        await asyncio.gather(*(ask(server.port) for _ in range(10)))
        await until(lambda: open_now == 3)
        for number in range(8):
            await ask(server.port, f"workspace {number}")
        await until(lambda: 1 <= open_now <= 8)
        monkeypatch.setattr(pools, "MAX_IDLE_SECONDS", 0.1)
        await until(lambda: not open_now)


async def test_the_pool_works_over_tls(tmp_path: Path, settings: Settings) -> None:
    """B2, B5: one handshake, and the certificate was checked in it."""
    authority = make_authority()
    settings.PATCHBAY_CA_FILE = str(authority.write(tmp_path))
    async with serve(keep_alive, tls=authority.server_context(tmp_path, "models.example")) as server:
        for _ in range(3):
            assert (await ask(server.port, url=f"https://models.example:{server.port}/")).body == b"[1]"
        assert server.connections == 1
    with pytest.raises(OutboundError) as failure:
        await ask(server.port, url=f"https://models.example:{server.port}/")
    assert failure.value.code == Failure.CONNECTION_REFUSED


async def _calls_on_a_loop_that_ends() -> tuple[int, bool]:
    async with serve(keep_alive) as server:
        for _ in range(3):
            await ask(server.port)
        large = Limits(total=120)
        url, rules = f"http://127.0.0.1:{server.port}/", [loopback_rule(server.port)]
        async with await open_prepared(prepare("POST", url, [], rules=rules, pool="a"), bytes(5_000_000), limits=large) as incoming:
            return server.connections, await incoming.read() == b"[1]"


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_loop_that_ends_takes_its_connections_along(run, recwarn: pytest.WarningsRecorder) -> None:  # type: ignore[no-untyped-def]
    """Each thread's loop has a pool of its own, and a console page may run in a loop of its own: nothing is left open."""
    gc.collect()
    recwarn.clear()  # what tests before this one have left open is not its
    for _ in range(2):
        assert run(_calls_on_a_loop_that_ends()) == (1, True)
    gc.collect()
    assert [str(warning.message) for warning in recwarn if "unclosed" in str(warning.message)] == []
