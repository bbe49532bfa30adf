"""What programs send that no honest one would, and providers that repeat what they were given: refused in words, and bounded."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from django.test import override_settings

from apps.accounts.api_actions import KeyTerms
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.record import SYSTEM
from apps.egress.actions import allow_egress
from apps.inference import routes
from apps.onboarding.easy import definition_of, easy_provider
from tests.gateway.test_sdks import user
from tests.support.api_keys import INVOKE, make_key
from tests.support.gateway import EASY, EVERYTHING, Gateway
from tests.support.models import make_connection, make_model

MIB = 1024 * 1024
AWAY = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}


SECRET = "sk-harbor-0123456789abcdef0123456789abcdef"


def parrot(asked: Any, key: str) -> bytes:
    """A provider that says what it was authorized with: at once, in one event, or in pieces, and beside it what begins like it."""
    if not asked.get("stream"):
        choice = {"message": {"role": "assistant", "content": f"It is {key}, sk-h"}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "model": "m", "id": "x"}).encode()
    at_once = asked["messages"][-1]["content"] == "whole"
    pieces = [f"It is {key}, ", "sk-h"] if at_once else ["It is ", key[:9], key[9:20], key[20:], ", sk-h"]
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"


class Parrot(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = parrot(asked, self.headers["authorization"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *about: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def repeating(running: Gateway) -> Iterator[str]:
    """A model whose provider repeats its key."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Parrot) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[server.server_port], scheme="http", reason="The parrot of this test")
        provider, setup = easy_provider("openai")
        base = f"http://127.0.0.1:{server.server_port}/v1"
        definition = definition_of(provider, setup, "gpt-4o-mini", base, features=EVERYTHING, modalities=())
        model = make_model(running.cast.harbor, running.cast.alice, "Parrot", like=definition)
        make_connection(model, running.cast.alice, "Parrot key", key=SECRET)
        yield model.name
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", ["whole", "pieces"])
def test_a_key_that_comes_back_goes_no_further(gateway: Gateway, repeating: str, path: str, stream: bool, pieces: str) -> None:
    """In pieces a stream of the same format keeps it: that one passes byte by byte."""
    body = {"model": repeating, "max_tokens": 50, "stream": stream, "messages": [user(pieces)]}
    answer = post(gateway, body, path=path)
    assert answer.status_code == 200
    texts = re.findall(r'"(?:content|text)": ?"([^"]*)"', answer.text)
    said = json.loads(f'"{"".join(texts)}"')
    passes_in_pieces = stream and pieces == "pieces" and path == "/v1/chat/completions"
    assert (SECRET in said) is passes_in_pieces
    assert said.endswith(", sk-h")  # what only begins like a secret comes in the end
    trace = gateway.last_trace()
    assert SECRET not in trace.body.output
    assert trace.status == "success"


@pytest.fixture(scope="module", autouse=True)
def models(running: Gateway) -> None:
    running.easy("Quick", EASY["openai"])
    running.structure("Described", "openai")


def get(gateway: Gateway, path: str, key: str = "") -> httpx.Response:
    return httpx.get(gateway.url + path, headers={"authorization": f"Bearer {key or gateway.key}"}, timeout=60)


def post(gateway: Gateway, body: Any, *, key: str = "", path: str = "/v1/chat/completions") -> httpx.Response:
    data = body if isinstance(body, bytes) else json.dumps({"messages": [user()], **body}).encode()
    headers = {"authorization": f"Bearer {key or gateway.key}", "content-type": "application/json"}
    return httpx.post(gateway.url + path, content=data, headers=headers, timeout=60)


@pytest.mark.parametrize("model", ["x" * 8 * MIB, "Quick@" + "y" * 8 * MIB])
def test_names_without_end_are_not_kept(gateway: Gateway, model: str) -> None:
    answer = post(gateway, {"model": model})
    assert (answer.status_code, len(answer.content) < 1000) == (404, True)
    space = routes._spaces.get(gateway.cast.harbor.pk, routes._Space())
    assert max(map(len, [*space.unknown, *space.routes, *space.flights]), default=0) < 1000
    assert len(gateway.last_trace().model_name) < 1000


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff%fe", "x" * 9000])
def test_names_that_no_database_takes_are_not_found(gateway: Gateway, name: str) -> None:
    assert get(gateway, f"/v1/models/{name}").status_code == 404


@pytest.mark.parametrize("model", ["a\0b", "\0", "Quick@\0", "a\t\0", "\ud800"])
def test_models_that_no_database_takes_are_no_models(gateway: Gateway, model: str) -> None:
    assert post(gateway, {"model": model}).status_code in {400, 404}
    assert gateway.last_trace().status == "failed"


@pytest.mark.parametrize("model", ["Quick", "Described"])
def test_a_text_that_is_no_utf_8_is_400(gateway: Gateway, model: str) -> None:
    body = b'{"model":"%s","max_tokens":5,"messages":[{"role":"user","content":"\xff"}]}' % model.encode()
    for path in ("/v1/chat/completions", "/v1/messages"):
        # A target of the same format that was described without limits judges for itself what stands in the messages.
        assert post(gateway, body, path=path).status_code in ({400} if model == "Described" else {200, 400})


@pytest.mark.parametrize("more", [{"Model": "dear"}, {"STREAM": True}, {"models": ["other/model"]}, {"Models": []}, {"\u017ftream": True}])
def test_nothing_else_chooses_the_model(gateway: Gateway, more: dict[str, Any]) -> None:
    answer = post(gateway, {"model": "Quick", **more})
    assert answer.status_code == 400
    assert next(iter(more)) in answer.json()["error"]["message"]
    assert gateway.provider.recorded == []


def test_the_limit_of_a_key_counts_everything_that_it_asks(gateway: Gateway) -> None:
    def key() -> str:
        return make_key(gateway.cast.harbor, gateway.cast.alice, INVOKE, KeyTerms("Limited", requests_per_minute=2))

    one, other = key(), key()
    assert post(gateway, {"model": "Quick"}).status_code == 200  # so that it is known
    assert [post(gateway, {"model": f"none {number}"}, key=one).status_code for number in range(3)] == [404, 404, 429]
    refused = post(gateway, {"model": "Quick"}, key=one)
    assert (refused.status_code, refused.headers["x-patchbay-model"]) == (429, "Quick")
    assert [get(gateway, "/v1/models", other).status_code for _ in range(2)] == [200, 200]
    listing = get(gateway, "/v1/models/Quick", other)
    assert (listing.status_code, listing.json()["error"]["code"]) == (429, "rate_limited")
    assert int(listing.headers["retry-after"]) >= 1


def test_a_cache_that_is_away_keeps_nobody_out(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    with override_settings(CACHES={"default": AWAY}):
        watch.announce(PLATFORM)
        assert post(gateway, {"model": "Quick"}).status_code == 200
        for _ in range(2):
            assert post(gateway, {"model": "Quick"}, key="pb_0123456789abcdef_" + "a" * 43).status_code == 401
    assert caplog.text.count("cache is away") == 1
