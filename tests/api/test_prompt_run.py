"""`POST /api/prompts/{id}/run` (spec 04, Prompts; spec 05): by a program, over real sockets, with a real provider behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from apps.accounts.permissions import Scope
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.external_models.models import ExternalModel
from apps.playground.actions import Author, Content, create_prompt, save_version
from apps.playground.choices import Choice
from apps.playground.models import Prompt
from apps.playground.script import Script, Turn
from apps.providers.chat import Role
from apps.usage.accounts import Kind, spent_since
from tests.support.api_keys import INVOKE, KeyTerms, make_key, make_new_key
from tests.support.catalog import fill, offer
from tests.support.easy import OPENAI
from tests.support.gateway import Gateway
from tests.support.models import actor, make_connection, make_model

SORT = Script((Turn(Role.USER, "Sort this:\n{{claim}}\nfor {{desk}}"),), "Sort claims.", temperature=0.2, max_tokens=60)


@dataclass
class Api:
    """The prompt *Triage* of harbor, and a program that may run it."""

    gateway: Gateway
    prompt: Prompt
    model: ExternalModel

    def run(
        self, values: Mapping[str, Any] | None = None, *, prompt: UUID | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        given: dict[str, Any] = {"json": {"variables": values or {}}} | more
        headers = {"x-api-key": key or self.gateway.key, **given.pop("headers", {})}
        return httpx.post(
            f"{self.gateway.url}/api/prompts/{prompt or self.prompt.pk}/run", headers=headers, trust_env=False, timeout=60, **given
        )

    def make(self, name: str, model: ExternalModel, script: Script = SORT) -> Prompt:
        alice = self.gateway.cast.alice
        by = Author(alice, actor(alice))
        return create_prompt(self.gateway.cast.harbor, name=name, content=Content(script, Choice(model)), by=by)


@pytest.fixture(scope="module")
def shared(running: Gateway) -> Api:
    model = running.easy("GPT-4o mini", OPENAI)
    api = Api(running, Prompt(), model)
    api.prompt = api.make("Triage", model)
    return api


@pytest.fixture
def api(shared: Api) -> Api:
    """With no traces and nothing recorded by the provider."""
    shared.gateway.forget()
    return shared


VALUES = {"claim": "Hail {{x}}", "desk": "motor"}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Checks the shape that every error has (spec 05)."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields", "requestId"}
    assert body["error"]["requestId"]
    assert answer.headers["content-type"] == "application/json"
    return body["error"]  # type: ignore[no-any-return]


def test_it_answers_and_leaves_one_trace_of_the_prompt(api: Api) -> None:
    answer = api.run(VALUES)
    assert answer.status_code == 200, answer.text
    said, (trace,) = answer.json(), api.gateway.wait_for_traces(1)
    assert said["output"] == trace.body.output != ""
    assert (said["promptName"], said["version"], said["model"], said["connection"]) == ("Triage", 1, "GPT-4o mini", "GPT-4o mini key")
    assert said["usage"] == {"inputTokens": trace.input_tokens, "outputTokens": trace.output_tokens, "cachedTokens": trace.cached_tokens}
    assert said["usage"]["inputTokens"] > 0
    assert said["requestId"] == answer.headers["x-patchbay-request-id"] == trace.request_id
    assert (trace.source_type, trace.source_id, trace.source_name) == ("prompt", str(api.prompt.pk), "Triage")
    assert trace.user_name.startswith("App "), "who called"
    (sent,) = api.gateway.provider.recorded
    asked = json.loads(sent.request.body)
    assert asked["messages"] == [
        {"role": "system", "content": "Sort claims."},
        {"role": "user", "content": "Sort this:\nHail {{x}}\nfor motor"},
    ]
    assert (asked["temperature"], asked.get("stream", False)) == (0.2, False)


def test_the_newest_version_runs_under_either_spelling_of_the_key(api: Api) -> None:
    prompt = api.make("Greeting", api.model, Script((Turn(Role.USER, "Hello"),)))
    alice = api.gateway.cast.alice
    content = Content(Script((Turn(Role.USER, "Good day"),)), Choice(api.model))
    save_version(prompt, content=content, by=Author(alice, actor(alice)), expected=1)
    url = f"{api.gateway.url}/api/prompts/{prompt.pk}/run"
    answer = httpx.post(url, headers={"Authorization": f"Bearer {api.gateway.key}"}, trust_env=False, timeout=60)  # no body: no variables
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert json.loads(api.gateway.provider.recorded[0].request.body)["messages"][-1]["content"] == "Good day"


def test_all_that_is_wrong_with_the_values_is_named(api: Api) -> None:
    answer = api.run({"desk": "motor", "clam": "Hail"})
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (422, "validation_failed")
    assert error["fields"] == {
        "variables.clam": ["The prompt has no variable “clam”."],
        "variables.claim": ["The variable “claim” needs a value."],
    }
    (trace,) = api.gateway.wait_for_traces(1)
    assert (trace.status, trace.source_name, trace.model_name) == ("failed", "Triage", "GPT-4o mini")
    assert trace.request_id == error["requestId"]
    assert api.gateway.provider.recorded == []


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({"variables": {"claim": 7, "desk": None}, "stream": True}, 422, {"stream", "variables.claim", "variables.desk"}),
        ({"variables": []}, 422, {"variables"}),
        ([], 422, {""}),
    ],
)
def test_what_does_not_belong_into_a_body_is_named(api: Api, body: Any, status: int, fields: set[str]) -> None:
    answer = api.run(json=body)
    assert (answer.status_code, set(error_of(answer)["fields"])) == (status, fields)


@pytest.mark.parametrize("content", [b"{", b'{"variables": NaN}', b"\xff", b"[" * 5000])
def test_a_body_that_is_no_json_is_400(api: Api, content: bytes) -> None:
    answer = api.run(json=None, content=content)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "malformed_json")


def test_own_variables_of_a_custom_model_take_their_values(api: Api) -> None:
    model = api.gateway.odd()
    prompt = api.make("Desk", model, Script((Turn(Role.USER, "Sort {{claim}}"),)))
    wrong = error_of(api.run({"claim": "Hail", "nope": "1"}, prompt=prompt.pk))
    assert set(wrong["fields"]) == {"variables.nope"}
    answer = api.run({"claim": "Hail", "line": "property"}, prompt=prompt.pk)
    assert answer.status_code == 200, answer.text
    assert b"property" in api.gateway.provider.recorded[-1].request.body
    typed = error_of(api.run({"claim": "Hail", "heat": "warm"}, prompt=prompt.pk))
    assert set(typed["fields"]) == {"variables.heat"}


def test_unknown_prompts_and_those_of_others_are_the_same_404(api: Api) -> None:
    stranger = make_key(api.gateway.cast.other, api.gateway.cast.charlie)
    missing, foreign = api.run(VALUES, prompt=uuid4()), api.run(VALUES, key=stranger)
    assert missing.status_code == foreign.status_code == 404
    assert error_of(missing)["message"] == error_of(foreign)["message"]
    elsewhere = httpx.post(f"{api.gateway.url}/api/prompts/no-id/run", trust_env=False, timeout=60)
    assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (404, "not_found")


def test_keys(api: Api) -> None:
    none = httpx.post(f"{api.gateway.url}/api/prompts/{api.prompt.pk}/run", trust_env=False, timeout=60)
    assert (none.status_code, error_of(none)["code"]) == (401, "missing_api_key")
    wrong = api.run(VALUES, key=f"{api.gateway.key[:-4]}AAAA")
    assert (wrong.status_code, error_of(wrong)["code"]) == (401, "invalid_api_key")
    assert api.gateway.key[3:19] not in wrong.text
    reader = api.run(VALUES, key=api.gateway.key_of(api.gateway.cast.alice, Scope.MODELS_READ))
    assert reader.status_code == 403
    assert "inference:invoke" in error_of(reader)["message"]
    in_query = api.run(VALUES, params={"api_key": api.gateway.key})
    assert (in_query.status_code, error_of(in_query)["code"]) == (400, "invalid_api_key")
    read = httpx.get(f"{api.gateway.url}/api/prompts/{api.prompt.pk}/run", trust_env=False, timeout=60)
    assert (read.status_code, read.headers["allow"], error_of(read)["code"]) == (405, "POST", "method_not_allowed")


def test_a_model_that_is_off_or_gone_is_409(api: Api) -> None:
    model = api.gateway.structure("Switched", "openai")
    prompt = api.make("Off", model)
    ExternalModel.objects.filter(pk=model.pk).update(inferencing_enabled=False)
    watch.announce(PLATFORM)
    off = api.run({}, prompt=prompt.pk)
    assert (off.status_code, error_of(off)["code"]) == (409, "model_inactive")
    assert "This model is not active" in error_of(off)["message"]
    model.delete()
    watch.announce(PLATFORM)
    gone = api.run(VALUES, prompt=prompt.pk)
    assert (gone.status_code, error_of(gone)["code"]) == (409, "model_not_found")
    assert [trace.source_name for trace in api.gateway.wait_for_traces(2)] == ["Off", "Off"]


def test_a_failure_of_the_provider_is_told_without_its_secrets(api: Api) -> None:
    model = make_model(api.gateway.cast.harbor, api.gateway.cast.alice, "Refusing", like=api.model.definition)
    make_connection(model, api.gateway.cast.alice, "Refused key", key="sk-wrong-key-of-harbor-4711")
    answer = api.run(VALUES, prompt=api.make("Refused", model).pk)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (502, "upstream_auth")
    assert "sk-wrong-key-of-harbor-4711" not in answer.text
    (trace,) = api.gateway.wait_for_traces(1)
    assert (trace.status, trace.error_code, trace.request_id) == ("failed", "upstream_auth", error["requestId"])


def test_the_limits_are_those_of_the_key_whatever_it_asks_for(api: Api) -> None:
    """Two prompts and one that is not there count together."""
    key = make_new_key(api.gateway.cast.harbor, api.gateway.cast.alice, INVOKE, KeyTerms("Limited", requests_per_minute=3)).text.show()
    second = api.make("Second", api.model)
    found = [api.run(VALUES, prompt=prompt, key=key).status_code for prompt in (api.prompt.pk, second.pk, uuid4())]
    assert found == [200, 200, 404]
    refused = api.run({}, key=key)
    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "3 requests per minute" in error_of(refused)["message"]


def test_what_a_key_spends_on_prompts_is_spent_of_its_budget(api: Api) -> None:
    """Also to a process that begins, and knows what the database says."""
    fill(offer(model_id="gpt-4o-mini", price=("1", "1")))
    made = make_new_key(api.gateway.cast.harbor, api.gateway.cast.alice, INVOKE, KeyTerms("Budgeted"))
    assert api.run(VALUES, key=made.text.show()).status_code == 200
    (trace,) = api.gateway.wait_for_traces(1)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert trace.cost
    assert spent_since(Kind.KEY, [made.key.pk], api.gateway.cast.harbor.pk, today) == {made.key.pk: trace.cost}


def test_the_page_shows_how(api: Api, client_for: Any) -> None:
    page = client_for(api.gateway.cast.bob).get(f"/w/harbor/prompts/{api.prompt.pk}/").content.decode()
    assert f'<code id="prompt-id">{api.prompt.pk}</code>' in page
    assert f"/api/prompts/{api.prompt.pk}/run" in page
    assert "&quot;claim&quot;: &quot;{{claim}}&quot;" in page
