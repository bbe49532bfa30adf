"""Reading a request's body within bounds of size and time."""

import asyncio
from typing import Any

from apps.core.body_limit import MAX_BODY, Receive
from apps.gateway.departure import Departure
from apps.gateway.refusals import CallerLeft, too_large, too_slow


async def read_body(receive: Receive, announced: int, departure: Departure) -> bytes:
    """The whole body; `announced` is its Content-Length. Raises Refusal, CallerLeft."""
    try:
        if announced > MAX_BODY:
            raise too_large()
        message = await receive()
        body = _piece(message)
        return await _rest(receive, body) if message.get("more_body") else body
    except asyncio.CancelledError:
        if not departure.takes_back():
            raise
        raise too_slow(departure.upload_seconds) from None
    finally:
        departure.body_is_read()


async def _rest(receive: Receive, first: bytes) -> bytes:
    body = bytearray(first)
    more = True
    while more:
        message = await receive()
        body += _piece(message)
        if len(body) > MAX_BODY:
            raise too_large()
        more = message.get("more_body", False)
    return bytes(body)


def _piece(message: dict[str, Any]) -> bytes:
    if message["type"] == "http.disconnect":
        raise CallerLeft
    piece: bytes = message.get("body", b"")
    return piece
