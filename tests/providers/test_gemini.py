"""Gemini's generateContent (spec 04, Wire formats and providers)."""

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
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.gemini import GeminiFormat
from apps.providers.reading import objects
from apps.providers.types import JsonValue
from tests.providers.chat_support import feed_all, recorded_json, recorded_stream, told

GEMINI = GeminiFormat()
HELLO = (Message(Role.USER, (Text("Hello"),)),)
NO_SIGNATURE = "skip_thought_signature_validator"


def test_the_least_call() -> None:
    """The model is in the URL."""
    assert GEMINI.build_body(ChatCall(HELLO), "gemini-2.5-flash", stream=True) == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}]
    }


def test_everything_at_once() -> None:
    call = ChatCall(
        messages=(
            Message(Role.USER, (Text("What is this?"), Image("image/png", "aGk="), Image(url="https://img.example/1.jpg"))),
            Message(Role.ASSISTANT, (Text("Let me see."), ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "time"))),
            Message(Role.USER, (Text("Go on."), ToolResult("c1", "a cat"))),
            Message(Role.USER, (ToolResult("c2", "no clock", is_error=True),)),
        ),
        system="Be brief.",
        tools=(Tool("look", "Looks closely", {"type": "object", "properties": {"x": {"type": "number"}}}), Tool("time")),
        tool_use=ToolUse.AUTO,
        parallel_tools=True,
        response_schema=ResponseSchema({"type": "object", "additionalProperties": False}),
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        stop=("END",),
    )
    assert GEMINI.build_body(call, "gemini-2.5-pro") == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is this?"},
                    {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                    {"fileData": {"fileUri": "https://img.example/1.jpg"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Let me see."},
                    {"functionCall": {"id": "c1", "name": "look", "args": {"x": 1}}},
                    {"functionCall": {"id": "c2", "name": "time", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "look", "response": {"output": "a cat"}}},
                    {"functionResponse": {"id": "c2", "name": "time", "response": {"error": "no clock"}}},
                    {"text": "Go on."},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "look",
                        "description": "Looks closely",
                        "parametersJsonSchema": {"type": "object", "properties": {"x": {"type": "number"}}},
                    },
                    {"name": "time"},
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "maxOutputTokens": 100,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object", "additionalProperties": False},
        },
    }


@pytest.mark.parametrize(
    ("model", "signatures"),
    [
        ("gemini-2.5-flash", [None, None]),
        ("models/gemini-2.0-flash", [None, None]),
        ("gemini-3-pro", [NO_SIGNATURE, None]),
        ("gemini-4-argon", [NO_SIGNATURE, None]),
        ("gemini-20-x", [NO_SIGNATURE, None]),
    ],
)
def test_newer_models_want_a_signature_at_a_turns_first_call(model: str, signatures: list[str | None]) -> None:
    calls = Message(Role.ASSISTANT, (ToolCall("a", "x"), ToolCall("b", "y")))
    body = GEMINI.build_body(ChatCall((*HELLO, calls)), model)
    parts = objects(objects(body["contents"])[1]["parts"])
    assert [part.get("thoughtSignature") for part in parts] == signatures


def test_a_named_tool() -> None:
    body = GEMINI.build_body(ChatCall(HELLO, tools=(Tool("a"), Tool("b")), tool_name="b"), "m")
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b"]}}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ChatCall(HELLO, tools=(Tool("a"),), parallel_tools=False), "Google (Gemini) has no way to forbid parallel tool calls."),
        (ChatCall((Message(Role.USER, (ToolResult("c9", "x"),)),)), "the result of the tool call “c9” without the tool's name"),
        (
            ChatCall((Message(Role.ASSISTANT, (ToolCall("c", "a", "[1]"),)),)),
            "the arguments of the tool call “a”, which",
        ),
    ],
)
def test_what_it_cannot_carry(call: ChatCall, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        GEMINI.build_body(call, "m")
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert words in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("url", "streamed"),
    [
        ("https://g.example/v1beta/models/m:generateContent", "https://g.example/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("https://g.example/m:generateContent?key=x", "https://g.example/m:streamGenerateContent?key=x&alt=sse"),
        ("https://g.example/m:streamGenerateContent?alt=sse", "https://g.example/m:streamGenerateContent?alt=sse"),
    ],
)
def test_where_a_streamed_call_goes(url: str, streamed: str) -> None:
    assert GEMINI.stream_url(url) == streamed


def test_an_address_without_the_method_cannot_stream() -> None:
    with pytest.raises(ProviderError) as raised:
        GEMINI.stream_url("https://g.example/proxy")
    assert raised.value.kind is ErrorKind.URL_INVALID


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("AI learns patterns from data.", (), Finish.STOP, Usage(2008, 122, 2000), "gemini-2.5-flash")),
        ("blocked", ChatAnswer("", (), Finish.FILTERED, Usage(8), "gemini-2.5-flash")),
        ("safety", ChatAnswer("", (), Finish.FILTERED, Usage(8), "gemini-2.5-flash")),
    ],
)
def test_recorded_answers(name: str, answer: ChatAnswer) -> None:
    assert GEMINI.read_answer(recorded_json(f"gemini/{name}")) == answer


def test_calls_without_an_id_get_one() -> None:
    answer = GEMINI.read_answer(recorded_json("gemini/tools"))
    first, second = answer.tool_calls
    assert first == ToolCall("fc_1", "set_light_values", '{"brightness":25,"color_temp":"warm"}')
    assert (second.name, second.arguments, len(second.id)) == ("close_blinds", "{}", 29)
    assert answer.finish is Finish.TOOLS
    assert GEMINI.read_answer(recorded_json("gemini/tools")) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("The wörld is round 👋", (), Finish.STOP, Usage(11, 7))),
        ("blocked", ChatAnswer("", (), Finish.FILTERED, Usage(4))),
    ],
)
def test_recorded_streams(name: str, answer: ChatAnswer) -> None:
    assert told(feed_all(GEMINI.read_stream(), [recorded_stream(f"gemini/{name}")])) == answer


def test_tool_calls_in_a_stream() -> None:
    answer = told(feed_all(GEMINI.read_stream(), [recorded_stream("gemini/tools")]))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("get_weather", '{"city":"Lyon"}'), ("get_time", "{}")]
    assert answer.tool_calls[1].id == "x2"
    assert (answer.finish, answer.usage) == (Finish.TOOLS, Usage(11, 7))


def test_an_error_in_the_stream_says_what_the_provider_said() -> None:
    with pytest.raises(ProviderError) as raised:
        feed_all(GEMINI.read_stream(), [recorded_stream("gemini/error")])
    assert raised.value.kind is ErrorKind.UPSTREAM_ERROR
    assert raised.value.provider_message == "The model is overloaded. Please try again later."


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"models": []}, "has no “candidates”"),
        ({"candidates": [{}]}, "has no “content” in its first candidate"),
        (None, "It is null."),
    ],
)
def test_what_is_no_answer(document: JsonValue, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        GEMINI.read_answer(document)
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT
    assert words in raised.value.message
