"""One call out, as the server sees it and as it comes back (spec 07 A5, B1, B2, B5)."""

import asyncio
import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.core.http import OutboundError, send
from apps.core.outbound import Failure
from apps.core.secrets import Secret
from tests.support.outbound import QUICK, call, failure_of, loopback_rule
from tests.support.servers import Connection, LoopbackServer, answering, json_answer, serve


async def post(server: LoopbackServer, target: str, headers: list[tuple[str, str | Secret]], body: bytes = b"{}") -> None:
    url = f"http://127.0.0.1:{server.port}{target}"
    await send("POST", url, headers, body, rules=[loopback_rule(server.port)], limits=QUICK)


async def test_the_wire_says_exactly_what_was_parsed() -> None:
    """B1: path and query as written, header order kept, one Host, one length."""
    async with serve(answering(json_answer())) as server:
        await post(server, "/a/../b//c;d=@e?x=%2F&y=[1]&&z", [("X-One", "1"), ("x-two", "2"), ("X-One", "3")], b'{"prompt": "\xc3\xa9"}')
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a/../b//c;d=@e?x=%2F&y=[1]&&z HTTP/1.1",
        b"Host: 127.0.0.1:" + str(server.port).encode(),
        b"X-One: 1",
        b"x-two: 2",
        b"X-One: 3",
        b"User-Agent: Patchbay",
        b"Accept-Encoding: gzip",
        b"Content-Length: 16",
    ]
    assert body == b'{"prompt": "\xc3\xa9"}'


async def test_only_gzip_is_asked_for_whatever_the_headers_say() -> None:
    """B6."""
    async with serve(answering(json_answer())) as server:
        await post(server, "/", [("accept-encoding", "br, zstd"), ("User-Agent", "mine")])
    assert server.requests[0].lower().count(b"accept-encoding: gzip\r\n") == 1
    assert b"br, zstd" not in server.requests[0]
    assert b"User-Agent: mine\r\n" in server.requests[0]


async def test_a_secret_is_revealed_on_the_wire_only() -> None:
    """A5, A9."""
    async with serve(answering(json_answer())) as server:
        await post(server, "/", [("Authorization", Secret("Bearer sk-planted-key"))])
    assert b"Authorization: Bearer sk-planted-key\r\n" in server.requests[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Key", "sk-planted\r\nHost: evil"),
        ("X-Key", "sk-planted\x00"),
        ("X-Key", "sk-plantéd"),
        ("Host", "sk-planted"),
        ("X Key", "sk-planted"),
    ],
)
async def test_a_header_that_may_not_be_sent_opens_no_connection(name: str, value: str) -> None:
    """B9, A9: checked again when used, and the message does not hold the value."""
    async with serve(answering(json_answer())) as server:
        with pytest.raises(OutboundError) as failure:
            await post(server, "/", [(name, Secret(value))])
    assert failure.value.code == Failure.BAD_VALUE
    assert "planted" not in failure.value.message + failure.value.hint
    assert server.connections == 0


async def test_an_answer_comes_back_whole() -> None:
    """Status, headers with their case and repeats, body, sizes and times."""
    answer = json_answer(b'{"ok": true}', "201 Created", "X-Twice: a", "x-twice: b")
    async with serve(answering(answer[:20], answer[20:], pause=0.05)) as server:
        exchange = await call(server.port)
    assert exchange.status == 201
    assert exchange.header("X-TWICE") == "a, b"
    assert ("X-Twice", "a") in exchange.headers
    assert exchange.header("missing") == ""
    assert exchange.body == b'{"ok": true}'
    assert exchange.received_bytes == len(answer)
    assert 0 < exchange.first_byte_ms < exchange.total_ms
    assert exchange.total_ms - exchange.first_byte_ms >= 40


@pytest.mark.parametrize("status", [204, 304, 400, 401, 404, 429, 500, 503])
async def test_an_error_status_is_an_answer(status: int) -> None:
    """The contract of `send`: what a status means is for the provider's adapter to say."""
    head = f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\n" + ("\r\n" if status in {204, 304} else "Content-Length: 2\r\n\r\nno")
    async with serve(answering(head.encode())) as server:
        exchange = await call(server.port)
    assert exchange.status == status
    assert exchange.header("retry-after") == "7"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n3\r\na":\r\n2\r\n1}\r\n0\r\n\r\n', b'{"a":1}'),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", b"1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{} and more than was promised", b"{}"),
    ],
)
async def test_every_framing_is_read(answer: bytes, body: bytes) -> None:
    """Chunks, until close, after interim answers; what comes after the promised length is not read."""
    async with serve(answering(answer)) as server:
        assert (await call(server.port)).body == body


async def test_an_early_answer_to_a_large_body_is_read() -> None:
    """A server may refuse a body before it has read it."""

    async def refuse_early(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(json_answer(b"too large", "413 Content Too Large"))
        await connection.wait_until_client_leaves()

    async with serve(refuse_early) as server:
        url = f"http://127.0.0.1:{server.port}/"
        exchange = await send("POST", url, [], b"x" * 1_000_000, rules=[loopback_rule(server.port)], limits=QUICK)
    assert exchange.status == 413


NOT_ANSWERS = [
    # (what the server sends before it closes, how it ends, code, may be tried again)
    (b"", "close", Failure.DISCONNECTED, True),
    (b"", "reset", Failure.DISCONNECTED, True),
    (b"HTTP/1.1 200 OK\r\nContent-", "close", Failure.DISCONNECTED, False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "close", Failure.DISCONNECTED, False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "reset", Failure.DISCONNECTED, False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "close", Failure.DISCONNECTED, False),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"\x00\x01\x02\x03", "close", Failure.PROTOCOL_ERROR, False),
    (b"\x15\x03\x01\x00\x02\x02\x46", "close", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "hold", Failure.PROTOCOL_ERROR, False),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "hold", Failure.PROTOCOL_ERROR, False),
]


@pytest.mark.parametrize(("sent", "ending", "code", "retryable"), NOT_ANSWERS)
async def test_what_is_not_an_answer_is_told_apart(sent: bytes, ending: str, code: Failure, retryable: bool) -> None:
    """Spec 02: every failure names its stage. F1: only a close before any byte may be tried again."""
    async with serve(answering(sent, hold=ending == "hold", reset=ending == "reset")) as server:
        error = await failure_of(server.port)
    assert (error.code, error.retryable) == (code, retryable)
    assert error.message.endswith(".")


async def test_tls_on_a_plain_port_is_named() -> None:
    """Spec 02: says what to try."""
    async with serve(answering(b"\x15\x03\x01\x00\x02\x02\x46")) as server:
        assert "https" in (await failure_of(server.port)).hint


async def test_a_closed_port_is_connection_refused() -> None:
    """Spec 02; F1: a connect failure may be tried again."""
    async with serve(answering(b"")) as server:
        port = server.port
    error = await failure_of(port)
    assert (error.code, error.retryable) == (Failure.CONNECTION_REFUSED, True)


@contextmanager
def nothing_left_to_the_garbage_collector() -> Iterator[None]:
    """Python closes a forgotten connection with a ResourceWarning, some time later."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    assert [str(warning.message) for warning in caught if "unclosed" in str(warning.message)] == []


async def test_cancelling_closes_the_connection_at_once() -> None:
    """F3: a client that leaves stops the upstream call."""

    async def hang(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await connection.wait_until_client_leaves()

    with nothing_left_to_the_garbage_collector():
        async with serve(hang) as server:
            task = asyncio.create_task(call(server.port))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.client_left.wait(), 30)


async def test_a_finished_call_leaves_no_connection_open() -> None:
    """B4: connections are not shared between calls."""

    async def answer_and_wait(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(json_answer())
        await connection.wait_until_client_leaves()

    with nothing_left_to_the_garbage_collector():
        async with serve(answer_and_wait) as server:
            await call(server.port)
            await asyncio.wait_for(server.client_left.wait(), 30)


async def test_debug_logs_hold_no_headers(caplog: pytest.LogCaptureFixture) -> None:
    """A10."""
    caplog.set_level(logging.DEBUG)
    async with serve(answering(json_answer(b"{}", "200 OK", "Set-Cookie: planted=1"))) as server:
        await post(server, "/?key=planted", [("Authorization", Secret("planted"))], b"planted")
    assert "planted" not in caplog.text
