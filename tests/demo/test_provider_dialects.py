"""The demo provider speaks each dialect as its provider documents it, and its answers come from the request."""

import json
from dataclasses import dataclass

import httpx
import pytest

from tests.support.provider import DEMO_KEYS, RunningProvider

PROMPT = 'Is claim "H-204" {covered}?\nSecond line, naïve 漢字.'
SYSTEM = "You are a claims assistant of Harbor Mutual, brief and exact."
IN = len(PROMPT.split()) + len(SYSTEM.split())

type Json = dict[str, object]


@dataclass(frozen=True)
class Case:
    """How a dialect is asked and where its answer stands."""

    path: str
    header: str
    prefix: str
    body: Json
    text: str
    counts: tuple[str, str]
    ended: str
    setting: str
    more: tuple[tuple[str, str], ...] = ()

    def headers(self, key: str) -> dict[str, str]:
        return {self.header: (self.prefix + key).strip(), **dict(self.more)}


OPENAI_BODY: Json = {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}], "temperature": 0.25}
GEMINI_BODY: Json = {
    "systemInstruction": {"parts": [{"text": SYSTEM}]},
    "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
    "generationConfig": {"temperature": 0.25},
}
CASES = {
    "openai": Case(
        "/openai/v1/chat/completions",
        "authorization",
        "Bearer ",
        {"model": "gpt-4.1", **OPENAI_BODY},
        "choices.0.message.content",
        ("usage.prompt_tokens", "usage.completion_tokens"),
        "choices.0.finish_reason=stop",
        "model=gpt-4.1, temperature=0.25",
    ),
    "azure": Case(
        "/azure/openai/deployments/claims-4o/chat/completions?api-version=2024-10-21",
        "api-key",
        "",
        OPENAI_BODY,
        "choices.0.message.content",
        ("usage.prompt_tokens", "usage.completion_tokens"),
        "prompt_filter_results.0.prompt_index=0",
        "model=claims-4o, temperature=0.25",
    ),
    "anthropic": Case(
        "/anthropic/v1/messages",
        "x-api-key",
        "",
        {"model": "claude-sonnet-4-5", "max_tokens": 500, "system": SYSTEM, "messages": [{"role": "user", "content": PROMPT}]},
        "content.0.text",
        ("usage.input_tokens", "usage.output_tokens"),
        "stop_reason=end_turn",
        "model=claude-sonnet-4-5, max_tokens=500",
        (("anthropic-version", "2023-06-01"),),
    ),
    "gemini": Case(
        "/gemini/v1beta/models/gemini-2.5-flash:generateContent",
        "x-goog-api-key",
        "",
        GEMINI_BODY,
        "candidates.0.content.parts.0.text",
        ("usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"),
        "candidates.0.finishReason=STOP",
        "model=gemini-2.5-flash, temperature=0.25",
    ),
    "cohere": Case(
        "/cohere/v2/chat",
        "authorization",
        "bearer ",
        {"model": "command-a-03-2025", **OPENAI_BODY},
        "message.content.0.text",
        ("usage.tokens.input_tokens", "usage.tokens.output_tokens"),
        "finish_reason=COMPLETE",
        "model=command-a-03-2025, temperature=0.25",
    ),
    "triage": Case(
        "/triage/v3/assess",
        "X-Harbor-Key",
        "",
        {"task": {"ask": PROMPT, "background": SYSTEM, "line": "motor"}, "knobs": {"heat": 0.25, "max_words": 60}},
        "outcome.verdicts.1.body",
        ("meter.in", "meter.out"),
        "outcome.status=done",
        "line=motor, heat=0.25, max_words=60",
    ),
}
ALL = pytest.mark.parametrize("name", CASES)


def pick(document: object, path: str) -> object:
    for step in path.split("."):
        document = document[int(step)] if isinstance(document, list) else document[step]  # type: ignore[index]
    return document


def ask(provider: RunningProvider, name: str, *, key: str | None = None, path: str = "", body: Json | None = None) -> httpx.Response:
    case = CASES[name]
    headers = case.headers(DEMO_KEYS[name].accepted if key is None else key)
    return httpx.post(
        provider.url + (path or case.path), headers=headers, json=case.body if body is None else body, trust_env=False, timeout=60
    )


@ALL
def test_the_answer_quotes_prompt_system_prompt_and_settings(provider: RunningProvider, name: str) -> None:
    answer = ask(provider, name)
    document, case = answer.json(), CASES[name]
    text = str(pick(document, case.text))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert f'You asked: "{PROMPT}".' in text
    assert 'System prompt of 11 words: "You are a claims assistant of…".' in text
    assert f"Settings: {case.setting}." in text
    where, _, value = case.ended.partition("=")
    assert str(pick(document, where)) == value
    counts = [pick(document, path) for path in case.counts]
    expected = [IN, len(text.split())]
    assert counts == ([str(count) for count in expected] if name == "triage" else expected)


@ALL
def test_the_second_key_works_too(provider: RunningProvider, name: str) -> None:
    assert ask(provider, name, key=DEMO_KEYS[name].second).status_code == 200


# dialect, which key, status, where the message stands, part of the message
REFUSED_KEYS = [
    ("openai", "wrong", 401, "error.message", "Incorrect API key provided"),
    ("openai", "missing", 401, "error.message", "You didn't provide an API key"),
    ("openai", "rate_limited", 429, "error.code", "rate_limit_exceeded"),
    ("openai", "no_credit", 429, "error.code", "insufficient_quota"),
    ("azure", "wrong", 401, "error.message", "invalid subscription key"),
    ("azure", "missing", 401, "error.code", "401"),
    ("azure", "rate_limited", 429, "error.message", "retry after 2 seconds"),
    ("azure", "no_credit", 429, "error.code", "insufficient_quota"),
    ("anthropic", "wrong", 401, "error.message", "invalid x-api-key"),
    ("anthropic", "missing", 401, "error.message", "x-api-key header is required"),
    ("anthropic", "rate_limited", 429, "error.type", "rate_limit_error"),
    ("anthropic", "no_credit", 400, "error.message", "credit balance is too low"),
    ("gemini", "wrong", 400, "error.details.0.reason", "API_KEY_INVALID"),
    ("gemini", "missing", 403, "error.status", "PERMISSION_DENIED"),
    ("gemini", "rate_limited", 429, "error.details.0.retryDelay", "2s"),
    ("gemini", "no_credit", 429, "error.status", "RESOURCE_EXHAUSTED"),
    ("cohere", "wrong", 401, "message", "invalid api token"),
    ("cohere", "missing", 401, "message", "no api key supplied"),
    ("cohere", "rate_limited", 429, "message", "limited to 20 API calls"),
    ("cohere", "no_credit", 402, "message", "payment method"),
    ("triage", "wrong", 403, "fault.why", "key not known"),
    ("triage", "missing", 403, "fault.why", "key missing"),
    ("triage", "rate_limited", 429, "fault.why", "come back in 2 s"),
    ("triage", "no_credit", 402, "fault.why", "budget is used up"),
]


@pytest.mark.parametrize(("name", "which", "status", "where", "says"), REFUSED_KEYS)
def test_keys_are_refused_in_the_providers_own_shape(
    provider: RunningProvider, name: str, which: str, status: int, where: str, says: str
) -> None:
    keys = DEMO_KEYS[name]
    key = {"wrong": keys.accepted + "x", "missing": "", "rate_limited": keys.rate_limited, "no_credit": keys.no_credit}[which]
    answer = ask(provider, name, key=key)
    assert answer.status_code == status
    assert says in str(pick(answer.json(), where))
    assert answer.headers.get("retry-after") == ("2" if which == "rate_limited" else None)
    assert not key or key not in answer.text


# dialect, body (or None for bytes that are not JSON), status, where the message stands, part of the message
BAD_BODIES = [
    ("openai", {"model": "gpt-4.1"}, 400, "error.param", "messages"),
    ("openai", {"messages": []}, 400, "error.message", "'model'"),
    ("openai", {"model": "gpt-4.1", "messages": [{"role": "robot", "content": "x"}]}, 400, "error.param", "messages[0].role"),
    ("openai", {**CASES["openai"].body, "temperature": "0.2"}, 400, "error.message", "must be a number, not text"),
    ("openai", {**CASES["openai"].body, "model": "no-such-model"}, 404, "error.code", "model_not_found"),
    ("azure", {}, 400, "error.param", "messages"),
    (
        "anthropic",
        {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x"}]},
        400,
        "error.message",
        "max_tokens: Field required",
    ),
    ("anthropic", {**CASES["anthropic"].body, "prompt": "x"}, 400, "error.message", "prompt: Extra inputs are not permitted"),
    ("gemini", {}, 400, "error.message", "contents is not specified"),
    ("gemini", {**GEMINI_BODY, "prompt": "x"}, 400, "error.message", 'Unknown name "prompt"'),
    ("cohere", {"model": "command-a-03-2025"}, 400, "message", "messages is required"),
    ("triage", {}, 422, "fault.where", "task"),
    ("triage", {"task": {}}, 422, "fault.where", "task.ask"),
    ("triage", {"task": {"ask": 7}}, 422, "fault.why", "must be text, not a number"),
    ("triage", {"task": {"ask": "x", "line": "pets"}}, 422, "fault.where", "task.line"),
    ("triage", {"task": {"ask": "x"}, "knobs": {"heat": "0.2"}}, 422, "fault.where", "knobs.heat"),
    ("triage", {"task": {"ask": "x"}, "knobs": {"heat": 3}}, 422, "fault.why", "from 0 to 1"),
    ("triage", {"task": {"ask": "x"}, "knobs": {"max_words": True}}, 422, "fault.why", "a whole number, not true or false"),
    ("triage", {"task": {"ask": "x"}, "prompt": "x"}, 422, "fault.where", "prompt"),
]


@pytest.mark.parametrize(("name", "body", "status", "where", "says"), BAD_BODIES)
def test_a_wrong_body_is_refused_with_the_place(
    provider: RunningProvider, name: str, body: Json, status: int, where: str, says: str
) -> None:
    answer = ask(provider, name, body=body)
    assert answer.status_code == status
    assert says in str(pick(answer.json(), where))


@ALL
def test_a_body_that_is_not_json_is_refused(provider: RunningProvider, name: str) -> None:
    case = CASES[name]
    answer = httpx.post(
        provider.url + case.path, headers=case.headers(DEMO_KEYS[name].accepted), content=b'{"a": ', trust_env=False, timeout=60
    )
    assert answer.status_code == (422 if name == "triage" else 400)
    assert "not JSON" in answer.text


@pytest.mark.parametrize(
    ("name", "limit", "ended"),
    [
        ("openai", {"max_tokens": 4}, "choices.0.finish_reason=length"),
        ("openai", {"max_completion_tokens": 4}, "choices.0.finish_reason=length"),
        ("anthropic", {"max_tokens": 4}, "stop_reason=max_tokens"),
        ("gemini", {"generationConfig": {"maxOutputTokens": 4}}, "candidates.0.finishReason=MAX_TOKENS"),
        ("cohere", {"max_tokens": 4}, "finish_reason=MAX_TOKENS"),
        ("triage", {"knobs": {"max_words": 4}}, "outcome.status=cut"),
    ],
)
def test_a_limit_cuts_the_answer_and_is_named_as_the_reason(provider: RunningProvider, name: str, limit: Json, ended: str) -> None:
    document = ask(provider, name, body={**CASES[name].body, **limit}).json()
    where, _, value = ended.partition("=")
    assert pick(document, where) == value
    assert pick(document, CASES[name].text) == 'You asked: "Is claim'
    assert int(str(pick(document, CASES[name].counts[1]))) == 4


def test_a_stop_sequence_ends_the_answer(provider: RunningProvider) -> None:
    document = ask(provider, "anthropic", body={**CASES["anthropic"].body, "stop_sequences": [" covered", "{covered"]}).json()
    assert document["content"][0]["text"] == 'You asked: "Is claim "H-204" '
    assert (document["stop_reason"], document["stop_sequence"]) == ("stop_sequence", " covered")


def test_models_are_listed_for_a_working_key_only(provider: RunningProvider) -> None:
    lists = {"openai": ("/openai/v1/models", "data"), "anthropic": ("/anthropic/v1/models", "data")}
    lists |= {"gemini": ("/gemini/v1beta/models", "models"), "cohere": ("/cohere/v1/models", "models")}
    for name, (path, member) in lists.items():
        case = CASES[name]
        good = httpx.get(provider.url + path, headers=case.headers(DEMO_KEYS[name].accepted), trust_env=False, timeout=60)
        bad = httpx.get(provider.url + path, headers=case.headers("wrong"), trust_env=False, timeout=60)
        assert good.status_code == 200
        assert len(good.json()[member]) >= 3
        assert bad.status_code in (400, 401)


TOOL_SCHEMA: Json = {"type": "object", "properties": {"question": {"type": "string"}, "limit": {"type": "integer"}}}
TOOL: Json = {"name": "find_policy", "parameters": TOOL_SCHEMA}
ASK = "Please call find_policy now"
ARGUMENTS = {"question": ASK, "limit": 1}


def test_tools_are_called_with_arguments_from_the_request(provider: RunningProvider) -> None:
    chat: Json = {"messages": [{"role": "user", "content": ASK}], "tools": [{"type": "function", "function": TOOL}]}
    openai = ask(provider, "openai", body={"model": "gpt-4.1", **chat}).json()["choices"][0]
    assert openai["finish_reason"] == "tool_calls"
    assert json.loads(openai["message"]["tool_calls"][0]["function"]["arguments"]) == ARGUMENTS
    cohere = ask(provider, "cohere", body={"model": "command-a-03-2025", **chat}).json()
    assert cohere["finish_reason"] == "TOOL_CALL"
    assert json.loads(cohere["message"]["tool_calls"][0]["function"]["arguments"]) == ARGUMENTS
    messages: Json = {"messages": [{"role": "user", "content": ASK}], "tools": [{"name": "find_policy", "input_schema": TOOL_SCHEMA}]}
    anthropic = ask(provider, "anthropic", body={"model": "claude-haiku-4-5", "max_tokens": 99, **messages}).json()
    assert (anthropic["stop_reason"], anthropic["content"][0]["input"]) == ("tool_use", ARGUMENTS)
    contents: Json = {"contents": [{"parts": [{"text": ASK}]}], "tools": [{"functionDeclarations": [TOOL]}]}
    gemini = ask(provider, "gemini", body=contents).json()["candidates"][0]
    assert gemini["content"]["parts"][0]["functionCall"] == {"name": "find_policy", "args": ARGUMENTS}


def test_a_tool_result_is_quoted_instead_of_called_again(provider: RunningProvider) -> None:
    messages = [{"role": "user", "content": ASK}, {"role": "assistant", "content": None}, {"role": "tool", "content": "policy 77"}]
    body: Json = {"model": "gpt-4.1", "messages": messages, "tools": [{"type": "function", "function": TOOL}]}
    text = ask(provider, "openai", body=body).json()["choices"][0]["message"]["content"]
    assert 'Tool results: "policy 77".' in text
    assert "The conversation has 3 messages." in text


def test_a_schema_is_answered_with_json_that_fits_it(provider: RunningProvider) -> None:
    schema: Json = {
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "line": {"enum": ["motor", "travel"]},
            "amounts": {"type": "array", "items": {"$ref": "#/$defs/amount"}},
            "open": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
        "$defs": {"amount": {"type": "number"}},
    }
    fits = {"summary": PROMPT, "line": "motor", "amounts": [1.5], "open": True}
    named = {"type": "json_schema", "json_schema": {"name": "claim", "schema": schema}}
    openai = ask(provider, "openai", body={**CASES["openai"].body, "response_format": named}).json()
    assert json.loads(openai["choices"][0]["message"]["content"]) == fits
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    gemini = ask(provider, "gemini", body={**GEMINI_BODY, "generationConfig": config}).json()
    assert json.loads(gemini["candidates"][0]["content"]["parts"][0]["text"]) == fits


def test_images_are_counted(provider: RunningProvider) -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    body: Json = {"model": "gpt-4.1", "messages": [{"role": "user", "content": parts}]}
    text = ask(provider, "openai", body=body).json()["choices"][0]["message"]["content"]
    assert 'You asked: "What is this?".' in text
    assert "Images: 1." in text


def test_azure_wants_an_api_version_and_anthropic_its_version_header(provider: RunningProvider) -> None:
    assert ask(provider, "azure", path="/azure/openai/deployments/claims-4o/chat/completions").status_code == 404
    keys = {"x-api-key": DEMO_KEYS["anthropic"].accepted}
    answer = httpx.post(provider.url + CASES["anthropic"].path, headers=keys, json=CASES["anthropic"].body, trust_env=False, timeout=60)
    assert answer.status_code == 400
    assert "anthropic-version: header is required" in answer.text


def test_unknown_paths_and_methods_are_refused(provider: RunningProvider) -> None:
    for name in CASES:
        assert ask(provider, name, path=f"/{name}/nowhere").status_code == 404
    assert httpx.get(provider.url + "/triage/v3/assess", trust_env=False, timeout=60).status_code == 405
    assert httpx.get(provider.url + "/nowhere", trust_env=False, timeout=60).status_code == 404
    assert "POST /triage/v3/assess" in httpx.get(provider.url + "/", trust_env=False, timeout=60).json()["endpoints"]


def test_echo_says_what_arrived_and_the_recording_too(provider: RunningProvider) -> None:
    answer = httpx.put(provider.url + "/echo/a%20b?x=1&y=", headers={"X-One": "1"}, content="ümlaut", trust_env=False).json()
    assert (answer["method"], answer["path"], answer["query"], answer["body"]) == ("PUT", "/echo/a%20b", "x=1&y=", "ümlaut")
    assert ["x-one", "1"] in answer["headers"]
    recorded = provider.wait_for_outcome("answered")
    assert (recorded.request.method, recorded.request.header("X-One"), recorded.request.body.decode()) == ("PUT", "1", "ümlaut")
