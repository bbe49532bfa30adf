"""Chat calls of a custom JSON API: what its variables carry, and what they cannot (spec 02, Templates; spec 04)."""

import json

import pytest

from apps.providers.base import ChatFormat
from apps.providers.callers.anthropic import ANTHROPIC_CALLER
from apps.providers.callers.openai import OPENAI_CALLER
from apps.providers.chat import ChatCall, Image, Message, ResponseSchema, Role, Text, Tool, ToolCall, ToolResult
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import CHAT_FORMATS
from apps.providers.template import parse_template, render
from apps.providers.template_chat import values_of
from apps.providers.types import DataType, Variable
from apps.providers.variables import EXAMPLES, PROMPT, SYSTEM_PROMPT

EVERYTHING = (
    PROMPT,
    SYSTEM_PROMPT,
    EXAMPLES,
    Variable("temperature", data_type=DataType.NUMBER, default=0.7),
    Variable("top_p", data_type=DataType.NUMBER),
    Variable("max_tokens", data_type=DataType.NUMBER),
    Variable("stop", data_type=DataType.JSON),
    Variable("language", default="en"),
)
HELLO = (Message(Role.USER, (Text("Hello"),)),)
TALK = (Message(Role.USER, (Text("a"), Text("b"))), Message(Role.ASSISTANT, (Text("c"),)), Message(Role.USER, (Text("d"),)))


def test_the_least_call() -> None:
    assert values_of(ChatCall(HELLO), (PROMPT,)) == {"prompt": "Hello"}


def test_everything_that_variables_carry() -> None:
    call = ChatCall(
        TALK, system="s", temperature=0, top_p=0.5, max_tokens=9, formal_limit=True, stop=("END",), variables={"language": "de"}
    )
    values = values_of(call, EVERYTHING)
    assert values == {
        "prompt": "d",
        "system_prompt": "s",
        "examples": [{"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "c"}],
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 9,
        "stop": ["END"],
        "language": "de",
    }
    body = parse_template('{"q": "{{prompt}}", "before": "{{examples}}", "t": "{{temperature}}", "in": "{{language}}"}')
    assert json.loads(render(body, EVERYTHING, values)) == {"q": "d", "before": values["examples"], "t": 0, "in": "de"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ChatCall(HELLO, system="s"), "no place for a system prompt"),
        (ChatCall(TALK), "no place for earlier messages"),
        (ChatCall(HELLO, temperature=0.5), "no place for “temperature”"),
        (ChatCall(HELLO, top_p=0.5), "no place for “top_p”"),
        (ChatCall(HELLO, max_tokens=5), "no place for “max_tokens”"),
        (ChatCall(HELLO, stop=("a",)), "no place for “stop”"),
        (ChatCall(HELLO, tools=(Tool("t"),)), "no place for tools"),
        (ChatCall(HELLO, response_schema=ResponseSchema({})), "no place for structured output"),
        (ChatCall((Message(Role.USER, (Text("a"), Image(url="https://a.example/b"))),)), "no place for images"),
        (ChatCall((*HELLO, Message(Role.ASSISTANT, (ToolCall("c", "f"),)), *HELLO)), "no place for tool calls"),
        (ChatCall((Message(Role.USER, (ToolResult("c", "d"),)),)), "no place for tool results"),
    ],
)
def test_what_a_bare_template_cannot_carry_is_refused_by_name(call: ChatCall, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        values_of(call, (PROMPT,))
    assert raised.value.kind is ErrorKind.UNSUPPORTED
    assert words in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (ChatCall(()), ErrorKind.BAD_VALUE),
        (ChatCall((*HELLO, Message(Role.ASSISTANT, (Text("a"),)))), ErrorKind.BAD_VALUE),
        (ChatCall(HELLO, variables={"prompt": "x"}), ErrorKind.BAD_VALUE),
        (ChatCall(HELLO, temperature=1, variables={"temperature": 2}), ErrorKind.BAD_VALUE),
        (ChatCall(HELLO, variables={"languge": "de"}), ErrorKind.UNKNOWN_VARIABLE),
    ],
)
def test_what_makes_no_sense(call: ChatCall, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as raised:
        values_of(call, EVERYTHING)
    assert raised.value.kind is kind


def test_the_limit_that_anthropics_format_demands_is_no_obstacle() -> None:
    """Spec 04: a custom JSON API answers through both APIs."""
    messages = [{"role": "user", "content": "Hello"}]
    demanded = ANTHROPIC_CALLER.parse(json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode())
    assert values_of(demanded, (PROMPT,)) == {"prompt": "Hello"}
    assert values_of(demanded, EVERYTHING) == {"prompt": "Hello", "max_tokens": 9}
    wished = OPENAI_CALLER.parse(json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode())
    with pytest.raises(ProviderError, match="max_tokens"):
        values_of(wished, (PROMPT,))


@pytest.mark.parametrize("wire", CHAT_FORMATS.values(), ids=lambda wire: wire.key)
def test_chat_formats_refuse_variables(wire: ChatFormat) -> None:
    with pytest.raises(ProviderError, match="variables") as raised:
        wire.build_body(ChatCall(HELLO, variables={"language": "de"}), "m")
    assert raised.value.kind is ErrorKind.UNSUPPORTED


@pytest.mark.parametrize("key", CHAT_FORMATS)
def test_strict_tools_are_carried_or_refused(key: str) -> None:
    call = ChatCall(HELLO, tools=(Tool("t", strict=True),))
    if key in ("gemini", "cohere"):
        with pytest.raises(ProviderError, match="hold tool calls to their schema"):
            CHAT_FORMATS[key].build_body(call, "m")
    else:
        assert '"strict": true' in json.dumps(CHAT_FORMATS[key].build_body(call, "m"))
