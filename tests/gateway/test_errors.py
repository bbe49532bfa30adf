"""Every way in which a call can fail, as the public SDKs raise it (spec 04 "Rules at run time"), each with its one trace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from django.utils import timezone

from apps.accounts.api_actions import revoke_api_key
from apps.accounts.models import ApiKey
from apps.accounts.permissions import Scope
from apps.connections.actions import switch_connection
from apps.connections.models import Connection
from tests.gateway.test_sdks import user
from tests.support.api_keys import make_new_key
from tests.support.gateway import EASY, EVERYTHING, Gateway
from tests.support.models import actor, make_model

ASKING: Any = {"messages": [user()]}


@dataclass
class Clients:
    openai: openai.OpenAI
    anthropic: anthropic.Anthropic

    def ask(self, sdk: str, model: str, **more: Any) -> Any:
        if sdk == "openai":
            return self.openai.chat.completions.create(model=model, **{**ASKING, **more})
        return self.anthropic.messages.create(model=model, max_tokens=100, **{**ASKING, **more})


@pytest.fixture(scope="module")
def clients(running: Gateway) -> Iterator[Clients]:
    alice, harbor = running.cast.alice, running.cast.harbor
    running.easy("Good", EASY["openai"])
    for status in (400, 401, 403, 404, 418, 422, 429, 500, 529):
        running.structure(f"Says {status}", "openai", path=f"/fault/{status}")
    running.structure("Hangs", "openai", path="/fault/hang", seconds=(1, 2))
    running.structure("Breaks off", "openai", path="/fault/truncated")
    running.structure("Breaks off, too", "anthropic", path="/fault/truncated")
    running.structure("Talks only", "openai", features=())
    make_model(harbor, alice, "Draft", state="draft")
    make_model(harbor, alice, "Off", state="inactive")
    unplugged = running.structure("Unplugged", "openai")
    switch_connection(Connection.objects.get(model=unplugged), on=False, actor=actor(alice))
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0) as one,
        anthropic.Anthropic(base_url=running.url, api_key=running.key, max_retries=0) as other,
    ):
        yield Clients(one, other)


@pytest.fixture(params=["openai", "anthropic"])
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def error_of(sdk: str, name: str) -> type[Exception]:
    kind: type[Exception] = getattr({"openai": openai, "anthropic": anthropic}[sdk], name)
    return kind


@pytest.mark.parametrize(
    ("model", "raised", "status", "code"),
    [
        ("No such model", "NotFoundError", 404, "model_not_found"),
        ("Good@elsewhere", "NotFoundError", 404, "connection_not_found"),
        ("Draft", "ConflictError", 409, "model_draft"),
        ("Off", "ConflictError", 409, "model_inactive"),
        ("Unplugged", "ConflictError", 409, "connection_inactive"),
        ("Says 400", "BadRequestError", 400, "upstream_refused"),
        ("Says 401", "APIStatusError", 502, "upstream_auth"),
        ("Says 403", "APIStatusError", 502, "upstream_auth"),
        ("Says 404", "NotFoundError", 404, "upstream_refused"),
        ("Says 418", "APIStatusError", 418, "upstream_refused"),
        ("Says 422", "UnprocessableEntityError", 422, "upstream_refused"),
        ("Says 429", "RateLimitError", 429, "upstream_rate_limited"),
        ("Says 500", "APIStatusError", 502, "upstream_error"),
        ("Says 529", "APIStatusError", 502, "upstream_error"),
        ("Hangs", "APIStatusError", 504, "first_byte_timeout"),
    ],
)
def test_what_a_failure_raises(gateway: Gateway, clients: Clients, sdk: str, model: str, raised: str, status: int, code: str) -> None:
    with pytest.raises(error_of(sdk, raised)) as caught:
        clients.ask(sdk, model)
    error: Any = caught.value
    assert error.status_code == status
    (trace,) = gateway.wait_for_traces(1)
    assert [trace.error_code, trace.status] == [code, "failed"]
    headers = error.response.headers
    assert (headers["x-patchbay-request-id"], headers["content-type"]) == (trace.request_id, "application/json")
    assert error.request_id == trace.request_id
    # The provider said 2 seconds; ours are whole seconds, too.
    assert (headers.get("retry-after") or "").isdigit() is (status in {429, 503})
    if sdk == "openai":
        assert error.code == {"first_byte_timeout": "upstream_timeout"}.get(code, code)
    if code != "model_not_found":
        assert headers["x-patchbay-model"] == model.partition("@")[0]


def test_inactive_has_its_words(gateway: Gateway, clients: Clients, sdk: str) -> None:
    with pytest.raises(error_of(sdk, "ConflictError"), match="This model is not active"):
        clients.ask(sdk, "Off")


@pytest.mark.parametrize(("sdk", "more"), [
    ("openai", {"tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]}),
    ("openai", {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}}),
    ("anthropic", {"tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]}),
])  # fmt: skip
def test_a_feature_that_is_not_enabled(gateway: Gateway, clients: Clients, sdk: str, more: dict[str, Any]) -> None:
    with pytest.raises(error_of(sdk, "UnprocessableEntityError"), match="not enabled on Talks only"):
        clients.ask(sdk, "Talks only", **more)
    assert gateway.last_trace().error_code == "feature_not_enabled"
    assert gateway.provider.recorded == []


def test_a_model_without_streaming_gives_one_chunk(gateway: Gateway, clients: Clients) -> None:
    chunks = list(clients.ask("openai", "Talks only", stream=True))
    assert len([1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) == 1
    assert b'"stream"' not in gateway.provider.recorded[-1].request.body


@pytest.mark.parametrize("model", ["Breaks off", "Breaks off, too"])
def test_a_stream_that_breaks_raises_in_the_middle(gateway: Gateway, clients: Clients, sdk: str, model: str) -> None:
    """By passing through and by conversion: what had come is there, the end is an exception."""
    came: list[Any] = []
    stream = clients.ask(sdk, model, stream=True)
    with pytest.raises(error_of(sdk, "APIError")):
        collect(stream, came)
    assert len(came) > 2
    trace = gateway.last_trace()
    assert [trace.status, trace.error_code, len(gateway.wait_for_traces(1))] == ["failed", "disconnected", 1]
    assert trace.body.output.startswith("You")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"", b'{"model": 5}', b'{"messages": []}', b"\xff\xfe", b'{"model": "Good", "messages": 5}']
)
def test_a_bad_body_is_400(gateway: Gateway, clients: Clients, sdk: str, body: bytes) -> None:
    client: Any = getattr(clients, sdk)
    path = "/chat/completions" if sdk == "openai" else "/v1/messages"
    with pytest.raises(error_of(sdk, "BadRequestError")):
        client.post(path, cast_to=object, content=body, options={"headers": {"content-type": "application/json"}})
    assert [trace.status for trace in gateway.wait_for_traces(1)] == ["failed"]


@pytest.mark.parametrize("key", ["sk-nonsense", "pb_0123456789abcdef_" + "a" * 43])
def test_without_a_good_key(gateway: Gateway, clients: Clients, sdk: str, key: str) -> None:
    client: Any = clients.openai.with_options(api_key=key) if sdk == "openai" else clients.anthropic.with_options(api_key=key)
    with pytest.raises(error_of(sdk, "AuthenticationError")) as caught:
        Clients(client, client).ask(sdk, "Good")
    assert caught.value.response.headers["www-authenticate"].startswith("Bearer")
    assert gateway.traces() == []


def test_a_key_without_the_scope(gateway: Gateway, clients: Clients, sdk: str) -> None:
    key = gateway.key_of(gateway.cast.alice, Scope.MODELS_READ)
    client: Any = clients.openai.with_options(api_key=key) if sdk == "openai" else clients.anthropic.with_options(api_key=key)
    with pytest.raises(error_of(sdk, "PermissionDeniedError"), match="inference:invoke") as caught:
        Clients(client, client).ask(sdk, "Good")
    trace = gateway.last_trace()
    assert (trace.status, trace.error_code, trace.api, trace.attempts) == ("failed", "missing_scope", sdk, 0)
    assert trace.request_id == caught.value.response.headers["x-patchbay-request-id"]
    assert "inference:invoke" in trace.body.error["message"]


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_calls_with_a_key_that_is_over_leave_traces(gateway: Gateway, clients: Clients, sdk: str, end: str) -> None:
    """Spec 07 F3: whoever owns the key sees that a program still uses it."""
    new = make_new_key(gateway.cast.harbor, gateway.cast.alice)
    if end == "revoked":
        revoke_api_key(new.key, actor=actor(gateway.cast.alice))
    else:
        ApiKey.objects.filter(pk=new.key.pk).update(expires_at=timezone.now())
    key = new.text.show()
    client: Any = clients.openai.with_options(api_key=key) if sdk == "openai" else clients.anthropic.with_options(api_key=key)
    with pytest.raises(error_of(sdk, "AuthenticationError"), match=end) as caught:
        Clients(client, client).ask(sdk, "Good")
    trace = gateway.last_trace()
    assert (trace.error_code, trace.source_name, trace.source_id) == ("invalid_api_key", new.key.app.name, str(new.key.pk))
    assert trace.request_id == caught.value.response.headers["x-patchbay-request-id"]
    with pytest.raises(error_of(sdk, "AuthenticationError")):
        client.models.list()
    assert len(gateway.wait_for_traces(1)) == 1, "looking what is there is no call"


def collect(stream: Any, came: list[Any]) -> None:
    for event in stream:
        came.append(event)


def test_features_do_not_stand_in_the_way_where_they_are_on(gateway: Gateway, clients: Clients) -> None:
    assert "tool_calling" in EVERYTHING
    answer = clients.ask("openai", "Good", tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}])
    assert answer.choices[0].message.content


# Who may do what: the maker's role and the app's scopes, whichever is less.


@pytest.mark.parametrize(
    ("person", "scope", "listed", "called"),
    [
        ("alice", Scope.INFERENCE_INVOKE, 200, 200),
        ("adam", Scope.INFERENCE_INVOKE, 200, 200),
        ("bob", Scope.INFERENCE_INVOKE, 200, 200),
        ("alice", Scope.MODELS_READ, 200, 403),
        ("bob", Scope.MODELS_READ, 200, 403),
        ("rita", Scope.MODELS_READ, 200, 403),
        ("vic", Scope.MODELS_READ, 200, 403),
        ("alice", Scope.TRACES_READ, 403, 403),
        ("charlie", Scope.INFERENCE_INVOKE, 200, 404),
    ],
)
def test_access(gateway: Gateway, clients: Clients, person: str, scope: Scope, listed: int, called: int) -> None:
    maker = getattr(gateway.cast, person)
    workspace = gateway.cast.other if person == "charlie" else None
    client = clients.openai.with_options(api_key=gateway.key_of(maker, scope, workspace=workspace))
    assert status_of(lambda: client.models.list()) == listed
    assert status_of(lambda: client.models.retrieve("Good")) == (404 if person == "charlie" else listed)
    assert status_of(lambda: client.chat.completions.create(model="Good", **ASKING)) == called


def status_of(call: Any) -> int:
    try:
        call()
    except openai.APIStatusError as error:
        return error.status_code
    return 200
