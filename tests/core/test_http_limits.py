"""Spec 07 B6: sizes and times end within the limits, with bounded memory."""

import asyncio
import contextlib
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from apps.core.addresses import Address
from apps.core.http import Limits, OutboundError, send
from apps.core.outbound import Failure
from tests.support.outbound import call, failure_of
from tests.support.servers import Connection, Handler, answering, endless, json_answer, serve

MIB = 1024 * 1024
# What must end by its size gets time for it; what must end by the clock gets little, and only of that one limit.
SMALL = Limits(connect=60, first_byte=60, total=60, header_bytes=4096, body_bytes=1 * MIB)
SHORT = replace(SMALL, total=1.0)
IMPATIENT = replace(SMALL, first_byte=0.3)


@contextmanager
def memory_within(limit: int) -> Iterator[None]:
    """Python's own memory grows by no more than `limit` bytes, the test server's share included."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"peak was {peak:,} bytes"


@contextmanager
def done_within(seconds: float) -> Iterator[None]:
    """It ends, and not by a limit of another order: those are 60 s and more. Much more than the usual, as the machine may be busy."""
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < 30 + seconds


def gzip_bomb(megabytes: int) -> bytes:
    """A gzip stream of zeros, 1 : 1000, put together from one compressed piece; it has no end, which nobody reaches."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * (megabytes // 16)


def gzipped(body: bytes) -> bytes:
    return json_answer(body, "200 OK", "Content-Encoding: gzip")


def chunked(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_GZIP = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
ENDLESS: list[tuple[str, Handler, Failure]] = [
    ("a body without end, in chunks", endless(CHUNKED, chunked(b"x" * 16384)), Failure.RESPONSE_TOO_LARGE),
    ("a body without end or framing", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 16384), Failure.RESPONSE_TOO_LARGE),
    ("gzip without end that decodes to nothing", endless(CHUNKED_GZIP, chunked(gzip.compress(b"") * 800)), Failure.RESPONSE_TOO_LARGE),
    ("a drip of a byte", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05), Failure.TIMEOUT),
    ("a drip of chunk extensions", endless(CHUNKED + b"1;", b"x", pause=0.05), Failure.TIMEOUT),
    ("a header without end", endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 16384), Failure.HEADERS_TOO_LARGE),
    ("headers without end", endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100), Failure.HEADERS_TOO_LARGE),
    ("a status line without end", endless(b"HTTP/1.1 200 ", b"O" * 16384), Failure.HEADERS_TOO_LARGE),
    ("interim answers without end", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Failure.HEADERS_TOO_LARGE),
    ("a drip of a header", endless(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause=0.05), Failure.TIMEOUT),
]  # fmt: skip


@pytest.mark.parametrize(("handler", "code"), [case[1:] for case in ENDLESS], ids=[case[0] for case in ENDLESS])
async def test_what_has_no_end_is_ended(handler: Handler, code: Failure) -> None:
    """B6: headers, body, and a deadline over the whole call, which a drip does not reset."""
    with memory_within(8 * MIB), done_within(1.5):
        async with serve(handler) as server:
            error = await failure_of(server.port, limits=SHORT if code is Failure.TIMEOUT else SMALL)
    assert error.code == code
    assert not error.retryable


async def test_a_gzip_bomb_ends_at_the_cap() -> None:
    """B6: 2 MB that unpack to 2 GB, under a cap of 1 MiB and under the default of 32 MiB."""
    bomb = gzipped(gzip_bomb(2048))
    assert len(bomb) < 3 * MIB
    async with serve(answering(bomb)) as server:
        with memory_within(12 * MIB), done_within(2):
            error = await failure_of(server.port, limits=Limits(body_bytes=3 * MIB))
        assert error.code == Failure.RESPONSE_TOO_LARGE
        with memory_within(100 * MIB), done_within(4):
            error = await failure_of(server.port, limits=Limits())
        assert error.code == Failure.RESPONSE_TOO_LARGE


async def test_a_length_over_the_cap_is_refused_before_it_is_read() -> None:
    """B6."""
    async with serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", hold=True)) as server:
        with done_within(0.3):
            error = await failure_of(server.port, limits=SMALL)
    assert error.code == Failure.RESPONSE_TOO_LARGE


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB])
async def test_a_body_up_to_the_cap_is_read(size: int) -> None:
    """B6: the cap is inclusive, plain and unpacked."""
    body = bytes(size)
    for answer in (json_answer(body), gzipped(gzip.compress(body))):
        async with serve(answering(answer)) as server:
            assert (await call(server.port, limits=SMALL)).body == body


async def test_one_byte_over_the_cap_is_too_large() -> None:
    """B6."""
    body = bytes(MIB + 1)
    for answer in (CHUNKED + chunked(body) + b"0\r\n\r\n", gzipped(gzip.compress(body))):
        async with serve(answering(answer)) as server:
            assert (await failure_of(server.port, limits=SMALL)).code == Failure.RESPONSE_TOO_LARGE


@pytest.mark.parametrize(("size", "fits"), [(4096, True), (4097, False)])
async def test_the_header_limit_is_exact(size: int, fits: bool) -> None:
    """B6: status line and headers with their empty line; the body that comes along does not count."""
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nX: ", b"\r\n\r\n"
    head = start + b"x" * (size - len(start) - len(end)) + end
    async with serve(answering(head + bytes(5000))) as server:
        if fits:
            assert len((await call(server.port, limits=SMALL)).body) == 5000
        else:
            assert (await failure_of(server.port, limits=SMALL)).code == Failure.HEADERS_TOO_LARGE


async def test_gzip_is_decoded() -> None:
    """B6: also as several members, byte by byte, and with the header's old name."""
    body = b'{"text": "' + b"hello " * 1000 + b'"}'
    two = gzip.compress(body[:100]) + gzip.compress(body[100:])
    packed = gzip.compress(body)
    for answer in (gzipped(packed), gzipped(two), json_answer(packed, "200 OK", "content-encoding: X-GZIP")):
        async with serve(answering(answer)) as server:
            assert (await call(server.port)).body == body
    async with serve(answering(*(bytes([byte]) for byte in gzipped(packed)))) as server:
        assert (await call(server.port)).body == body


BROKEN_GZIP = [
    ("cut in the data", gzip.compress(b"hello" * 100)[:20], "gzip"),
    ("cut in the checksum", gzip.compress(b"hello" * 100)[:-1], "gzip"),
    ("wrong checksum", gzip.compress(b"hello" * 100)[:-8] + bytes(8), "gzip"),
    ("cut second member", gzip.compress(b"hello") + gzip.compress(b"hello")[:12], "gzip"),
    ("rubbish after the end", gzip.compress(b"hello") + b"rubbish", "gzip"),
    ("not gzip at all", b'{"a": 1}', "gzip"),
    ("an encoding that was not offered", b"hello", "br"),
    ("two encodings", gzip.compress(gzip.compress(b"hello")), "gzip, gzip"),
]


@pytest.mark.parametrize(("body", "encoding"), [case[1:] for case in BROKEN_GZIP], ids=[case[0] for case in BROKEN_GZIP])
async def test_a_body_that_cannot_be_decoded_is_an_error(body: bytes, encoding: str) -> None:
    """B6: a cut gzip stream is an error, not a short answer."""
    async with serve(answering(json_answer(body, "200 OK", f"Content-Encoding: {encoding}"))) as server:
        assert (await failure_of(server.port)).code == Failure.DECODE_FAILED


async def test_a_slow_first_byte_has_its_own_limit() -> None:
    """B6; F1: not to be tried again by itself, as the server may be at work."""
    async with serve(answering(b"", hold=True)) as server:
        with done_within(0.5):
            error = await failure_of(server.port, limits=IMPATIENT)
    assert (error.code, error.retryable) == (Failure.FIRST_BYTE_TIMEOUT, False)


async def test_a_server_that_does_not_read_the_request_meets_the_same_limit() -> None:
    """B6: waiting to send is waiting for the first byte."""

    async def read_nothing(connection: Connection) -> None:
        connection.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await connection.server.client_left.wait()

    async with serve(read_nothing) as server:
        with done_within(1):
            error = await failure_of(server.port, limits=IMPATIENT, body=bytes(20 * MIB))
        server.client_left.set()
    assert error.code == Failure.FIRST_BYTE_TIMEOUT


async def test_a_name_server_that_does_not_answer_meets_the_connect_limit() -> None:
    """B6; F1: nothing was sent, so it may be tried again."""

    async def never(host: str) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    with done_within(0.5), pytest.raises(OutboundError) as failure:
        await send("GET", "https://models.example/", [], b"", rules=[], limits=Limits(connect=0.2), resolver=never)
    assert (failure.value.code, failure.value.retryable) == (Failure.NAME_NOT_RESOLVED, True)


async def test_a_server_that_accepts_no_connection_meets_the_connect_limit() -> None:
    """B6: a listener whose queue is full lets the handshake hang, like a firewall that drops packets."""
    with socket.socket() as listener, contextlib.ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with done_within(1):
            error = await failure_of(listener.getsockname()[1], limits=Limits(connect=0.3))
    assert (error.code, error.retryable) == (Failure.CONNECT_TIMEOUT, True)
