"""One client connection on a raw socket: requests are parsed by httptools, replies may be as broken as a fault wants them."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

import httptools

from apps.demo.provider.messages import Headers, Reply, Request

MAX_BODY = 64 * 1024 * 1024  # bytes of a request body; more closes the connection
PHRASES = {int(status): status.phrase for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """Answers one request after another through `serve`, which is cancelled when the client goes away."""

    def __init__(self, serve: Callable[[Request, "Connection"], Awaitable[None]], opened: set["Connection"], pace: float) -> None:
        self.pace = pace
        self._serve = serve
        self._opened = opened
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: asyncio.Queue[tuple[Request, bool]] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()

    # called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._opened.add(self)
        self.worker = asyncio.get_running_loop().create_task(self._work())

    def connection_lost(self, exc: Exception | None) -> None:
        self._opened.discard(self)
        self._writable.set()
        self.worker.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.write(head(400, (("content-length", "0"), ("connection", "close"))))
            self.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # called by httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if ("expect", "100-continue") in self._headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MAX_BODY:
            self.reset()

    def on_message_complete(self) -> None:
        path, _, query = self._target.decode("latin-1").partition("?")
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, query, tuple(self._headers), bytes(self._body))
        self._waiting.put_nowait((request, self._parser.should_keep_alive()))

    # called by the server and by faults

    async def send(self, reply: Reply) -> None:
        """Send a reply as it should be sent; a streamed one chunk by chunk with `pace` seconds between."""
        if not reply.streamed:
            await self.write(head_of(reply) + reply.body)
            return
        await self.write(head_of(reply))
        for part in reply.parts:
            await self.write(chunk(part))
            await asyncio.sleep(self.pace)
        await self.write(chunk(b""))

    async def write(self, data: bytes) -> None:
        """Write raw bytes, waiting while the client does not read."""
        self._transport.write(data)
        await asyncio.sleep(0)
        await self._writable.wait()

    def close(self) -> None:
        """End the connection in order, once everything written has been sent."""
        self._transport.close()

    def reset(self) -> None:
        """Break the connection: the client sees a reset, not an end."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _work(self) -> None:
        try:
            keep = True
            while keep and not self._transport.is_closing():
                request, keep = await self._waiting.get()
                await self._serve(request, self)
        finally:
            self.close()


def head(status: int, headers: Headers) -> bytes:
    """The status line and header lines of an answer, with the blank line after them."""
    lines = [f"HTTP/1.1 {status} {PHRASES.get(status, '')}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def head_of(reply: Reply) -> bytes:
    """The head of a reply: chunked when it streams, with its length else."""
    framing = ("transfer-encoding", "chunked") if reply.streamed else ("content-length", str(len(reply.body)))
    return head(reply.status, (("server", "demo-provider"), ("content-type", reply.content_type), framing, *reply.headers))


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)
