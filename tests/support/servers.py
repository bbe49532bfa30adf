"""Real servers on loopback for tests of calls out: each connection is handed to a small coroutine that may misbehave as it likes."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class LoopbackServer:
    """What a test wants to know of a running server."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)  # head and body as they came over the wire
    client_left: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Connection:
    """One connection, as a handler sees it."""

    server: LoopbackServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_request(self) -> None:
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
        self.server.requests.append(head + await self.reader.readexactly(int(fields.get(b"content-length", b"0"))))

    async def send(self, data: bytes, pause: float = 0.0) -> None:
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(pause)

    async def wait_until_client_leaves(self) -> None:
        with contextlib.suppress(OSError):
            while await self.reader.read(65536):
                pass
        self.server.client_left.set()


type Handler = Callable[[Connection], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[LoopbackServer]:
    """Run `handler` for each connection on a free port."""
    state = LoopbackServer()
    tasks: set[asyncio.Task[None]] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        state.connections += 1
        try:
            await handler(Connection(state, reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            state.client_left.set()
        finally:
            writer.close()

    server = await asyncio.start_server(on_connection, host, 0, ssl=tls, backlog=1024)  # crowds are not sent back to try again
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*pieces: bytes, pause: float = 0.0, hold: bool = False, reset: bool = False) -> Handler:
    """Read the request, send the pieces with a pause after each, then close; or `hold` the connection open; or `reset` it."""

    async def handler(connection: Connection) -> None:
        await connection.read_request()
        for piece in pieces:
            await connection.send(piece, pause)
        if hold:
            await connection.wait_until_client_leaves()
        if reset:
            linger_not = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends a reset
            connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
            connection.writer.transport.abort()

    return handler


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Handler:
    """Read the request, send the head, then the piece for ever."""

    async def handler(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(head)
        while True:
            await connection.send(piece, pause)

    return handler


def json_answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer with a right Content-Length."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
