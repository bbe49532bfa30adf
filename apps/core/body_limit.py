"""A bound on what a request may send. Django writes a whole body to a file before any view or form can judge its size."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

MAX_BODY = 16 * 2**20  # bytes: the largest form (DATA_UPLOAD_MAX_MEMORY_SIZE), and a file beside it
_SAID = f"The request is larger than {MAX_BODY >> 20} MiB.\n".encode()


def limited(application: Application) -> Application:
    """The ASGI application, with 413 for a body that is too large: at once where its length is announced, else where it goes beyond."""

    async def run(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
        elif announced_length(scope) > MAX_BODY:
            await refuse(send)
        else:
            await Counted(receive, send).run(application, scope)

    return run


def announced_length(scope: Mapping[str, Any]) -> int:
    """The Content-Length; 0 where there is none. The server has checked that it is a number."""
    length = b"0"
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value
    return int(length) if length.isdigit() and len(length) < 20 else MAX_BODY + 1


class Counted:
    """One request whose body is counted as it comes in. To the application, one that is too large breaks off."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.inner_receive = receive
        self.inner_send = send
        self.received = 0
        self.has_answered = False

    async def run(self, application: Application, scope: dict[str, Any]) -> None:
        await application(scope, self.receive, self.send)
        if self.received > MAX_BODY and not self.has_answered:
            await refuse(self.inner_send)

    async def receive(self) -> dict[str, Any]:
        if self.received > MAX_BODY:
            return {"type": "http.disconnect"}
        message = await self.inner_receive()
        self.received += len(message.get("body", b""))
        return message if self.received <= MAX_BODY else {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        self.has_answered = True
        await self.inner_send(message)


async def refuse(send: Send, status: int = 413, said: bytes = _SAID) -> None:
    """One sentence as plain text, and the end of the connection: what is still on its way is not read."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(said)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": said})
