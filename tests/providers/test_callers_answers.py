"""What programs get back, read with the public SDKs' own types and their own readers of streams (spec 04)."""

import json
from collections.abc import Iterable
from dataclasses import replace

import httpx2
import pytest
from anthropic import Anthropic, APIStatusError
from anthropic.lib.streaming import MessageStream
from anthropic.types import Message as AnthropicMessage
from anthropic.types import ModelInfo, RawMessageStreamEvent
from openai import APIError, OpenAI
from openai.lib.streaming.chat import ChatCompletionStream
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from apps.providers.base import StreamReader
from apps.providers.callers.anthropic import ANTHROPIC_CALLER
from apps.providers.callers.base import CallerFormat, ListedModel
from apps.providers.callers.openai import OPENAI_CALLER
from apps.providers.chat import (
    ChatAnswer,
    Ended,
    Finish,
    StreamEvent,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallStarted,
    Usage,
)
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import CHAT_FORMATS
from tests.providers.chat_support import RECORDED, feed_all, recorded_frames, recorded_json, recorded_stream

DOCUMENTS = sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.json") if path.stem != "failed")
STREAMS = sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.*l") if path.suffix == ".jsonl")
STREAMS += sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.sse") if path.stem not in ("error", "blocked"))
BUSY = ProviderError(ErrorKind.UPSTREAM_ERROR, "The provider broke off.", "Try again.", provider_message="Overloaded")
EVENTS = TypeAdapter(RawMessageStreamEvent)
FINISHES = {
    Finish.STOP: ("stop", "end_turn"),
    Finish.LENGTH: ("length", "max_tokens"),
    Finish.TOOLS: ("tool_calls", "tool_use"),
    Finish.FILTERED: ("content_filter", "refusal"),
    Finish.OTHER: ("stop", "end_turn"),
}


def reader_of(name: str) -> StreamReader:
    return CHAT_FORMATS[name.partition("/")[0]].read_stream()


def events_of(name: str) -> list[StreamEvent]:
    """A recorded stream's events, as any of the six formats reads them."""
    data = recorded_frames(name) if name.startswith("converse") else recorded_stream(name)
    return feed_all(reader_of(name), [data])


def written(caller: CallerFormat, events: Iterable[StreamEvent], *, include_usage: bool = True) -> bytes:
    """The stream, fed one event at a time."""
    renderer = caller.renderer(model="claims", answer_id="id-1", created=1_700_000_000, include_usage=include_usage)
    return b"".join(renderer.feed([event]) for event in events)


def openai_client(data: bytes) -> OpenAI:
    return OpenAI(api_key="k", base_url="http://test/v1", max_retries=0, http_client=httpx2.Client(transport=answering(data)))


def anthropic_client(data: bytes) -> Anthropic:
    return Anthropic(api_key="k", base_url="http://test", max_retries=0, http_client=httpx2.Client(transport=answering(data)))


def answering(data: bytes) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data))


def openai_stream(data: bytes) -> ChatCompletionStream[None]:
    manager = openai_client(data).chat.completions.stream(model="m", messages=[{"role": "user", "content": "a"}])
    return manager.__enter__()


def anthropic_stream(data: bytes) -> MessageStream[None]:
    manager = anthropic_client(data).messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "a"}])
    return manager.__enter__()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_recorded_answer_reaches_openai_callers(name: str) -> None:
    answer = CHAT_FORMATS[name.partition("/")[0]].read_answer(recorded_json(name))
    body = OPENAI_CALLER.render_answer(answer, model="claims", answer_id="id-1", created=1_700_000_000)
    completion = ChatCompletion.model_validate_json(body)
    choice = completion.choices[0]
    assert (choice.message.content or "") == answer.text
    assert choice.finish_reason == FINISHES[answer.finish][0]
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or [] if call.type == "function"]
    assert calls == [(call.id or f"call_id-1_{place}", call.name, call.arguments) for place, call in enumerate(answer.tool_calls)]
    assert (completion.usage is None) == (None in (answer.usage.input_tokens, answer.usage.output_tokens))
    assert OPENAI_CALLER.peek_answer(body).usage == (answer.usage if completion.usage else Usage())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_recorded_answer_reaches_anthropic_callers(name: str) -> None:
    answer = CHAT_FORMATS[name.partition("/")[0]].read_answer(recorded_json(name))
    body = ANTHROPIC_CALLER.render_answer(answer, model="claims", answer_id="id-1", created=0)
    message = AnthropicMessage.model_validate_json(body)
    assert "".join(block.text for block in message.content if block.type == "text") == answer.text
    assert message.stop_reason == FINISHES[answer.finish][1]
    calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    expected = [(call.id or f"toolu_id-1_{place}", call.name, json.loads(call.arguments)) for place, call in enumerate(answer.tool_calls)]
    assert calls == expected
    counted = replace(answer.usage, input_tokens=answer.usage.input_tokens or 0, output_tokens=answer.usage.output_tokens or 0)
    assert ANTHROPIC_CALLER.peek_answer(body).usage == counted


@pytest.mark.parametrize("name", STREAMS)
def test_every_recorded_stream_reaches_openai_callers(name: str) -> None:
    events = events_of(name)
    data = written(OPENAI_CALLER, events)
    for line in data.decode().split("\n\n")[:-2]:
        ChatCompletionChunk.model_validate_json(line.removeprefix("data: "))
    stream = openai_stream(data)
    stream.until_done()
    completion = stream.current_completion_snapshot
    choice = completion.choices[0]
    end = events[-1]
    assert isinstance(end, Ended)
    assert (choice.message.content or "") == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert choice.finish_reason == FINISHES[end.finish][0]
    begun = [event.name for event in events if isinstance(event, ToolCallStarted)]
    assert [call.function.name for call in choice.message.tool_calls or []] == begun
    arguments = "".join(call.function.arguments for call in choice.message.tool_calls or [])
    assert arguments == "".join(event.text for event in events if isinstance(event, ToolArgumentsDelta))
    assert completion.usage is not None
    assert completion.usage.completion_tokens == end.usage.output_tokens
    assert b'"usage"' not in written(OPENAI_CALLER, events, include_usage=False)
    assert feed_all(CHAT_FORMATS["openai"].read_stream(), [data]) == with_ids(events, "call")


@pytest.mark.parametrize("name", STREAMS)
def test_every_recorded_stream_reaches_anthropic_callers(name: str) -> None:
    events = events_of(name)
    data = written(ANTHROPIC_CALLER, events)
    for line in data.decode().splitlines():
        if line.startswith("data: "):
            EVENTS.validate_json(line.removeprefix("data: "))
    message = anthropic_stream(data).get_final_message()
    end = events[-1]
    assert isinstance(end, Ended)
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "".join(block.text for block in message.content if block.type == "text") == said
    assert message.stop_reason == FINISHES[end.finish][1]
    begun = [event.name for event in events if isinstance(event, ToolCallStarted)]
    assert [block.name for block in message.content if block.type == "tool_use"] == begun
    assert message.usage.output_tokens == end.usage.output_tokens
    assert feed_all(CHAT_FORMATS["anthropic"].read_stream(), [data]) == with_ids(events, "toolu")


def with_ids(events: list[StreamEvent], prefix: str) -> list[StreamEvent]:
    """The events with an ID for each call that had none."""
    changed: list[StreamEvent] = []
    for event in events:
        if isinstance(event, ToolCallStarted) and not event.id:
            event = ToolCallStarted(event.index, f"{prefix}_id-1_{event.index}", event.name)
        changed.append(event)
    return changed


def test_the_order_of_openais_chunks() -> None:
    events: list[StreamEvent] = [
        TextDelta("é"),
        ToolCallStarted(0, "c", "f"),
        ToolArgumentsDelta(0, "{}"),
        Ended(Finish.TOOLS, Usage(3, 4, 1)),
    ]
    lines = written(OPENAI_CALLER, events).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "é"},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, None, "tool_calls"]
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 5
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks} == {("id-1", "claims", 1_700_000_000)}


def test_the_order_of_anthropics_events() -> None:
    events: list[StreamEvent] = [
        TextDelta("a"),
        TextDelta("b"),
        ToolCallStarted(0, "c", "f"),
        ToolCallStarted(1, "d", "g"),
        ToolArgumentsDelta(1, '{"x":1}'),
        TextDelta("c"),
        ToolArgumentsDelta(0, "{}"),  # known to have none once all is over; its block says so from the start
        Ended(Finish.TOOLS, Usage(30, 4, 10, 5)),
    ]
    lines = [line for line in written(ANTHROPIC_CALLER, events).decode().splitlines() if line]
    told = [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    assert [line.removeprefix("event: ") for line in lines[::2]] == [event["type"] for event in told]
    assert [(event["type"].removeprefix("content_block_"), event.get("index")) for event in told] == [
        ("message_start", None),
        *[("start", 0), ("delta", 0), ("delta", 0), ("stop", 0)],
        *[("start", 1), ("stop", 1)],
        *[("start", 2), ("delta", 2), ("stop", 2)],
        *[("start", 3), ("delta", 3), ("stop", 3)],
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert told[-2]["usage"] == {"input_tokens": 15, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 4}


def test_counts_that_are_not_known() -> None:
    """OpenAI's may be missing altogether; Anthropic's may not, and know no word for unknown."""
    for usage in (Usage(), Usage(input_tokens=5), Usage(output_tokens=5)):
        answer = ChatAnswer("a", usage=usage)
        assert ChatCompletion.model_validate_json(OPENAI_CALLER.render_answer(answer, model="m", answer_id="i", created=1)).usage is None
        assert b'"prompt_tokens"' not in written(OPENAI_CALLER, [Ended(Finish.STOP, usage)])
        message = AnthropicMessage.model_validate_json(ANTHROPIC_CALLER.render_answer(answer, model="m", answer_id="i", created=1))
        assert (message.usage.input_tokens, message.usage.output_tokens) == (usage.input_tokens or 0, usage.output_tokens or 0)


def test_an_answer_of_nothing() -> None:
    assert OPENAI_CALLER.peek_answer(OPENAI_CALLER.render_answer(ChatAnswer(), model="m", answer_id="i", created=1)).output == ""
    assert json.loads(ANTHROPIC_CALLER.render_answer(ChatAnswer(), model="m", answer_id="i", created=1))["content"] == []
    assert anthropic_stream(written(ANTHROPIC_CALLER, [Ended(Finish.STOP)])).get_final_message().content == []
    assert openai_stream(written(OPENAI_CALLER, [Ended(Finish.STOP)])).get_final_completion().choices[0].message.content == ""


def test_arguments_that_are_no_object_reach_only_openai_callers() -> None:
    answer = ChatAnswer(tool_calls=(ToolCall("c", "f", '{"a":'), ToolCall("", "g", "")))
    assert b'"arguments":"{\\"a\\":"' in OPENAI_CALLER.render_answer(answer, model="m", answer_id="i", created=1)
    with pytest.raises(ProviderError, match="“f”") as raised:
        ANTHROPIC_CALLER.render_answer(answer, model="m", answer_id="i", created=1)
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT


def test_a_break_in_the_middle_makes_openais_sdk_raise() -> None:
    renderer = OPENAI_CALLER.renderer(model="m", answer_id="i", created=1)
    data = renderer.feed([TextDelta("Hel")]) + renderer.error(BUSY)
    seen: list[ChatCompletionChunk] = []
    with pytest.raises(APIError) as raised:
        seen.extend(openai_client(data).chat.completions.create(model="m", messages=[], stream=True))
    assert [chunk.choices[0].delta.content for chunk in seen] == ["", "Hel"]
    assert raised.value.code == "upstream_error"
    assert raised.value.message == "The provider broke off. The provider said: Overloaded. Try again."


def test_a_break_in_the_middle_makes_anthropics_sdk_raise() -> None:
    renderer = ANTHROPIC_CALLER.renderer(model="m", answer_id="i", created=1)
    data = renderer.feed([TextDelta("Hel")]) + renderer.error(BUSY)
    seen: list[str] = []
    with pytest.raises(APIStatusError) as raised:
        seen.extend(anthropic_stream(data).text_stream)
    assert seen == ["Hel"]
    assert (raised.value.type, raised.value.error_code) == ("api_error", "upstream_error")


def test_errors_in_either_format() -> None:
    sentence = "The provider broke off. The provider said: Overloaded. Try again."
    assert json.loads(OPENAI_CALLER.error_body(BUSY, 502)) == {
        "error": {"message": sentence, "type": "server_error", "param": None, "code": "upstream_error"}
    }
    assert json.loads(ANTHROPIC_CALLER.error_body(BUSY, 502)) == {
        "type": "error",
        "error": {"type": "api_error", "message": sentence, "details": {"error_code": "upstream_error"}},
    }


def test_the_list_of_models() -> None:
    models = [ListedModel("claims", 1_700_000_000), ListedModel("claims-eu", 1_700_000_060)]
    listed = json.loads(OPENAI_CALLER.render_models(models))
    assert [Model.model_validate(model).id for model in listed["data"]] == ["claims", "claims-eu"]
    page = json.loads(ANTHROPIC_CALLER.render_models(models))
    assert [ModelInfo.model_validate(model).id for model in page["data"]] == ["claims", "claims-eu"]
    assert ModelInfo.model_validate(page["data"][0]).created_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "claims", "claims-eu")
    assert json.loads(ANTHROPIC_CALLER.render_models([])) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
