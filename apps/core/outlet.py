"""Where an answer leaves: ASGI's `send`, past uvicorn's checks where the server is uvicorn and the answer is made of checked pieces.

uvicorn looks at every header with two expressions and at every piece of a body again: a seventh of what a call of the gateway takes
(spec 08). So a plain answer on a connection that stays open is written to its transport here, in one piece. Everything else goes the usual
way: errors, connections that are to be closed, callers that read slowly, other servers.
"""

from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from apps.core.body_limit import Send

type HeaderList = list[tuple[bytes, bytes]]

_OK: Final = b"HTTP/1.1 200 OK\r\n"


class Outlet:
    """Of one request. Header names are lower-case, and names and values are such as may stand in a header: nobody looks at them again."""

    __slots__ = ("_cycle", "_send", "is_streaming")

    def __init__(self, send: Send) -> None:
        self._send = send
        cycle = getattr(send, "__self__", None)
        self._cycle = cycle if type(cycle) is RequestResponseCycle and not cycle.access_log else None
        self.is_streaming = False

    async def whole(self, status: int, headers: HeaderList, body: bytes) -> None:
        """A complete answer with its length."""
        headers.append((b"content-length", b"%d" % len(body)))
        cycle = self._cycle
        if (
            cycle is None
            or status != 200
            or not cycle.keep_alive
            or cycle.disconnected
            or cycle.response_started
            or cycle.flow.write_paused
            or cycle.scope["method"] == "HEAD"
        ):
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            await self._send({"type": "http.response.body", "body": body})
            return
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((_OK, *_lines(cycle.default_headers), *_lines(headers), b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()

    async def begin(self, headers: HeaderList) -> None:
        """The head of a stream. Its pieces follow."""
        self.is_streaming = True
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    def pass_on(self, data: bytes) -> bool:
        """A piece of a stream, not the last one, if it can leave at once. If not, `write` it."""
        cycle = self._cycle
        if cycle is None or not cycle.chunked_encoding or cycle.disconnected or cycle.flow.write_paused or not data:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def write(self, data: bytes, *, last: bool) -> None:
        """A piece of a stream. Waits while the caller reads slowly."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [b"%b: %b\r\n" % header for header in headers]
