"""What holds for every chat format: the same call, hostile answers, streams cut anywhere (spec 04; spec 07 C3)."""

import json
from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.base import ChatFormat
from apps.providers.chat import (
    ChatAnswer,
    ChatCall,
    Ended,
    Image,
    Message,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolUse,
)
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import CHAT_FORMATS, PROVIDERS, STRUCTURES
from apps.providers.types import JsonValue
from tests.providers.chat_support import RECORDED, cut, event_frame, feed_all, recorded_frames, recorded_json, recorded_stream

FORMATS = list(CHAT_FORMATS.values())
DOCUMENTS = sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.json"))
STREAMS = sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.sse*") if path.stem != "error")
FRAMED = sorted(f"{path.parent.name}/{path.stem}" for path in RECORDED.glob("*/*.jsonl"))
USER = Role.USER
each_format = pytest.mark.parametrize("wire", FORMATS, ids=lambda wire: wire.key)


def words_of(value: JsonValue) -> set[str]:
    """Every key and every short text in a document."""
    match value:
        case dict():
            return set(value).union(*map(words_of, value.values()))
        case list():
            return set[str]().union(*map(words_of, value))
        case str() if len(value) < 30:
            return {value}
    return set()


VOCABULARY = sorted(set[str]().union(*(words_of(recorded_json(name)) for name in DOCUMENTS)) | {"error", "type", "delta", "message_start"})
WORDS = st.sampled_from(VOCABULARY)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | WORDS
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=20)


def mutated(document: JsonValue, draw: st.DataObject) -> JsonValue:
    """The document with something else in one place."""
    document = deepcopy(document)
    places: list[Callable[[JsonValue], None]] = []
    _find_places(document, places)
    draw.draw(st.sampled_from(places))(draw.draw(ANYTHING))
    return document


def _find_places(value: JsonValue, places: list[Callable[[JsonValue], None]]) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        places.append(lambda new, key=key: value.__setitem__(key, new))  # type: ignore[misc, union-attr]
        _find_places(item, places)


def test_the_registry() -> None:
    assert list(CHAT_FORMATS) == ["openai", "azure", "anthropic", "gemini", "cohere", "converse"]
    spoken = {key for provider in PROVIDERS.values() for key in provider.wire_formats}
    assert spoken == {*CHAT_FORMATS, "template"}
    assert [CHAT_FORMATS[key].label for key in STRUCTURES] == ["OpenAI (Chat Completions)", "Anthropic (Messages)", "Google (Gemini)"]


@each_format
def test_one_call_in_every_format(wire: ChatFormat) -> None:
    """Nothing that was said is lost on the way, in any format."""
    call = ChatCall(
        messages=(
            Message(USER, (Text("question-1"), Image("image/png", "aW1hZ2U="))),
            Message(Role.ASSISTANT, (Text("answer-1"), ToolCall("call-1", "tool_1", '{"argument-1": 7}'), ToolCall("call-2", "tool_2"))),
            Message(USER, (ToolResult("call-1", "result-1"), ToolResult("call-2", "failure-2", is_error=True), Text("question-2"))),
        ),
        system="system-1",
        tools=(Tool("tool_1", "describes-1", {"properties": {"argument-1": {"type": "integer"}}}), Tool("tool_2")),
        tool_use=ToolUse.AUTO,
        temperature=0.25,
        top_p=0.75,
        max_tokens=321,
        stop=("stop-1", "stop-2"),
    )
    body = json.dumps(wire.build_body(call, "m"))
    said = "question-1 aW1hZ2U= answer-1 tool_1 argument-1 call-2 tool_2 result-1 failure-2 question-2 system-1 describes-1 "
    said += "0.25 0.75 321 stop-1 stop-2"
    assert [word for word in said.split() if word not in body] == []
    assert "rror" in body  # that the second call failed


@each_format
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (ChatCall(()), "no messages"),
        (ChatCall((Message(USER, (ToolCall("a", "b"),)),)), "only the assistant asks for tools"),
        (ChatCall((Message(Role.ASSISTANT, (Image(url="https://x.example/a"),)),)), "An image stands in a turn of the assistant"),
        (ChatCall((Message(Role.ASSISTANT, (ToolResult("a", "b"),)),)), "A tool result stands in a turn of the assistant"),
        (ChatCall((Message(USER, (Image(data="aGk="),)),)), "An image needs its data and media type, or a URL."),
        (ChatCall((Message(USER, (Text("a"),)),), tools=(Tool("a"),), tool_name="b"), "the tool “b” used, which is none of its tools"),
        (ChatCall((Message(USER, (Text("a"),)),), tool_use=ToolUse.REQUIRED), "wants a tool used and gives none"),
    ],
)
def test_calls_that_make_no_sense(wire: ChatFormat, call: ChatCall, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        wire.build_body(call, "m")
    assert raised.value.kind is ErrorKind.BAD_VALUE
    assert words in raised.value.message


@each_format
@given(document=ANYTHING)
def test_any_json_is_an_answer_or_a_provider_error(wire: ChatFormat, document: JsonValue) -> None:
    _read(wire, document)


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=50)
@given(draw=st.data())
def test_an_answer_with_something_else_in_one_place(name: str, draw: st.DataObject) -> None:
    _read(CHAT_FORMATS[name.partition("/")[0]], mutated(recorded_json(name), draw))


def attempt[T](read: Callable[[], T]) -> T | ProviderError:
    """What was read, or why it was not; any other exception is the test's failure."""
    try:
        return read()
    except ProviderError as error:
        error.message.encode()
        return error


def _read(wire: ChatFormat, document: JsonValue) -> None:
    answer = attempt(lambda: wire.read_answer(document))
    if isinstance(answer, ChatAnswer):
        answer.text.encode()
        if wire.key in ("anthropic", "gemini", "converse"):  # whose arguments are JSON on the wire, not text
            assert all(isinstance(json.loads(call.arguments), dict) for call in answer.tool_calls)


def framed(wire: ChatFormat, events: list[tuple[str, JsonValue]]) -> bytes:
    """Events as the format's stream carries them."""
    if wire.key == "converse":
        return b"".join(event_frame(name, json.dumps(event).encode()) for name, event in events)
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for _, event in events)


def events_in(name: str) -> list[tuple[str, JsonValue]]:
    """The events of a recorded stream, each with its name."""
    if name in FRAMED:
        return [pair for line in (RECORDED / f"{name}.jsonl").read_text().splitlines() for pair in json.loads(line).items()]
    lines = recorded_stream(name).decode().splitlines()
    return [("", json.loads(line[6:])) for line in lines if line.startswith("data: {")]


def _stream(wire: ChatFormat, data: bytes) -> None:
    events = attempt(lambda: feed_all(wire.read_stream(), [data]))
    if isinstance(events, list):
        assert [isinstance(event, Ended) for event in events] == [False] * (len(events) - 1) + [True]


NAMED_EVENTS = st.tuples(st.sampled_from(["contentBlockStart", "contentBlockDelta", "messageStop", "metadata"]), ANYTHING)


@each_format
@given(events=st.lists(NAMED_EVENTS, max_size=4))
def test_any_stream_ends_or_is_a_provider_error(wire: ChatFormat, events: list[tuple[str, JsonValue]]) -> None:
    _stream(wire, framed(wire, events))


@pytest.mark.parametrize("name", [*STREAMS, *FRAMED])
@settings(max_examples=50)
@given(draw=st.data())
def test_a_stream_with_something_else_in_one_place(name: str, draw: st.DataObject) -> None:
    wire = CHAT_FORMATS[name.partition("/")[0]]
    events = events_in(name)
    place = draw.draw(st.integers(0, len(events) - 1))
    events[place] = (events[place][0], mutated(events[place][1], draw))
    _stream(wire, framed(wire, events))


@pytest.mark.parametrize("name", [*STREAMS, *FRAMED])
@settings(max_examples=50)
@given(places=st.lists(st.integers(0, 3000), max_size=12))
def test_a_stream_says_the_same_wherever_it_is_cut(name: str, places: list[int]) -> None:
    wire, data = _recorded(name)
    assert feed_all(wire.read_stream(), cut(data, places)) == feed_all(wire.read_stream(), [data])


@pytest.mark.parametrize("name", [*STREAMS, *FRAMED])
def test_a_stream_byte_by_byte(name: str) -> None:
    wire, data = _recorded(name)
    assert feed_all(wire.read_stream(), cut(data, range(len(data)))) == feed_all(wire.read_stream(), [data])


@pytest.mark.parametrize("name", [*STREAMS, *FRAMED])
@settings(max_examples=50)
@given(share=st.floats(0, 1))
def test_a_stream_that_breaks_off_is_no_answer(name: str, share: float) -> None:
    """Before the provider has said why it stopped, whatever was told so far is not the whole."""
    wire, data = _recorded(name)
    whole = feed_all(wire.read_stream(), [data])
    reader = wire.read_stream()
    events = reader.feed(data[: int(len(data) * share)])
    end = attempt(reader.finish)
    if isinstance(end, ProviderError):
        assert (end.kind, end.retryable) == (ErrorKind.DISCONNECTED, True)
        assert whole[: len(events)] == events
    else:
        assert [event for event in [*events, *end] if not isinstance(event, Ended)] == whole[:-1]


@each_format
@pytest.mark.parametrize("body", [b"", b"<!doctype html><title>Sign in</title>", b'{"choices": []}', b"\x00" * 40, b"data: nonsense\n\n"])
def test_what_is_no_stream(wire: ChatFormat, body: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        feed_all(wire.read_stream(), [body])
    assert raised.value.kind in {ErrorKind.NOT_THE_FORMAT, ErrorKind.NOT_JSON, ErrorKind.DISCONNECTED}
    if body.startswith((b"<", b"\x00")):
        assert raised.value.kind is ErrorKind.NOT_THE_FORMAT


def _recorded(name: str) -> tuple[ChatFormat, bytes]:
    wire = CHAT_FORMATS[name.partition("/")[0]]
    return wire, recorded_frames(name) if name in FRAMED else recorded_stream(name)
