"""What a request may send is bounded before anything of it is kept (07 C3)."""

from collections.abc import Sequence
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from apps.core.body_limit import MAX_BODY, limited
from config.asgi import application

CHUNK = b"a" * 2**20


class Taker:
    """An application that reads a body to its end, and counts what came in."""

    def __init__(self) -> None:
        self.taken = 0
        self.broke_off = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.broke_off = True
                return
            self.taken += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


async def status_of(app: Any, headers: Sequence[tuple[bytes, bytes]], chunks: int) -> int:
    scope = {"type": "http", "method": "POST", "path": "/health/live", "query_string": b"", "headers": headers, "http_version": "1.1"}
    sent = ApplicationCommunicator(app, scope)
    for number in range(chunks):
        await sent.send_input({"type": "http.request", "body": CHUNK, "more_body": number < chunks - 1})
    status: int = (await sent.receive_output())["status"]
    return status


@pytest.mark.parametrize("length", [b"%d" % (MAX_BODY + 1), b"9" * 5_000, b"x"])
async def test_a_body_that_is_announced_as_too_large_is_refused_unread(length: bytes) -> None:
    taker = Taker()
    assert await status_of(limited(taker), [(b"content-length", length)], 1) == 413
    assert taker.taken == 0


async def test_a_body_without_a_length_is_refused_where_it_goes_beyond() -> None:
    taker = Taker()
    assert await status_of(limited(taker), [(b"transfer-encoding", b"chunked")], 30) == 413
    assert taker.taken == MAX_BODY
    assert taker.broke_off


async def test_a_body_as_large_as_may_be_is_taken() -> None:
    taker = Taker()
    assert await status_of(limited(taker), [(b"content-length", b"%d" % MAX_BODY)], 16) == 200
    assert taker.taken == MAX_BODY


async def test_the_product_is_limited() -> None:
    """The application that the server runs, before Django and its database."""
    assert await status_of(application, [(b"content-length", b"%d" % (MAX_BODY + 1))], 1) == 413
    assert await status_of(application, [(b"transfer-encoding", b"chunked")], 17) == 413
