"""What goes back to a program: heads made of ready pieces, the names of model and connection among them, and nothing held back."""

import math
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from apps.core.body_limit import Send
from apps.core.outlet import HeaderList, Outlet
from apps.gateway.departure import Departure
from apps.gateway.doors import Door
from apps.inference.calls import Call

JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
)
# Printable ASCII stands for itself but for the percent sign, so that a name can be told from an encoded one.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


@lru_cache(maxsize=4096)
def written(name: str) -> bytes:
    """A name as a header value: printable ASCII, everything else percent-encoded as UTF-8."""
    return quote(name, safe=_PLAIN, errors="replace").encode("ascii")


def retry_after(seconds: float) -> tuple[bytes, bytes]:
    """In whole seconds, at least one."""
    return b"retry-after", str(max(1, math.ceil(seconds))).encode()


async def send_json(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """A whole answer."""
    await Outlet(send).whole(status, [*headers, JSON], body)


class Reply:
    """The answer to one call, whole or streamed. The head of a stream waits for its first bytes, so that whatever goes wrong before
    them is an ordinary error.
    """

    __slots__ = ("_call", "_departure", "_door", "_outlet")

    def __init__(self, call: Call, door: Door, send: Send, departure: Departure) -> None:
        self._call = call
        self._door = door
        self._outlet = Outlet(send)
        self._departure = departure

    @property
    def begun(self) -> bool:
        return self._outlet.is_streaming

    def headers(self) -> HeaderList:
        """Which call this is, and where it went, as far as is known."""
        call = self._call
        request_id = call.request_id.encode()
        headers = [(b"x-patchbay-request-id", request_id), (self._door.id_header, request_id)]
        if call.route is not None:
            headers.append((b"x-patchbay-model", written(call.route.name)))
        if call.connection is not None:
            headers.append((b"x-patchbay-connection", written(call.connection.name)))
        headers.append((b"x-patchbay-attempts", str(len(call.attempts)).encode()))
        return headers

    async def whole(self, body: bytes, status: int = 200, *more: tuple[bytes, bytes]) -> None:
        await self._outlet.whole(status, [JSON, *self.headers(), *more], body)

    def pass_on(self, data: bytes) -> bool:
        """Pass bytes of a stream on that has begun, if they can leave at once; if not, `write` them."""
        return self._outlet.is_streaming and self._outlet.pass_on(data)

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Pass bytes of a stream on. Waits while the caller reads slower than the provider writes, and with that the provider waits."""
        outlet = self._outlet
        if not outlet.is_streaming:
            await outlet.begin([*_EVENTS, *self.headers()])
        self._departure.writing_since = self._departure.now()
        await outlet.write(data, last=last)
        self._departure.writing_since = 0.0
