"""Anthropic Messages (spec 04, Wire formats and providers)."""

import pytest

from apps.providers.anthropic import DEFAULT_MAX_TOKENS, AnthropicFormat
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
from apps.providers.types import JsonValue
from tests.providers.chat_support import feed_all, recorded_json, recorded_stream, told

ANTHROPIC = AnthropicFormat()
HELLO = (Message(Role.USER, (Text("Hello"),)),)


def test_the_least_call() -> None:
    """Messages wants a limit in every call."""
    assert ANTHROPIC.build_body(ChatCall(HELLO), "claude-haiku-4-5") == {
        "model": "claude-haiku-4-5",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_everything_at_once() -> None:
    call = ChatCall(
        messages=(
            Message(Role.USER, (Text("What is this?"), Image("image/png", "aGk="), Image(url="https://img.example/1.jpg"))),
            Message(Role.ASSISTANT, (Text(""), ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "time", ""))),
            Message(Role.USER, (Text("Go on."), ToolResult("c1", "a cat"))),
            Message(Role.USER, (ToolResult("c2", "no clock", is_error=True),)),
        ),
        system="Be brief.",
        tools=(Tool("look", "Looks closely", {"type": "object", "properties": {"x": {"type": "number"}}}), Tool("time")),
        parallel_tools=False,
        response_schema=ResponseSchema({"type": "object"}),
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        stop=("END",),
    )
    assert ANTHROPIC.build_body(call, "claude-opus-4-5", stream=True) == {
        "model": "claude-opus-4-5",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                    {"type": "image", "source": {"type": "url", "url": "https://img.example/1.jpg"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c1", "name": "look", "input": {"x": 1}},
                    {"type": "tool_use", "id": "c2", "name": "time", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "a cat"},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "no clock", "is_error": True},
                    {"type": "text", "text": "Go on."},
                ],
            },
        ],
        "tools": [
            {
                "name": "look",
                "description": "Looks closely",
                "input_schema": {"type": "object", "properties": {"x": {"type": "number"}}},
            },
            {"name": "time", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("call", "choice"),
    [
        (ChatCall(HELLO, tools=(Tool("a"),)), None),
        (ChatCall(HELLO, tools=(Tool("a"),), tool_use=ToolUse.AUTO), {"type": "auto"}),
        (ChatCall(HELLO, tools=(Tool("a"),), tool_use=ToolUse.REQUIRED), {"type": "any"}),
        (ChatCall(HELLO, tools=(Tool("a"),), tool_use=ToolUse.NONE, parallel_tools=False), {"type": "none"}),
        (
            ChatCall(HELLO, tools=(Tool("a"),), tool_name="a", parallel_tools=True),
            {"type": "tool", "name": "a", "disable_parallel_tool_use": False},
        ),
    ],
)
def test_the_choice_of_tools(call: ChatCall, choice: JsonValue) -> None:
    assert ANTHROPIC.build_body(call, "m").get("tool_choice") == choice


def test_arguments_that_are_no_object_are_refused() -> None:
    call = ChatCall((*HELLO, Message(Role.ASSISTANT, (ToolCall("c", "look", '{"x": '),))))
    with pytest.raises(ProviderError) as raised:
        ANTHROPIC.build_body(call, "m")
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert "Anthropic (Messages) has no way to carry the arguments of the tool call “look”" in raised.value.message


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        # The provider's input_tokens are what the cache had no part in.
        ("text", ChatAnswer("Hi! My name is Claude.", (), Finish.STOP, Usage(188157, 393, 50, 188086), "claude-sonnet-4-5")),
        (
            "tools",
            ChatAnswer(
                "I'll check both.",
                (
                    ToolCall("toolu_01A09q90qw90lq917835lq9", "get_weather", '{"location":"San Francisco, CA","unit":"celsius"}'),
                    ToolCall("toolu_02", "get_time", "{}"),
                ),
                Finish.TOOLS,
                Usage(472, 89),
                "claude-opus-4-5",
            ),
        ),
        ("refusal", ChatAnswer("", (), Finish.FILTERED, Usage(564, 22, 0, 0), "claude-opus-4-5")),
    ],
)
def test_recorded_answers(name: str, answer: ChatAnswer) -> None:
    assert ANTHROPIC.read_answer(recorded_json(f"anthropic/{name}")) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("Hello, wörld 👋", (), Finish.STOP, Usage(125, 15, 100, 0))),
        (
            "tools",
            ChatAnswer(
                "Okay, let's check.",
                (
                    ToolCall("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather", '{"location": "San Francisco, CA"}'),
                    ToolCall("toolu_02", "get_time", "{}"),
                ),
                Finish.TOOLS,
                Usage(472, 89),
            ),
        ),
    ],
)
def test_recorded_streams(name: str, answer: ChatAnswer) -> None:
    assert told(feed_all(ANTHROPIC.read_stream(), [recorded_stream(f"anthropic/{name}")])) == answer


def test_an_error_in_the_stream_says_what_the_provider_said() -> None:
    with pytest.raises(ProviderError) as raised:
        feed_all(ANTHROPIC.read_stream(), [recorded_stream("anthropic/error")])
    assert (raised.value.kind, raised.value.provider_message, raised.value.retryable) == (ErrorKind.UPSTREAM_ERROR, "Overloaded", True)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "message", "role": "assistant"}, "has no list “content”"),
        ({"content": "text"}, "has no list “content”"),
        ("Hi", "is no JSON object"),
    ],
)
def test_what_is_no_answer(document: JsonValue, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        ANTHROPIC.read_answer(document)
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT
    assert words in raised.value.message
