"""Cohere's Chat v2 (spec 04, Wire formats and providers)."""

import pytest

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
from apps.providers.cohere import CohereFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import JsonValue
from tests.providers.chat_support import feed_all, recorded_json, recorded_stream, told

COHERE = CohereFormat()
HELLO = (Message(Role.USER, (Text("Hello"),)),)
TOOLS = (Tool("look"), Tool("time"))


def test_the_least_call() -> None:
    assert COHERE.build_body(ChatCall(HELLO), "command-a-03-2025") == {
        "model": "command-a-03-2025",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": False,
    }


def test_nearly_everything_at_once() -> None:
    call = ChatCall(
        messages=(
            Message(Role.USER, (Text("What is this?"), Image("image/png", "aGk="), Image(url="https://img.example/1.jpg"))),
            Message(Role.ASSISTANT, (Text("Let me see."), ToolCall("c1", "look", '{"x": 1'), ToolCall("c2", "time"))),
            Message(Role.USER, (Text("Go on."), ToolResult("c1", "a cat"), ToolResult("c2", "no clock", is_error=True))),
            Message(Role.ASSISTANT, (Text("A cat."),)),
        ),
        system="Be brief.",
        tools=(Tool("look", "Looks closely", {"type": "object", "properties": {"x": {"type": "number"}}}), Tool("time")),
        tool_use=ToolUse.REQUIRED,
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        stop=("END",),
    )
    assert COHERE.build_body(call, "command-a-03-2025", stream=True) == {
        "model": "command-a-03-2025",
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
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1'}},
                    {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                ],
                "tool_plan": "Let me see.",
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: no clock"},
            {"role": "user", "content": "Go on."},
            {"role": "assistant", "content": "A cat."},
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
            {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}},
        ],
        "tool_choice": "REQUIRED",
        "temperature": 0.5,
        "p": 0.9,
        "max_tokens": 100,
        "stop_sequences": ["END"],
        "stream": True,
    }


def test_a_schema() -> None:
    body = COHERE.build_body(ChatCall(HELLO, response_schema=ResponseSchema({"type": "object"})), "m")
    assert body["response_format"] == {"type": "json_object", "json_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("call", "choice"),
    [
        (ChatCall(HELLO, tools=TOOLS), None),
        (ChatCall(HELLO, tools=TOOLS, tool_use=ToolUse.AUTO), None),
        (ChatCall(HELLO, tools=TOOLS, tool_use=ToolUse.NONE), "NONE"),
        (ChatCall(HELLO, tools=TOOLS[:1], tool_name="look"), "REQUIRED"),
    ],
)
def test_the_choice_of_tools(call: ChatCall, choice: JsonValue) -> None:
    assert COHERE.build_body(call, "m").get("tool_choice") == choice


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ChatCall(HELLO, tools=TOOLS, tool_name="time"), "Cohere (Chat v2) has no way to name the tool that must be used."),
        (ChatCall(HELLO, tools=TOOLS, parallel_tools=False), "no way to forbid parallel tool calls."),
        (ChatCall(HELLO, tools=TOOLS, response_schema=ResponseSchema({})), "no structured output together with tools."),
    ],
)
def test_what_it_cannot_carry(call: ChatCall, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        COHERE.build_body(call, "m")
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("LLMs stand for Large Language Models.", (), Finish.STOP, Usage(71, 418, 64))),
        (
            "tools",
            ChatAnswer(
                "I will search for the weather in Madrid and Brasilia.",
                (
                    ToolCall("get_weather_14brd1n2kfqj", "get_weather", '{"location":"Madrid"}'),
                    ToolCall("get_weather_vdr9cvj619fk", "get_weather", '{"location":"Brasilia"}'),
                ),
                Finish.TOOLS,
                Usage(923, 60),
            ),
        ),
    ],
)
def test_recorded_answers(name: str, answer: ChatAnswer) -> None:
    assert COHERE.read_answer(recorded_json(f"cohere/{name}")) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("Hello wörld 👋", (), Finish.STOP, Usage(66, 9))),
        (
            "tools",
            ChatAnswer(
                "I will look.",
                (ToolCall("w_1", "get_weather", '{"location": "Madrid"}'), ToolCall("w_2", "get_weather", "{}")),
                Finish.TOOLS,
                Usage(66, 9),
            ),
        ),
    ],
)
def test_recorded_streams(name: str, answer: ChatAnswer) -> None:
    assert told(feed_all(COHERE.read_stream(), [recorded_stream(f"cohere/{name}")])) == answer


def test_a_failed_answer_is_no_answer() -> None:
    with pytest.raises(ProviderError) as raised:
        COHERE.read_answer(recorded_json("cohere/failed"))
    assert raised.value.kind is ErrorKind.UPSTREAM_ERROR
    with pytest.raises(ProviderError) as raised:
        feed_all(COHERE.read_stream(), [recorded_stream("cohere/error")])
    assert raised.value.provider_message == "internal server error"


@pytest.mark.parametrize("document", [{"text": "v1"}, {"message": "no"}, 5])
def test_what_is_no_answer(document: JsonValue) -> None:
    with pytest.raises(ProviderError) as raised:
        COHERE.read_answer(document)
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT
