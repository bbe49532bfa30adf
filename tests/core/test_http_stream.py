"""An answer read as it comes: pieces at once, back-pressure both ways, time limits, and every way it can break (spec 07 B6, F1)."""

import asyncio
import gzip
import time
import zlib
from contextlib import aclosing
from dataclasses import replace

import pytest

from apps.core.http import Incoming, Limits, OutboundError, open_prepared, prepare
from apps.core.outbound import Failure
from tests.core.test_http_limits import CHUNKED, CHUNKED_GZIP, MIB, chunked, done_within, gzip_bomb, memory_within
from tests.support.outbound import QUICK, loopback_rule
from tests.support.servers import Connection, Handler, answering, endless, json_answer, serve

SMALL = Limits(connect=60, first_byte=60, between=60, total=60, header_bytes=4096, body_bytes=1 * MIB)
SHORT = replace(SMALL, between=1.0, total=2.0)  # for what must end by the clock, once it has begun


async def opened(port: int, *, method: str = "POST", body: bytes = b"", limits: Limits = QUICK, pool: str = "") -> Incoming:
    prepared = prepare(method, f"http://127.0.0.1:{port}/", [], rules=[loopback_rule(port)], pool=pool)
    return await open_prepared(prepared, body, limits=limits)


async def pieces_of(incoming: Incoming) -> tuple[list[bytes], OutboundError | None]:
    """What came, and how it ended."""
    pieces = []
    try:
        async with incoming, aclosing(incoming.chunks()) as chunks:  # type: ignore[type-var]
            async for piece in chunks:
                pieces.append(piece)
    except OutboundError as error:
        return pieces, error
    return pieces, None


def turns(head: bytes, *pieces: bytes) -> tuple[Handler, asyncio.Event]:
    """A server that sends the next piece when the event is set."""
    go = asyncio.Event()

    async def handler(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(head)
        for piece in pieces:
            await go.wait()
            go.clear()
            await connection.send(piece)
        await connection.wait_until_client_leaves()

    return handler, go


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_each_piece_is_there_as_soon_as_it_came(packed: bool) -> None:
    """Spec 08: nothing waits for more to come; gzip is decoded as far as it goes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    texts = [b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"]
    sent = [packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH) for text in texts] if packed else texts
    end = chunked(packer.flush()) + b"0\r\n\r\n" if packed else b"0\r\n\r\n"
    handler, go = turns(CHUNKED_GZIP if packed else CHUNKED, *map(chunked, sent), end)
    async with serve(handler) as server, await opened(server.port) as incoming, aclosing(incoming.chunks()) as chunks:  # type: ignore[type-var]
        for text in texts:
            go.set()
            assert await anext(chunks) == text
        go.set()
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_what_came_in_one_read_is_one_piece() -> None:
    """Spec 08: many chunks of the server's do not make many turns of ours; and an answer that is there is read without waiting."""
    async with serve(answering(CHUNKED + b"".join(chunked(b"%d," % number) for number in range(100)) + b"0\r\n\r\n")) as server:
        pieces, error = await pieces_of(await opened(server.port))
        assert error is None
        assert len(pieces) == 1
        assert b"".join(pieces) == b"".join(b"%d," % number for number in range(100))
    async with serve(answering(json_answer(b"{}"), hold=True)) as server, await opened(server.port) as incoming:
        reading = incoming.read()
        with pytest.raises(StopIteration) as result:
            reading.send(None)
        assert result.value.value == b"{}"


BROKEN: list[tuple[str, Handler, list[bytes], Failure]] = [
    ("a reset in the middle", answering(CHUNKED, chunked(b"one"), pause=0.05, reset=True), [b"one"], Failure.DISCONNECTED),
    ("a close in the middle", answering(CHUNKED, chunked(b"one"), pause=0.05), [b"one"], Failure.DISCONNECTED),
    ("half of gzip", answering(CHUNKED_GZIP, chunked(gzip.compress(bytes(99))[:-9]) + b"0\r\n\r\n"), [bytes(99)], Failure.DECODE_FAILED),
    ("more than the cap", endless(CHUNKED, chunked(b"x" * 16384)), [], Failure.RESPONSE_TOO_LARGE),
    ("a bomb", answering(CHUNKED_GZIP + chunked(gzip_bomb(64))), [], Failure.RESPONSE_TOO_LARGE),
    ("silence", answering(CHUNKED + chunked(b"one"), hold=True), [b"one"], Failure.TIMEOUT),
    ("a drip", endless(CHUNKED, chunked(b"x"), pause=0.05), [], Failure.TIMEOUT),
    ("a length that is too long", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"), [b"one"], Failure.DISCONNECTED),
    ("a chunk that is not one", answering(CHUNKED + chunked(b"one"), b"huh\r\n", pause=0.05), [b"one"], Failure.PROTOCOL_ERROR),
    ("a chunk of 2^64 bytes", answering(CHUNKED + b"10000000000000000\r\n", hold=True), [], Failure.PROTOCOL_ERROR),
    ("a chunk below nothing", answering(CHUNKED + b"-1\r\n", hold=True), [], Failure.PROTOCOL_ERROR),
    ("a huge chunk", endless(CHUNKED + b"ffffffffffffff\r\n", b"x" * 65536), [], Failure.RESPONSE_TOO_LARGE),
    ("extensions without end", endless(CHUNKED + b"1;", b"x" * 4096), [], Failure.PROTOCOL_ERROR),
    ("extensions on every chunk", endless(CHUNKED, b"1;" + b"x" * 4096 + b"\r\ny\r\n"), [], Failure.PROTOCOL_ERROR),
    ("trailers behind much", endless(CHUNKED + chunked(b"x" * 900_000) + b"0\r\n", b"a:\r\n" * 1000), [], Failure.PROTOCOL_ERROR),
    ("trailers without end", endless(CHUNKED + b"0\r\n", b"X: y\r\n" * 100), [], Failure.PROTOCOL_ERROR),
]  # fmt: skip


@pytest.mark.parametrize(("handler", "came", "code"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_body_that_breaks_gives_what_came_and_says_why(handler: Handler, came: list[bytes], code: Failure) -> None:
    """B6, F1: never to be tried again, as there was an answer; in bounded time and memory."""
    limits = SHORT if code is Failure.TIMEOUT else SMALL
    with memory_within(8 * MIB), done_within(1.5):
        async with serve(handler) as server:
            pieces, error = await pieces_of(await opened(server.port, limits=limits))
    assert error is not None
    assert (error.code, error.retryable) == (code, False)
    assert b"".join(pieces).startswith(b"".join(came))


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Content-Length: +3\r\n\r\nabc",
        b"Content-Length: 0x3\r\n\r\nabc",
        b"Content-Length: 3, 3\r\n\r\nabc",
        b"Content-Length:\r\n\r\nabc",
        b"X: a\r\n folded\r\nContent-Length: 3\r\n\r\nabc",
        b"X: a\nContent-Length: 3\r\n\r\nabc",
        b"X: a\x00b\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_framing_that_two_readers_could_read_differently_is_refused(head: bytes) -> None:
    """RFC 9112, 6.3: what a proxy and we could read as different answers is none."""
    async with serve(answering(b"HTTP/1.1 200 OK\r\n" + head, hold=True)) as server:
        with pytest.raises(OutboundError) as failure:
            async with await opened(server.port) as incoming:
                await incoming.read()
    assert failure.value.code == Failure.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("method", "answer", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204),
    ],
)
async def test_an_answer_without_a_body_does_not_wait_for_one(method: str, answer: bytes, status: int) -> None:
    """RFC 9110, 9.3.2, 15.3.5 and 15.4.5."""
    async with serve(answering(answer, hold=True)) as server, await opened(server.port, method=method) as incoming:
        assert (incoming.status, await incoming.read()) == (status, b"")


async def test_a_head_in_single_bytes() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\n\r\n" + json_answer(b"[1]", "200 OK", "X-Name:  value\t ") + b"surplus"
    async with serve(answering(*(bytes([byte]) for byte in answer))) as server, await opened(server.port) as incoming:
        assert await incoming.read() == b"[1]"
        assert ("X-Name", "value") in incoming.headers
        assert incoming.header("early") == ""


async def test_an_offer_to_upgrade_changes_nothing() -> None:
    """Apache offers h2 so; nobody takes it."""
    answer = json_answer(b"[1]", "200 OK", "Upgrade: h2,h2c", "Connection: Upgrade, Keep-Alive")
    async with serve(answering(answer, hold=True)) as server, await opened(server.port) as incoming:
        assert await incoming.read() == b"[1]"


async def test_a_slow_reader_holds_the_server_back() -> None:
    """Spec 08: an answer that nobody takes stays with the server, and time limits between pieces are not the server's then."""
    sent = 0

    async def flood(connection: Connection) -> None:
        nonlocal sent
        await connection.read_request()
        await connection.send(CHUNKED)
        for _ in range(400):
            await connection.send(chunked(b"x" * 65536))
            sent += 65536
        await connection.send(b"0\r\n\r\n")

    with memory_within(12 * MIB):  # the server's buffers and the machine's sockets are not ours
        async with serve(flood) as server, await opened(server.port, limits=Limits(between=1, total=120)) as incoming:
            total, slept = 0, False
            async for piece in incoming.chunks():
                total += len(piece)
                if total > 2 * MIB and not slept:
                    slept = True
                    await asyncio.sleep(1.5)
                    assert sent < total + 16 * MIB
    assert total == 400 * 65536


async def test_a_slow_server_holds_a_large_request_back() -> None:
    """Spec 08: it is sent as it is taken, and an answer that comes meanwhile is read at once."""

    async def slow(connection: Connection) -> None:
        connection.server.requests.append(await connection.reader.readuntil(b"\r\n\r\n"))
        taken = 0
        while taken < 20 * MIB:
            taken += len(await connection.reader.read(MIB))
        await connection.send(json_answer(b"%d" % taken))

    body = bytes(20 * MIB)
    with memory_within(8 * MIB):
        async with serve(slow) as server, await opened(server.port, body=body, limits=Limits(first_byte=120, total=120)) as incoming:
            assert await incoming.read() == b"%d" % len(body)


async def test_an_early_answer_to_a_large_request_spoils_the_connection() -> None:
    """The rest of the request was never sent: what follows on the connection would be read as that."""

    async def refuse_early(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(json_answer(b"no", "413 Content Too Large"))
        await connection.wait_until_client_leaves()

    async with serve(refuse_early) as server:
        async with await opened(server.port, body=bytes(20 * MIB), pool="a") as incoming:
            assert (incoming.status, await incoming.read()) == (413, b"no")
        await asyncio.wait_for(server.client_left.wait(), 30)


@pytest.mark.parametrize("leave", ["aclose", "cancel", "break"])
async def test_leaving_a_stream_is_seen_by_the_server_at_once(leave: str) -> None:
    """F3: also from the pool, a connection in the middle of an answer serves nobody else."""
    handler, go = turns(CHUNKED, chunked(b"one"))
    async with serve(handler) as server:

        async def read() -> None:
            async with await opened(server.port, pool="a") as incoming:
                async for _ in incoming.chunks():
                    if leave == "break":
                        break
                    if leave == "aclose":
                        await incoming.aclose()
                        return

        task = asyncio.create_task(read())
        while not server.requests:
            await asyncio.sleep(0.01)
        go.set()
        if leave == "cancel":
            await asyncio.sleep(0.05)
            task.cancel()
        await asyncio.wait([task])
        await asyncio.wait_for(server.client_left.wait(), 30)


async def test_the_total_limit_counts_while_nobody_reads() -> None:
    """B6: a deadline over the whole call."""
    async with serve(answering(CHUNKED, hold=True)) as server:
        started = time.perf_counter()
        async with await opened(server.port, limits=SHORT) as incoming:
            await asyncio.wait_for(server.client_left.wait(), 30)  # we left, though nobody asked for the body
            assert time.perf_counter() - started >= 1.95
            with pytest.raises(OutboundError) as failure:
                await incoming.read()
    assert failure.value.code == Failure.TIMEOUT


async def test_a_thousand_open_streams() -> None:
    """Spec 08: none fails, each gets its events as they come, in bounded memory (the server's half included)."""
    go, waiting = asyncio.Event(), 0

    async def handler(connection: Connection) -> None:
        nonlocal waiting
        await connection.read_request()
        await connection.send(CHUNKED + chunked(b"data: 1\n\n"))
        waiting += 1
        await go.wait()
        await connection.send(chunked(b"data: 2\n\n") + b"0\r\n\r\n")

    async def stream(port: int) -> bytes:
        async with await opened(port, limits=Limits(connect=120, first_byte=120, between=120, total=120), pool="a") as incoming:
            return await incoming.read()

    with memory_within(40 * MIB):
        async with serve(handler) as server:
            streams = [asyncio.create_task(stream(server.port)) for _ in range(1000)]
            while waiting < 1000 and not any(task.done() for task in streams):  # one that ends this early has failed, which gather says
                await asyncio.sleep(0.02)
            go.set()
            answers = await asyncio.gather(*streams)
    assert set(answers) == {b"data: 1\n\ndata: 2\n\n"}
    assert server.connections == 1000
