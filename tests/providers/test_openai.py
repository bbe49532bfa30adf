"""OpenAI Chat Completions, and Azure OpenAI, which shares it (spec 04, Wire formats and providers)."""

import json

import pytest

from apps.providers.azure import AzureFormat
from apps.providers.chat import (
    ChatAnswer,
    ChatCall,
    Finish,
    Image,
    Message,
    ResponseSchema,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolUse,
    Usage,
)
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.openai import OpenAIFormat
from apps.providers.types import JsonValue
from tests.providers.chat_support import feed_all, recorded_json, recorded_stream, told

OPENAI = OpenAIFormat()
HELLO = (Message(Role.USER, (Text("Hello"),)),)


def test_the_least_call() -> None:
    assert OPENAI.build_body(ChatCall(HELLO), "gpt-4.1") == {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello"}]}


def test_azure_names_no_model() -> None:
    assert AzureFormat().build_body(ChatCall(HELLO), "gpt-4.1") == {"messages": [{"role": "user", "content": "Hello"}]}


def test_everything_at_once() -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    call = ChatCall(
        messages=(
            Message(Role.USER, (Text("What is this?"), Image("image/png", "aGk="), Image(url="https://img.example/1.jpg"))),
            Message(Role.ASSISTANT, (Text("Let me see."), ToolCall("c1", "look", '{"x": 1'), ToolCall("c2", "time"))),
            Message(Role.USER, (Text("Go on."), ToolResult("c1", "a cat"), ToolResult("c2", "no clock", is_error=True))),
        ),
        system="Be brief.",
        tools=(Tool("look", "Looks closely", {"type": "object", "properties": {"x": {"type": "number"}}}), Tool("time")),
        tool_use=ToolUse.AUTO,
        parallel_tools=False,
        response_schema=ResponseSchema(schema, name="answer"),
        temperature=0.0,
        top_p=0.9,
        max_tokens=100,
        stop=("END", "\n\n"),
    )
    assert OPENAI.build_body(call, "gpt-5-mini", stream=True) == {
        "model": "gpt-5-mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                    {"type": "image_url", "image_url": {"url": "https://img.example/1.jpg"}},
                ],
            },
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1'}},
                    {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: no clock"},
            {"role": "user", "content": "Go on."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "look",
                    "description": "Looks closely",
                    "parameters": {"type": "object", "properties": {"x": {"type": "number"}}},
                },
            },
            {"type": "function", "function": {"name": "time"}},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}},
        "temperature": 0.0,
        "top_p": 0.9,
        "stop": ["END", "\n\n"],
        "max_completion_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_named_tool() -> None:
    body = OPENAI.build_body(ChatCall(HELLO, tools=(Tool("look"),), tool_name="look"), "gpt-4.1")
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look"}}


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("gpt-5", "max_completion_tokens"),
        ("gpt-5.2-mini", "max_completion_tokens"),
        ("o4-mini", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("ft:o4-mini:harbor::1", "max_completion_tokens"),
        ("gpt-4.1", "max_tokens"),
        ("gpt-4o", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("mistral-large-latest", "max_tokens"),
        ("openchat", "max_tokens"),
        ("", "max_tokens"),
    ],
)
def test_the_name_of_the_limit(model: str, field: str) -> None:
    """Reasoning models take only the new name, many servers of this shape only the old one."""
    assert OPENAI.build_body(ChatCall(HELLO, max_tokens=7), model)[field] == 7


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (
            "text",
            ChatAnswer("Hello! How can I assist you today?", (), Finish.STOP, Usage(1119, 10, 1024), "gpt-4.1-2025-04-14"),
        ),
        (
            "tools",
            ChatAnswer(
                "",
                (
                    ToolCall("call_abc123", "get_current_weather", '{\n"location": "Boston, MA"\n}'),
                    ToolCall("call_def456", "get_current_weather", '{\n"location": "Lyon"\n}'),
                ),
                Finish.TOOLS,
                Usage(82, 17),
                "gpt-4o-mini",
            ),
        ),
        (
            "refusal",
            ChatAnswer("I'm sorry, I cannot assist with that request.", (), Finish.FILTERED, Usage(81, 11), "gpt-4o-2024-08-06"),
        ),
        ("azure_filtered", ChatAnswer("", (), Finish.FILTERED, Usage(14, 0), "gpt-4o-2024-11-20")),
    ],
)
def test_recorded_answers(name: str, answer: ChatAnswer) -> None:
    assert OPENAI.read_answer(recorded_json(f"openai/{name}")) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("Héllo wörld 👋", (), Finish.STOP, Usage(19, 3, 0))),
        (
            "tools",
            ChatAnswer(
                "",
                (ToolCall("call_1", "get_weather", '{"city":"Lyon"}'), ToolCall("call_2", "get_time", "{}")),
                Finish.TOOLS,
                Usage(19, 3, 0),
            ),
        ),
        ("refusal", ChatAnswer("I cannot help.", (), Finish.FILTERED, Usage(19, 3, 0))),
        ("azure", ChatAnswer("Hi", (), Finish.STOP, Usage(19, 3, 0))),
    ],
)
def test_recorded_streams(name: str, answer: ChatAnswer) -> None:
    assert told(feed_all(OPENAI.read_stream(), [recorded_stream(f"openai/{name}")])) == answer


def test_an_error_in_the_stream_says_what_the_provider_said() -> None:
    with pytest.raises(ProviderError) as raised:
        feed_all(OPENAI.read_stream(), [recorded_stream("openai/error")])
    assert raised.value.kind is ErrorKind.UPSTREAM_ERROR
    assert raised.value.provider_message == "The server had an error while processing your request."
    assert raised.value.retryable


@pytest.mark.parametrize(
    ("document", "finish", "text"),
    [
        # Servers of this shape differ in small things.
        ({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]}, Finish.OTHER, "ab"),
        ({"choices": [{"message": {"role": "assistant"}, "finish_reason": "length"}], "error": None}, Finish.LENGTH, ""),
        ({"choices": [{"message": {"tool_calls": [{"function": {"name": "x"}}]}, "finish_reason": "stop"}]}, Finish.TOOLS, ""),
    ],
)
def test_other_servers(document: JsonValue, finish: Finish, text: str) -> None:
    answer = OPENAI.read_answer(document)
    assert (answer.finish, answer.text, answer.usage) == (finish, text, Usage())


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        (
            {"outcome": 1, "ref": 2},
            ErrorKind.NOT_THE_FORMAT,
            "so it is no answer of OpenAI (Chat Completions). Its top-level keys: outcome, ref.",
        ),
        ({"choices": []}, ErrorKind.NOT_THE_FORMAT, "no “choices”"),
        ({"choices": [{"text": "old"}]}, ErrorKind.NOT_THE_FORMAT, "no “message”"),
        ({"choices": [{"message": {"content": 5}}]}, ErrorKind.NOT_THE_FORMAT, "“content” that is no text"),
        ([1], ErrorKind.NOT_THE_FORMAT, "It is a list of 1."),
        ({"error": {"message": "no capacity", "code": 429}}, ErrorKind.UPSTREAM_RATE_LIMITED, "no capacity"),
        ({"error": "broken"}, ErrorKind.UPSTREAM_ERROR, "broken"),
    ],
)
def test_what_is_no_answer(document: JsonValue, kind: ErrorKind, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        OPENAI.read_answer(document)
    assert raised.value.kind is kind
    assert words in raised.value.message


def test_calls_without_index_in_a_stream() -> None:
    """Some servers send whole calls, all with index 0 or with none."""
    first = {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}}
    second = {"id": "b", "function": {"name": "y", "arguments": '{"q":1}'}}
    chunks = [
        {"choices": [{"delta": {"tool_calls": [first]}}]},
        {"choices": [{"delta": {"tool_calls": [second]}, "finish_reason": "stop"}]},
    ]
    data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode()
    calls = (ToolCall("a", "x", "{}"), ToolCall("b", "y", '{"q":1}'))
    assert told(feed_all(OPENAI.read_stream(), [data])) == ChatAnswer("", calls, Finish.TOOLS)


def test_empty_events_keep_a_stream_alive() -> None:
    data = b'data:\n\n: still there\n\ndata: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: \n\n'
    assert told(feed_all(OPENAI.read_stream(), [data])) == ChatAnswer("a", (), Finish.STOP)
