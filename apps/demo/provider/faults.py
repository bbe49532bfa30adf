"""Ways to misbehave, under /fault/<name>[/<number>]/<the normal path>: each sends, or does not send, the normal reply in its own way."""

import asyncio
import base64
import functools
import gzip
import re
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from apps.demo.provider.connection import Connection, chunk, head, head_of
from apps.demo.provider.messages import Dialect, Headers, Refusal, Reply, Request, Why, json_reply

MIB = 1024 * 1024
KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-harbor-key")
PATH = re.compile(r"/fault/([a-z0-9]+)(?:/(\d+(?:\.\d+)?))?(/.*)?")


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault works with. `number` is the one in the path, or the fault's own default."""

    connection: Connection
    request: Request
    dialect: Dialect
    reply: Reply
    number: float


@dataclass(frozen=True, slots=True)
class Fault:
    run: Callable[[Call], Awaitable[None]]
    number: float = 0


def split_fault(path: str) -> tuple[str, float | None, str]:
    """("", None, path) for a normal path; for /fault/slow/2/echo ("slow", 2.0, "/echo")."""
    found = PATH.fullmatch(path)
    if found is None:
        return "", None, path
    return found[1], float(found[2]) if found[2] else None, found[3] or ""


def find_fault(name: str) -> Fault | None:
    """The fault of that name; any status from 400 to 599 is one."""
    if re.fullmatch(r"[45]\d\d", name):
        return Fault(_status, int(name))
    return FAULTS.get(name)


async def _status(call: Call) -> None:
    """Refuse with that status, in the dialect's own words where it has some: 401 and 403 mean the key, 429 carries Retry-After."""
    status = int(call.number)
    why = {401: Why.UNKNOWN_KEY, 403: Why.UNKNOWN_KEY, 429: Why.RATE_LIMITED}.get(status, Why.FAILED)
    await call.connection.send(replace(call.dialect.refuse(Refusal(why)), status=status))


async def _slow(call: Call) -> None:
    await asyncio.sleep(call.number)
    await call.connection.send(call.reply)


async def _hang(call: Call) -> None:
    await asyncio.Event().wait()


async def _hangup(call: Call) -> None:
    call.connection.close()


async def _reset(call: Call) -> None:
    call.connection.reset()


async def _truncated(call: Call) -> None:
    await _half(call)
    call.connection.close()


async def _stall(call: Call) -> None:
    await _half(call)
    await _hang(call)


async def _half(call: Call) -> None:
    """The first half: of the chunks when the reply streams, else of the bytes that its Content-Length promises."""
    await call.connection.write(head_of(call.reply))
    if not call.reply.streamed:
        await call.connection.write(call.reply.body[: len(call.reply.body) // 2])
        return
    for part in call.reply.parts[: len(call.reply.parts) // 2]:
        await call.connection.write(chunk(part))


async def _drip(call: Call) -> None:
    """One byte every `number` seconds, so that no single read ever takes long."""
    reply = replace(call.reply, streamed=False)
    await call.connection.write(head_of(reply))
    for byte in reply.body:
        await call.connection.write(bytes([byte]))
        await asyncio.sleep(call.number)


async def _huge(call: Call) -> None:
    """A JSON string of `number` MiB, its length announced."""
    size = int(call.number) * MIB
    await call.connection.write(head(200, (("content-type", "application/json"), ("content-length", str(size + 2)))))
    await call.connection.write(b'"')
    for _ in range(int(call.number)):
        await call.connection.write(b"x" * MIB)
    await call.connection.write(b'"')


async def _endless(call: Call) -> None:
    """A body without end; stops when the client goes."""
    await call.connection.write(head_of(replace(call.reply, streamed=True)))
    while True:
        await call.connection.write(chunk(b" " * 65536))


async def _gzip(call: Call) -> None:
    await _body(call, gzip.compress(call.reply.body), (("content-encoding", "gzip"),))


async def _gzip_bomb(call: Call) -> None:
    bomb = await asyncio.to_thread(gzip_bomb, int(call.number))
    await _body(call, bomb, (("content-encoding", "gzip"),))


@functools.cache
def gzip_bomb(mebibytes: int) -> bytes:
    """A gzip stream of about a thousandth of the size that it unpacks to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * MIB) for _ in range(mebibytes)) + packer.flush()


async def _bad_gzip(call: Call) -> None:
    await _body(call, b"this is not gzip", (("content-encoding", "gzip"),))


async def _cut_gzip(call: Call) -> None:
    packed = gzip.compress(call.reply.body)
    await _body(call, packed[: len(packed) // 2], (("content-encoding", "gzip"),))


async def _big_headers(call: Call) -> None:
    """`number` KiB of headers."""
    padding = tuple((f"x-padding-{index}", "x" * 1024) for index in range(int(call.number)))
    await call.connection.send(replace(call.reply, headers=padding))


async def _redirect(call: Call) -> None:
    """307 to /echo on this server by another host name: a client that follows takes the key to another host."""
    port = call.request.header("host").partition(":")[2]
    await call.connection.send(Reply(307, (b"",), headers=(("location", f"http://localhost:{port}/echo"),)))


async def _leak(call: Call) -> None:
    """Quotes the key in full, in clear and in base64, in a header and in the message, as careless providers do."""
    given = next((value for name in KEY_HEADERS if (value := call.request.header(name))), "")
    key = given.rpartition(" ")[2]
    message = f"Unknown key {key} ({base64.b64encode(key.encode()).decode()})"
    await call.connection.send(json_reply(401, {"error": {"message": message}}, (("x-debug-key", key),)))


async def _garbage(call: Call) -> None:
    await call.connection.write(b"SSH-2.0-NotHTTP\r\n\r\n")
    call.connection.close()


async def _body(call: Call, body: bytes, headers: Headers = (), content_type: str = "application/json") -> None:
    await call.connection.send(Reply(200, (body,), content_type, headers))


def _says(body: bytes, content_type: str = "application/json") -> Fault:
    """A 200 with exactly this body."""
    return Fault(functools.partial(_body, body=body, content_type=content_type))


FAULTS: dict[str, Fault] = {
    "slow": Fault(_slow, 5),
    "hang": Fault(_hang),
    "hangup": Fault(_hangup),
    "reset": Fault(_reset),
    "truncated": Fault(_truncated),
    "stall": Fault(_stall),
    "drip": Fault(_drip, 0.2),
    "huge": Fault(_huge, 40),
    "endless": Fault(_endless),
    "gzip": Fault(_gzip),
    "gzipbomb": Fault(_gzip_bomb, 64),
    "badgzip": Fault(_bad_gzip),
    "cutgzip": Fault(_cut_gzip),
    "bigheaders": Fault(_big_headers, 128),
    "redirect": Fault(_redirect),
    "leak": Fault(_leak),
    "garbage": Fault(_garbage),
    "empty": _says(b""),
    "notjson": _says(b"The claim looks fine to me."),
    "html": _says(b"<!doctype html><title>Welcome</title><p>Please sign in.", "text/html; charset=utf-8"),
    "badutf8": _says(b'{"text": "caf\xe9"}'),
    "deep": _says(b"[" * 100_000 + b"]" * 100_000),
    "nan": _says(b'{"score": NaN}'),
    "nul": _says(rb'{"text": "a\u0000b\ud800c"}'),
}
