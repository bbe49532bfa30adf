"""Secrets in the URL and the body: each at the place of its marker, written as the place needs it, masked in what comes back."""

import json

import pytest

from apps.core.http import Filling, send
from apps.core.secrets import Secret, call_secrets, redact
from tests.support.outbound import QUICK, loopback_rule
from tests.support.servers import answering, json_answer, serve

NASTY = 'p&q=1/..?"\\ é%'


@pytest.mark.parametrize(
    ("encoding", "url", "body", "expected"),
    [
        ("percent", "/v1?key=MARKER1&b=2", b"{}", b"POST /v1?key=p%26q%3D1%2F..%3F%22%5C%20%C3%A9%25&b=2 HTTP/1.1"),
        ("form", "/token", b"client_secret=MARKER1&x=1", b"client_secret=p%26q%3D1%2F..%3F%22%5C+%C3%A9%25&x=1"),
        ("json", "/v1", b'{"key": "MARKER1"}', json.dumps({"key": NASTY}).encode()),
    ],
)
async def test_a_secret_takes_the_place_of_its_marker(encoding: str, url: str, body: bytes, expected: bytes) -> None:
    """A9, A10: it cannot break out of its place, and an answer that repeats it is masked."""
    filling = Filling("MARKER1", Secret(NASTY), encoding)
    with call_secrets():
        async with serve(answering(json_answer())) as server:
            rules = [loopback_rule(server.port)]
            await send("POST", f"http://127.0.0.1:{server.port}{url}", [], body, rules=rules, limits=QUICK, fillings=[filling])
        assert expected in server.requests[0]
        assert b"MARKER1" not in server.requests[0]
        assert NASTY not in redact(f"you sent {NASTY}")
    assert NASTY not in repr(filling)
