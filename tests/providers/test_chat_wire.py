"""A chat format with a connection's address and headers (spec 04): one pipeline serves it and the template format."""

import json

import pytest

from apps.providers.chat import ChatCall, Image, Message, Role, Text
from apps.providers.chat_wire import MAX_BODY, ChatWire
from apps.providers.errors import ErrorKind, ProviderError, VariableError
from apps.providers.registry import get_chat_format
from apps.providers.types import Answer, Response
from tests.providers.chat_support import RECORDED

WIRE: ChatWire = ChatWire(get_chat_format("openai"), "https://api.example/{tenant}/chat", "m-1", (("X-Key", "k"),))


def test_a_question_with_a_system_prompt() -> None:
    request = WIRE.build_request({"prompt": "Wörd?", "system_prompt": "Be kind."}, {"tenant": "a b"})
    assert (request.method, request.url) == ("POST", "https://api.example/a%20b/chat")
    assert request.headers == (("X-Key", "k"), ("Content-Type", "application/json"))
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Wörd?"}]
    assert json.loads(request.body) == {"model": "m-1", "messages": messages}
    assert "Wörd?".encode() in request.body


def test_a_prompt_is_needed_and_nothing_else_is_taken() -> None:
    """Spec 04: what the target cannot carry is refused, never dropped."""
    with pytest.raises(VariableError) as raised:
        WIRE.build_request({})
    assert raised.value.kind is ErrorKind.MISSING_VARIABLE
    with pytest.raises(VariableError) as raised:
        WIRE.build_request({"prompt": "Hi", "line": "motor"})
    assert (raised.value.kind, raised.value.variable) == (ErrorKind.UNKNOWN_VARIABLE, "line")


def test_text_has_a_limit_that_images_do_not_share() -> None:
    wire: ChatWire = ChatWire(get_chat_format("gemini"), "https://g.example/m:generateContent", "m")
    with pytest.raises(ProviderError) as raised:
        wire.build_request({"prompt": "x" * MAX_BODY})
    assert raised.value.kind is ErrorKind.BODY_TOO_LARGE
    call = ChatCall((Message(Role.USER, (Text("What is this?"), Image("image/png", "A" * MAX_BODY))),))
    request = wire.build_call(call, {}, stream=True)
    assert len(request.body) > MAX_BODY
    assert request.url == "https://g.example/m:streamGenerateContent?alt=sse"


def test_an_answer_that_only_calls_tools_is_told_as_json() -> None:
    body = (RECORDED / "openai" / "tools.json").read_bytes()
    answer = WIRE.read_answer(Response(200, (), body))
    calls = json.loads(answer.text)
    assert [(call["id"], call["name"]) for call in calls] == [
        ("call_abc123", "get_current_weather"),
        ("call_def456", "get_current_weather"),
    ]
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (82, 17, None)


def test_an_answer_in_text() -> None:
    body = (RECORDED / "openai" / "text.json").read_bytes()
    assert WIRE.read_answer(Response(200, (), body)) == Answer("Hello! How can I assist you today?", 1119, 10, 1024)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"error": {"message": "Incorrect API key provided"}}', ErrorKind.UPSTREAM_AUTH),
        (200, b"<html>", ErrorKind.NOT_JSON),
        (200, b"{}", ErrorKind.NOT_THE_FORMAT),
    ],
)
def test_what_is_no_answer(status: int, body: bytes, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as raised:
        WIRE.read_answer(Response(status, (), body))
    assert raised.value.kind is kind
