"""Requests that offer another protocol and have a body: uvicorn's parser stops behind their head and takes the body for the next request.

So they could bring in requests that nobody in front of this server has seen. Who offers HTTP/2 without TLS (Java's client does) is told.
"""

from collections.abc import Mapping
from typing import Any, Final

from apps.core import body_limit
from apps.core.body_limit import Send

_SAID: Final = b"A request with a body cannot change the protocol here. Send it as HTTP/1.1 without Upgrade, or over https.\n"


def loses_body(scope: Mapping[str, Any]) -> bool:
    """Of an ASGI scope of the type http."""
    for name, _ in scope["headers"]:
        if name == b"upgrade":
            break
    else:
        return False  # nearly always
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return any(name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ")) for name, value in headers)


async def refuse(send: Send) -> None:
    await body_limit.refuse(send, 400, _SAID)
