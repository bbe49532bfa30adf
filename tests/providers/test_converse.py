"""Bedrock's Converse (spec 04, Wire formats and providers), held against the model of the API that AWS publishes."""

import base64
import json

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

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
from apps.providers.converse import ConverseFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import JsonValue
from tests.providers.chat_support import event_frame, feed_all, frame, recorded_frames, recorded_json, told

CONVERSE = ConverseFormat()
HELLO = (Message(Role.USER, (Text("Hello"),)),)
USED = (*HELLO, Message(Role.ASSISTANT, (ToolCall("c", "a"),)), Message(Role.USER, (ToolResult("c", "x"),)))
EVERYTHING = ChatCall(
    messages=(
        Message(Role.USER, (Text("What is this?"), Image("image/jpeg", "aGk="))),
        Message(Role.ASSISTANT, (Text("Let me see."), ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "time"))),
        Message(Role.USER, (Text("Go on."), ToolResult("c1", "a cat"))),
        Message(Role.USER, (ToolResult("c2", "no clock", is_error=True),)),
    ),
    system="Be brief.",
    tools=(Tool("look", "Looks closely", {"type": "object", "properties": {"x": {"type": "number"}}}), Tool("time")),
    tool_use=ToolUse.REQUIRED,
    response_schema=ResponseSchema({"type": "object"}, name="answer"),
    temperature=0.5,
    top_p=0.9,
    max_tokens=100,
    stop=("END",),
)


def test_the_least_call() -> None:
    assert CONVERSE.build_body(ChatCall(HELLO), "m", stream=True) == {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


def test_everything_at_once() -> None:
    assert CONVERSE.build_body(EVERYTHING, "m") == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "What is this?"}, {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "Let me see."},
                    {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"x": 1}}},
                    {"toolUse": {"toolUseId": "c2", "name": "time", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "c1", "content": [{"text": "a cat"}]}},
                    {"toolResult": {"toolUseId": "c2", "content": [{"text": "no clock"}], "status": "error"}},
                    {"text": "Go on."},
                ],
            },
        ],
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "look",
                        "description": "Looks closely",
                        "inputSchema": {"json": {"type": "object", "properties": {"x": {"type": "number"}}}},
                    }
                },
                {"toolSpec": {"name": "time", "inputSchema": {"json": {"type": "object"}}}},
            ],
            "toolChoice": {"any": {}},
        },
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "outputConfig": {
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "answer"}}}
        },
    }


@pytest.mark.parametrize(
    "call",
    [
        ChatCall(HELLO),
        EVERYTHING,
        ChatCall(HELLO, tools=(Tool("a"),), tool_name="a"),
        ChatCall(HELLO, tools=(Tool("a"),), tool_use=ToolUse.AUTO),
    ],
)
def test_aws_own_model_of_the_api_knows_every_field(call: ChatCall) -> None:
    body = json.loads(json.dumps(CONVERSE.build_body(call, "m")), object_hook=_with_bytes)
    shape = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).operation_model("Converse").input_shape
    assert ParamValidator().validate({"modelId": "m", **body}, shape).generate_report() == ""


def _with_bytes(value: dict[str, object]) -> dict[str, object]:
    """What is base64 in JSON is bytes for the validator."""
    found = value.get("bytes")
    return {"bytes": base64.b64decode(found)} if isinstance(found, str) else value


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ChatCall((Message(Role.USER, (Image(url="https://x.example/1.png"),)),)), "has no way to fetch an image from a URL."),
        (ChatCall((Message(Role.USER, (Image("image/bmp", "aGk="),)),)), "has no place for images of the type image/bmp."),
        (ChatCall(HELLO, tools=(Tool("a"),), parallel_tools=False), "has no way to forbid parallel tool calls."),
        (ChatCall(USED, tools=(Tool("a"),), tool_use=ToolUse.NONE), "has no way to forbid tools in a conversation that has used some."),
    ],
)
def test_what_it_cannot_carry(call: ChatCall, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        CONVERSE.build_body(call, "m")
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert raised.value.message == f"Amazon Bedrock (Converse) {words}"
    assert raised.value.hint


def test_no_tools_are_none() -> None:
    assert "toolConfig" not in CONVERSE.build_body(ChatCall(HELLO, tools=(Tool("a"),), tool_use=ToolUse.NONE), "m")


def test_where_a_streamed_call_goes() -> None:
    url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    assert CONVERSE.stream_url(url) == f"{url}-stream"
    assert CONVERSE.stream_url(f"{url}-stream") == f"{url}-stream"
    with pytest.raises(ProviderError) as raised:
        CONVERSE.stream_url("https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/invoke")
    assert raised.value.kind is ErrorKind.URL_INVALID


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        # The provider's inputTokens are what the cache had no part in.
        (
            "text",
            ChatAnswer("Here is a list of 3 pop songs by artists from the United Kingdom.", (), Finish.STOP, Usage(325, 60, 150, 50)),
        ),
        (
            "tools",
            ChatAnswer(
                "Let me look.",
                (ToolCall("tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "top_song", '{"sign":"WZPZ"}'), ToolCall("tooluse_2", "now", "{}")),
                Finish.TOOLS,
                Usage(10, 5),
            ),
        ),
        ("guardrail", ChatAnswer("Sorry, the model cannot answer this question.", (), Finish.FILTERED, Usage(0, 0))),
    ],
)
def test_recorded_answers(name: str, answer: ChatAnswer) -> None:
    assert CONVERSE.read_answer(recorded_json(f"converse/{name}")) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("text", ChatAnswer("Hello wörld 👋", (), Finish.STOP, Usage(47, 20))),
        (
            "tools",
            ChatAnswer(
                "", (ToolCall("t1", "top_song", '{"sign":"WZPZ"}'), ToolCall("t2", "now", "{}")), Finish.TOOLS, Usage(100, 5, 90, 0)
            ),
        ),
    ],
)
def test_recorded_streams(name: str, answer: ChatAnswer) -> None:
    assert told(feed_all(CONVERSE.read_stream(), [recorded_frames(f"converse/{name}")])) == answer


@pytest.mark.parametrize(
    ("headers", "payload", "kind", "said"),
    [
        (
            {":message-type": "exception", ":exception-type": "throttlingException"},
            b'{"message": "Too many tokens, please wait before trying again."}',
            ErrorKind.UPSTREAM_RATE_LIMITED,
            "Too many tokens, please wait before trying again.",
        ),
        (
            {":message-type": "exception", ":exception-type": "validationException"},
            b'{"message": "The input is too long."}',
            ErrorKind.UPSTREAM_REFUSED,
            "The input is too long.",
        ),
        (
            {":message-type": "exception", ":exception-type": "modelStreamErrorException"},
            b"",
            ErrorKind.UPSTREAM_ERROR,
            "modelStreamErrorException",
        ),
        (
            {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "An internal error."},
            b"",
            ErrorKind.UPSTREAM_ERROR,
            "An internal error.",
        ),
    ],
)
def test_an_error_in_the_stream(headers: dict[str, str], payload: bytes, kind: ErrorKind, said: str) -> None:
    stream = event_frame("messageStart", b'{"role":"assistant"}') + frame(headers, payload)
    with pytest.raises(ProviderError) as raised:
        feed_all(CONVERSE.read_stream(), [stream])
    assert (raised.value.kind, raised.value.provider_message) == (kind, said)


@pytest.mark.parametrize("document", [{"output": {}}, {"message": "no"}, {"output": {"message": {"content": "x"}}}, []])
def test_what_is_no_answer(document: JsonValue) -> None:
    with pytest.raises(ProviderError) as raised:
        CONVERSE.read_answer(document)
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT
