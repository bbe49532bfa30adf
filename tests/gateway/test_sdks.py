"""The public SDKs, unmodified, against the running gateway: what each of them can ask of models of every kind (spec 04)."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from apps.external_models.definition import Header
from tests.support.gateway import EASY, Gateway

SYSTEM = "You sort motor claims for Harbor Mutual."
ASK = "Hail dented the roof. Covered?"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"claim": {"type": "string"}}, "required": ["claim"], "additionalProperties": False}
TOOL = "lookup_claim"
NAMES = ("OpenAI", "Azure", "Anthropic", "Google", "Cohere", "Claims on Bedrock", "Like OpenAI", "Like Anthropic", "Like Gemini")
ODD = "Triage desk"


class Verdict(BaseModel):
    claim: str
    covered: bool


@dataclass
class Clients:
    """Both SDKs with a good key; neither tries again on its own."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic


@pytest.fixture(scope="module")
def clients(running: Gateway) -> Iterator[Clients]:
    for name, key in (("OpenAI", "openai"), ("Azure", "azure"), ("Anthropic", "anthropic"), ("Google", "google"), ("Cohere", "cohere")):
        running.easy(name, EASY[key])
    running.bedrock()
    for name, key in (("Like OpenAI", "openai"), ("Like Anthropic", "anthropic"), ("Like Gemini", "gemini")):
        running.structure(name, key)
    running.odd(ODD)
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0) as one,
        anthropic.Anthropic(base_url=running.url, api_key=running.key, max_retries=0) as other,
    ):
        yield Clients(one, other)


def user(text: str = ASK) -> Any:
    return {"role": "user", "content": text}


# OpenAI's


@pytest.mark.parametrize("model", [*NAMES, ODD])
def test_openai_asks(gateway: Gateway, clients: Clients, model: str) -> None:
    messages = [{"role": "system", "content": SYSTEM}, user()]
    raw = clients.openai.chat.completions.with_raw_response.create(model=model, messages=messages)  # type: ignore[arg-type]
    answer = raw.parse()
    said = answer.choices[0].message.content or ""
    assert f'You asked: "{ASK}"' in said
    assert "System prompt of 7 words" in said
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(said.split())
    trace = gateway.last_trace()
    assert (raw.headers["x-patchbay-request-id"], raw.headers["x-patchbay-model"]) == (trace.request_id, model)
    assert (raw.headers["x-patchbay-connection"], raw.headers["x-patchbay-attempts"]) == (trace.connection_name, "1")
    assert raw.headers["content-type"] == "application/json"
    assert (trace.status, trace.body.output, trace.api, trace.streamed) == ("success", said, "openai", False)
    assert (trace.input_tokens, trace.output_tokens) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert json.loads(trace.body.input)["messages"] == messages
    assert (trace.source_type, trace.model_name) == ("api_key", model)


@pytest.mark.parametrize("model", [*NAMES, ODD])
def test_openai_streams(gateway: Gateway, clients: Clients, model: str) -> None:
    chunks = list(clients.openai.chat.completions.create(model=model, messages=[user()], stream=True))
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert f'You asked: "{ASK}"' in "".join(pieces)
    assert (len(pieces) == 1) is (model == ODD)  # what does not stream comes in one piece
    assert [chunk.usage for chunk in chunks if chunk.usage] == []  # nobody asked for the counts
    assert chunks[-1].choices[0].finish_reason == "stop"
    trace = gateway.last_trace()
    assert (trace.status, trace.streamed, trace.body.output) == ("success", True, "".join(pieces))
    assert trace.output_tokens == len("".join(pieces).split())
    assert trace.first_token_ms is not None

    counted = list(
        clients.openai.chat.completions.create(model=model, messages=[user()], stream=True, stream_options={"include_usage": True})
    )
    assert counted[-1].usage is not None
    assert counted[-1].usage.completion_tokens == len("".join(pieces).split())


@pytest.mark.parametrize("model", NAMES)
def test_openai_uses_tools(gateway: Gateway, clients: Clients, model: str) -> None:
    tools: Any = [{"type": "function", "function": {"name": TOOL, "description": "Finds a claim.", "parameters": SCHEMA}}]
    messages: list[Any] = [user(f"Please call {TOOL} for 4711.")]
    asked = clients.openai.chat.completions.create(model=model, messages=messages, tools=tools).choices[0]
    assert asked.finish_reason == "tool_calls"
    assert asked.message.tool_calls
    call: Any = asked.message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == (TOOL, {"claim": f"Please call {TOOL} for 4711."})
    assert TOOL in gateway.last_trace().body.output

    with clients.openai.chat.completions.stream(model=model, messages=messages, tools=tools) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert streamed.finish_reason == "tool_calls"
    assert streamed.message.tool_calls
    assert streamed.message.tool_calls[0].function.arguments == call.function.arguments

    messages += [asked.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "The roof is covered."}]
    answer = clients.openai.chat.completions.create(model=model, messages=messages, tools=tools)
    assert 'Tool results: "' in (answer.choices[0].message.content or "")
    assert "The roof is covered." in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("model", NAMES)
def test_openai_gets_structured_output(gateway: Gateway, clients: Clients, model: str) -> None:
    answer = clients.openai.chat.completions.parse(model=model, messages=[user()], response_format=Verdict)
    assert answer.choices[0].message.parsed == Verdict(claim=ASK, covered=True)


@pytest.mark.parametrize("model", NAMES)
def test_openai_shows_an_image(gateway: Gateway, clients: Clients, model: str) -> None:
    parts: Any = [{"type": "text", "text": ASK}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    answer = clients.openai.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
    assert "Images: 1." in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("model", NAMES)
def test_openai_talks_in_turns(gateway: Gateway, clients: Clients, model: str) -> None:
    messages: Any = [{"role": "system", "content": SYSTEM}, user("Hello."), {"role": "assistant", "content": "Hello!"}, user()]
    answer = clients.openai.chat.completions.create(model=model, messages=messages, max_tokens=50, temperature=0.3, stop=["STOP"])
    said = answer.choices[0].message.content or ""
    assert "The conversation has 3 messages." in said
    assert "System prompt of 7 words" in said
    assert "0.3" in said


# Anthropic's


@pytest.mark.parametrize("model", [*NAMES, ODD])
def test_anthropic_asks(gateway: Gateway, clients: Clients, model: str) -> None:
    raw = clients.anthropic.messages.with_raw_response.create(model=model, max_tokens=400, system=SYSTEM, messages=[user()])
    answer = raw.parse()
    said = "".join(block.text for block in answer.content if block.type == "text")
    assert f'You asked: "{ASK}"' in said
    assert "System prompt of 7 words" in said
    assert (answer.stop_reason, answer.role) == ("end_turn", "assistant")
    assert answer.usage.output_tokens == len(said.split())
    trace = gateway.last_trace()
    assert (raw.headers["x-patchbay-request-id"], raw.headers["x-patchbay-model"]) == (trace.request_id, model)
    assert answer._request_id == trace.request_id
    assert (trace.status, trace.body.output, trace.api) == ("success", said, "anthropic")


@pytest.mark.parametrize("model", [*NAMES, ODD])
def test_anthropic_streams(gateway: Gateway, clients: Clients, model: str) -> None:
    with clients.anthropic.messages.stream(model=model, max_tokens=400, messages=[user()]) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert f'You asked: "{ASK}"' in "".join(pieces)
    assert (len(pieces) == 1) is (model == ODD)
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == len("".join(pieces).split())
    trace = gateway.last_trace()
    assert (trace.status, trace.streamed, trace.body.output) == ("success", True, "".join(pieces))


@pytest.mark.parametrize("model", NAMES)
def test_anthropic_uses_tools(gateway: Gateway, clients: Clients, model: str) -> None:
    tools: Any = [{"name": TOOL, "description": "Finds a claim.", "input_schema": SCHEMA}]
    messages: list[Any] = [user(f"Please call {TOOL} for 4711.")]
    asked = clients.anthropic.messages.create(model=model, max_tokens=400, messages=messages, tools=tools)
    assert asked.stop_reason == "tool_use"
    call: Any = next(block for block in asked.content if block.type == "tool_use")
    assert (call.name, call.input) == (TOOL, {"claim": f"Please call {TOOL} for 4711."})

    with clients.anthropic.messages.stream(model=model, max_tokens=400, messages=messages, tools=tools) as stream:
        streamed = stream.get_final_message()
    assert [block.input for block in streamed.content if block.type == "tool_use"] == [call.input]

    result = {"type": "tool_result", "tool_use_id": call.id, "content": "The roof is covered."}
    messages += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
    answer = clients.anthropic.messages.create(model=model, max_tokens=400, messages=messages, tools=tools)
    assert "The roof is covered." in answer.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("model", NAMES)
def test_anthropic_gets_structured_output(gateway: Gateway, clients: Clients, model: str) -> None:
    answer = clients.anthropic.messages.parse(model=model, max_tokens=400, messages=[user()], output_format=Verdict)
    assert answer.parsed_output == Verdict(claim=ASK, covered=True)


@pytest.mark.parametrize("model", NAMES)
def test_anthropic_shows_an_image_in_a_conversation(gateway: Gateway, clients: Clients, model: str) -> None:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    messages: Any = [
        user("Hello."),
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [picture, {"type": "text", "text": ASK}]},
    ]
    answer = clients.anthropic.messages.create(model=model, max_tokens=400, system=SYSTEM, messages=messages, stop_sequences=["STOP"])
    said = answer.content[0].text  # type: ignore[union-attr]
    assert "Images: 1." in said
    assert "The conversation has 3 messages." in said
    assert "System prompt of 7 words" in said


# What the odd JSON API has no place for is refused by name, in both formats.

PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
FUNCTION = {"type": "function", "function": {"name": TOOL, "parameters": SCHEMA}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"tools": [FUNCTION]}, "tools"),
        ({"response_format": JSON_SCHEMA}, "structured output"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "image"),
        ({"messages": [user(), {"role": "assistant", "content": "Yes."}, user()]}, "earlier messages"),
        ({"seed": 7}, "seed"),
    ],
)
def test_the_odd_api_names_what_it_cannot(gateway: Gateway, clients: Clients, more: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        clients.openai.chat.completions.create(**{"model": ODD, "messages": [user()], **more})
    assert refused.value.code == "unsupported"
    assert named in refused.value.message.lower()
    assert gateway.last_trace().error_code == "unsupported"
    assert gateway.provider.recorded == []


@pytest.mark.parametrize("model", ["OpenAI", "Anthropic", "Claims on Bedrock"])
def test_a_long_text_is_carried_whatever_the_model_speaks(gateway: Gateway, clients: Clients, model: str) -> None:
    """A context of a million tokens has several megabytes."""
    text = "hail " * 300_000
    answer = clients.openai.chat.completions.create(model=model, messages=[user(text), {"role": "assistant", "content": "Yes?"}, user()])
    assert f'You asked: "{ASK}"' in (answer.choices[0].message.content or "")
    assert text.encode() in gateway.provider.recorded[-1].request.body


def test_unknown_fields_reach_a_target_of_the_same_format_untouched(gateway: Gateway, clients: Clients) -> None:
    extra = {"seed": 7, "prediction": {"type": "content", "content": "x"}, "added_tomorrow": [1, {"a": None}]}
    clients.openai.chat.completions.create(model="Like OpenAI", messages=[user()], extra_body=extra)
    sent = json.loads(gateway.provider.recorded[-1].request.body)
    assert {name: sent[name] for name in extra} == extra
    assert sent["model"] == "gpt-4o-mini"


def test_the_async_clients(gateway: Gateway, clients: Clients) -> None:
    pieces, answer = asyncio.run(ask_both(gateway))
    assert f'You asked: "{ASK}"' in "".join(pieces)
    assert f'You asked: "{ASK}"' in answer
    assert [trace.status for trace in gateway.wait_for_traces(2)] == ["success", "success"]


async def ask_both(gateway: Gateway) -> tuple[list[str], str]:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="Anthropic", messages=[user()], stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    async with anthropic.AsyncAnthropic(base_url=gateway.url, auth_token=gateway.key, max_retries=0) as other:
        answer = await other.messages.create(model="OpenAI", max_tokens=400, messages=[user()])
    return pieces, answer.content[0].text  # type: ignore[union-attr]


def test_models_are_listed_as_each_sdk_expects(gateway: Gateway, clients: Clients) -> None:
    expected = sorted([*NAMES, ODD], key=str.lower)
    assert [model.id for model in clients.openai.models.list()] == expected
    assert [model.id for model in clients.anthropic.models.list()] == expected
    assert clients.openai.models.retrieve("Like OpenAI").owned_by == "patchbay"
    assert clients.anthropic.models.retrieve("Like OpenAI").display_name == "Like OpenAI"


def test_betas_of_anthropics_sdk_go_on(gateway: Gateway, clients: Clients) -> None:
    """What the program asks for by name reaches Anthropic, beside what the model's definition asks for; no other provider hears of it."""
    betas = ["context-management-2025-06-27", "files-api-2025-04-14"]
    asked: Any = {"max_tokens": 400, "messages": [user()], "betas": betas}
    clients.anthropic.beta.messages.create(model="Anthropic", **asked)
    with clients.anthropic.beta.messages.stream(model="Anthropic", **asked) as stream:
        stream.get_final_message()
    assert [dict(sent.request.headers).get("anthropic-beta") for sent in gateway.provider.recorded] == [",".join(betas)] * 2

    model = gateway.structure("Like Anthropic, with a beta", "anthropic", headers=[Header("Anthropic-Beta", "own-2026-01-01")])
    clients.anthropic.beta.messages.create(model=model.name, **asked)
    assert gateway.provider.recorded[-1].request.header("anthropic-beta") == ",".join(["own-2026-01-01", *betas])

    clients.anthropic.beta.messages.create(model="OpenAI", **asked)
    assert "anthropic-beta" not in dict(gateway.provider.recorded[-1].request.headers)


@pytest.mark.parametrize("value", ["a\tb", "x" * 1001, "a;b"])
def test_a_beta_that_is_no_name_is_refused(gateway: Gateway, clients: Clients, value: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match="names separated by commas"):
        clients.anthropic.messages.create(model="Anthropic", max_tokens=9, messages=[user()], extra_headers={"anthropic-beta": value})
    assert gateway.last_trace().error_code == "invalid_request"
    assert gateway.provider.recorded == []
