"""An answer that goes on as it comes, without a task in between, and what becomes of its connection (spec 08; spec 07 B4, B6)."""

import asyncio
import gzip
from dataclasses import replace

import pytest

from apps.core import wire
from apps.core.http import OutboundError
from apps.core.outbound import Failure
from apps.core.pool import current_pool
from tests.core.test_http_limits import CHUNKED, CHUNKED_GZIP, chunked
from tests.core.test_http_stream import opened, turns
from tests.support.outbound import QUICK
from tests.support.servers import Connection, serve

TEXTS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_each_piece_goes_on_at_once_and_the_sink_may_stop(packed: bool) -> None:
    sent = [gzip.compress(text) for text in TEXTS] if packed else TEXTS
    handler, go = turns(CHUNKED_GZIP if packed else CHUNKED, *map(chunked, sent), b"0\r\n\r\n")
    got: list[bytes] = []

    def sink(data: bytes) -> bool:
        got.append(data)
        go.set()
        return b"two" not in data

    async with serve(handler) as server, await opened(server.port) as incoming:
        go.set()
        assert await incoming.pump(sink)
        assert got == TEXTS[:2]
        while await incoming.pump(sink):
            pass
        assert got == TEXTS
        assert not await incoming.pump(sink)


async def test_what_the_sink_raises_comes_out() -> None:
    handler, go = turns(CHUNKED, chunked(b"one"), chunked(b"two"))
    async with serve(handler) as server, await opened(server.port) as incoming:
        go.set()
        with pytest.raises(ZeroDivisionError):
            await incoming.pump(lambda data: bool(1 // 0))


async def test_limits_hold_while_it_goes_on() -> None:
    """B6: size, silence, a cut."""
    small, hasty = replace(QUICK, body_bytes=8), replace(QUICK, between=0.1)
    handler, go = turns(CHUNKED, chunked(b"12345"), chunked(b"6789"))

    def sink(data: bytes) -> bool:
        go.set()
        return True

    async with serve(handler) as server, await opened(server.port, limits=small) as incoming:
        go.set()
        with pytest.raises(OutboundError) as failure:
            await incoming.pump(sink)
        assert failure.value.code == Failure.RESPONSE_TOO_LARGE
    handler, go = turns(CHUNKED, chunked(b"12345"), b"")
    async with serve(handler) as server, await opened(server.port, limits=hasty) as incoming:
        go.set()
        with pytest.raises(OutboundError) as failure:
            await incoming.pump(lambda data: True)
        assert failure.value.code == Failure.TIMEOUT


@pytest.mark.parametrize(("end", "is_kept"), [(b"0\r\n\r\n", True), (chunked(b"more") + b"0\r\n\r\n", False), (b"nonsense", False)])
async def test_a_connection_whose_answer_ends_a_little_later_is_kept(end: bytes, is_kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """[DONE] says that a stream is over; that the body is over may come in a packet of its own."""
    monkeypatch.setattr(wire, "LINGER_SECONDS", 60)  # "a little" on any machine
    go = asyncio.Event()

    async def handler(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(CHUNKED + chunked(TEXTS[2]))
        await go.wait()
        await connection.send(end)
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await connection.wait_until_client_leaves()

    async with serve(handler) as server:
        async with await opened(server.port, pool="a") as incoming:
            assert await incoming.pump(lambda data: False)
            incoming.leave()
        go.set()
        async with asyncio.timeout(50):
            while not (current_pool()._count if is_kept else server.client_left.is_set()):
                await asyncio.sleep(0.01)
        if is_kept:
            async with await opened(server.port, pool="a") as incoming:
                assert await incoming.read() == b""
            assert server.connections == 1


async def test_a_connection_whose_answer_does_not_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LINGER_SECONDS", 0.05)
    handler, go = turns(CHUNKED, chunked(TEXTS[2]))
    async with serve(handler) as server:
        async with await opened(server.port, pool="a") as incoming:
            go.set()
            assert await incoming.pump(lambda data: False)
            incoming.leave()
        await asyncio.wait_for(server.client_left.wait(), 60)
