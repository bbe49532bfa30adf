"""The gateway on a raw socket: connections that are used again, bodies in pieces, too large or too slow, and callers that go away."""

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

import pytest

from apps.gateway.bodies import read_body
from apps.gateway.departure import Departure
from apps.gateway.refusals import Refusal
from tests.gateway.test_sdks import user
from tests.support.gateway import EASY, Gateway


@pytest.fixture(scope="module", autouse=True)
def models(running: Gateway) -> None:
    running.easy("Quick", EASY["openai"])
    running.easy("Schäden 100%", EASY["openai"], key=EASY["openai"].keys.second, model_id="gpt-4.1")
    running.structure("Hangs", "openai", path="/fault/hang")
    running.structure("Endless", "openai", path="/fault/endless")
    running.structure("Drips", "openai", path="/fault/drip")


class Wire:
    """One connection to the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        self.rest = b""

    def head(self, path: str = "/v1/chat/completions", *lines: str, method: str = "POST", key: str | None = None) -> bytes:
        auth = [f"Authorization: Bearer {self.gateway.key if key is None else key}"]
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *auth, *lines, "", ""]).encode()

    def request(self, model: str = "Quick", **more: Any) -> bytes:
        body = json.dumps({"model": model, "messages": [user()], **more}).encode()
        return self.head("/v1/chat/completions", f"Content-Length: {len(body)}") + body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, which says its length."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers["content-length"])
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(status.split()[1]), headers, body

    def _more(self) -> None:
        data = self.socket.recv(65536)
        assert data, "the gateway closed the connection"
        self.rest += data

    def until_called(self) -> None:
        """Until the provider has the call that was sent."""
        deadline = time.monotonic() + 60
        while not self.gateway.provider.recorded and time.monotonic() < deadline:
            time.sleep(0.005)

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def wire(gateway: Gateway) -> Wire:
    return Wire(gateway)


def test_a_connection_is_used_again_and_requests_may_be_pipelined(wire: Wire) -> None:
    wire.send(wire.request())
    assert wire.answer()[0] == 200
    wire.send(wire.request() + wire.request("No such model") + wire.request())
    assert [wire.answer()[0] for _ in range(3)] == [200, 404, 200]
    assert len(wire.gateway.wait_for_traces(4)) == 4


def test_a_body_in_chunks(wire: Wire) -> None:
    body = json.dumps({"model": "Quick", "messages": [user()]}).encode()
    wire.send(wire.head("/v1/chat/completions", "Transfer-Encoding: chunked"))
    for byte in (body[:10], body[10:]):
        wire.send(b"%x\r\n%s\r\n" % (len(byte), byte))
        time.sleep(0.02)
    wire.send(b"0\r\n\r\n")
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/"])
@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_body_behind_an_upgrade_is_no_request(wire: Wire, path: str, pause: float) -> None:
    hidden = wire.head("/v1/models", method="GET")
    wire.send(wire.head(path, "Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(hidden)}"))
    time.sleep(pause)
    with contextlib.suppress(ConnectionError):
        wire.send(hidden)
    status, headers, body = wire.answer()
    assert (status, headers["connection"]) == (400, "close")
    assert b"without Upgrade" in body
    assert not wire.rest
    assert wire.is_closed()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: +4",),
        ("X: a", " folded: b"),
    ],
)
def test_a_body_whose_end_two_could_see_differently_is_refused(wire: Wire, lines: tuple[str, ...]) -> None:
    wire.send(wire.head("/v1/chat/completions", *lines) + b"0\r\n\r\n" + wire.head("/v1/models", method="GET"))
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := wire.socket.recv(65536):
            said += data
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_names_beyond_ascii_are_percent_encoded(wire: Wire) -> None:
    wire.send(wire.request("Schäden 100%"))
    status, headers, _ = wire.answer()
    assert (status, headers["x-patchbay-model"]) == (200, "Sch%C3%A4den 100%25")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large(wire: Wire, announced: bool) -> None:
    if announced:
        wire.send(wire.head("/v1/chat/completions", f"Content-Length: {16 * 2**20 + 1}"))
    else:
        piece = b"%x\r\n%s\r\n" % (2**20, b"x" * 2**20)
        wire.send(wire.head("/v1/chat/completions", "Transfer-Encoding: chunked") + piece * 16 + b"1\r\nx\r\n")
    status, headers, body = wire.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["error"]["code"] == "body_too_large"
    assert wire.is_closed()
    assert [trace.error_code for trace in wire.gateway.wait_for_traces(1)] == ["body_too_large"]


async def test_a_body_that_does_not_come() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with Departure(receive, upload_seconds=0.1) as departure:
        with pytest.raises(Refusal) as refused:
            await read_body(receive, 0, departure)
        await asyncio.sleep(0)  # the task itself goes on
    assert refused.value.status == 408


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("DELETE", "/v1/messages", 405, "POST"),
        ("OPTIONS", "/v1/chat/completions", 405, "POST"),
        ("POST", "/v1/models", 405, "GET, HEAD"),
        ("GET", "/v1/embeddings", 404, None),
        ("POST", "/v1/messages/batches", 404, None),
        ("GET", "/v1/models/nothing", 404, None),
        ("GET", "/v1/", 404, None),
    ],
)
def test_paths_and_methods(wire: Wire, method: str, path: str, status: int, allow: str | None) -> None:
    wire.send(wire.head(path, "Content-Length: 0", method=method))
    found, headers, body = wire.answer()
    assert (found, headers.get("allow")) == (status, allow)
    error = json.loads(body)
    assert (error.get("type") == "error") is path.startswith("/v1/messages")
    assert headers["x-patchbay-request-id"].startswith("req_")
    assert wire.gateway.traces() == []


def test_what_anthropics_sdk_asks_gets_its_shape(wire: Wire) -> None:
    wire.send(wire.head("/v1/models/nothing", "anthropic-version: 2023-06-01", "Content-Length: 0", method="GET"))
    assert json.loads(wire.answer()[2])["type"] == "error"


def test_a_key_in_the_address_is_refused(wire: Wire) -> None:
    wire.send(wire.head(f"/v1/models?api_key={wire.gateway.key}", method="GET"))
    assert wire.answer()[0] == 400
    wire.send(wire.head("/v1/models?limit=20", method="GET"))
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("pause", [0.0, 0.2])
@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_that_leaves_before_the_answer_stops_the_call(wire: Wire, pause: float, stream: bool) -> None:
    wire.send(wire.request("Hangs", stream=stream))
    wire.until_called()
    time.sleep(pause)
    wire.socket.close()
    wire.gateway.provider.wait_for_outcome("cut")
    (trace,) = wire.gateway.wait_for_traces(1)
    assert (trace.status, trace.error_code) == ("cancelled", "cancelled")
    assert trace.attempts == 1 or trace.response_ms < 2000


def test_a_caller_that_leaves_in_mid_stream_stops_the_call(wire: Wire) -> None:
    wire.send(wire.request("Endless", stream=True))
    wire.until_called()
    time.sleep(0.3)
    wire.socket.close()
    wire.gateway.provider.wait_for_outcome("cut")
    (trace,) = wire.gateway.wait_for_traces(1)
    assert trace.status in {"cancelled", "failed"}
    after = Wire(wire.gateway)
    after.send(after.request())
    assert after.answer()[0] == 200
