"""Requests and answers that pass through: spliced and listened to, and otherwise left alone (spec 04; spec 08)."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.callers.anthropic import ANTHROPIC_CALLER
from apps.providers.callers.base import CallerFormat
from apps.providers.callers.openai import OPENAI_CALLER
from apps.providers.callers.stream_peek import MAX_EVENT, MAX_KEPT, StreamPeek
from apps.providers.chat import Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import CHAT_FORMATS
from tests.providers.chat_support import RECORDED, cut, feed_all, recorded_json, recorded_stream, told

CALLERS: list[CallerFormat] = [OPENAI_CALLER, ANTHROPIC_CALLER]
each_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.key)

TEXTS = st.sampled_from(["model", "stream_options", '"model"', '\\"model":"x"', "m\u00f6del", "\u2028 {}[],:", "", "\\"]) | st.text(
    max_size=8
)
LEAVES = st.none() | st.booleans() | st.integers(-1000, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)
OPTIONS = st.none() | st.fixed_dictionaries({}, optional={"include_usage": st.booleans(), "include_obfuscation": st.booleans()})
BLANKS = st.text(" \t\r\n", max_size=2)


@st.composite
def written_bodies(draw: st.DrawFn) -> bytes:
    """A request with anything beside the model, written with blanks anywhere and letters escaped anyhow."""
    members = {**draw(st.dictionaries(TEXTS, ANYTHING, max_size=4)), "model": draw(TEXTS.filter(bool))}
    members.pop("stream_options", None)
    if draw(st.booleans()):
        members["stream_options"] = draw(OPTIONS)
    ascii_only = draw(st.booleans())
    written = []
    for name in draw(st.permutations(list(members))):
        key = json.dumps(name, ensure_ascii=ascii_only)
        if draw(st.booleans()):
            key = key.replace("m", "\\u006d").replace("e", "\\u0065") if "\\" not in key else key
        value = json.dumps(members[name], ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 1])))
        written.append(f"{draw(BLANKS)}{key}{draw(BLANKS)}:{draw(BLANKS)}{value}{draw(BLANKS)}")
    return f"{draw(BLANKS)}{{{','.join(written)}}}{draw(BLANKS)}".encode("utf-8", errors="replace")


@settings(max_examples=150)
@given(body=written_bodies(), model=TEXTS, ask=st.booleans())
def test_a_splice_changes_the_model_and_the_counts_and_nothing_else(body: bytes, model: str, ask: bool) -> None:
    asked, before = OPENAI_CALLER.peek(body), json.loads(body)
    spliced = OPENAI_CALLER.splice(body, model, ask_usage=ask)
    expected: dict[str, Any] = {**before, "model": model or before["model"]}
    if ask:
        expected["stream_options"] = {**(before.get("stream_options") or {}), "include_usage": True}
    assert json.loads(spliced) == expected
    assert asked.model == before["model"]
    if not ask and not model:
        assert spliced == body


def test_what_surrounds_the_model_stays_as_it_was_written() -> None:
    body = b' {"a" : 1.50,"messages":[{"model":"x","content":"\\u00e9\\"model\\":"}], "model":"mine@eu" ,"z":"\xc3\xa9"}\n'
    assert OPENAI_CALLER.splice(body, "gpt-4o") == body.replace(b'"mine@eu"', b'"gpt-4o"')
    assert OPENAI_CALLER.splice(body, "", ask_usage=True) == body.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)
    assert ANTHROPIC_CALLER.splice(body, "claude", ask_usage=True) == body.replace(b'"mine@eu"', b'"claude"')


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","model":"a"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"a":1,"a":12,"model":"m"}',
        b'{"a":{"q":1,"model":"m"},"a":{"q":1},"model":"m"}',
        b'{"a":1,"model":"m","a":1}',
        b'{"\xff":1,"model":"a"}',
    ],
)
def test_a_body_of_uncertain_meaning_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        OPENAI_CALLER.splice(body, "target")
    assert raised.value.kind is ErrorKind.INVALID_REQUEST


@each_caller
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"model":"a"} b', "not JSON"),
        (b"[]", "expected an object, got a list"),
        (b"{}", "“model” must be the name of a model"),
        (b'{"model":null}', "at “model”"),
        (b'{"model":7}', "expected a text, got a whole number at “model”"),
        (b'{"model":"a","stream":"yes"}', "expected true or false, or null, got a text at “stream”"),
        (b'{"model":"\xff"}', "not UTF-8"),
        (b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested"),
    ],
)
def test_a_peek_says_what_is_wrong(caller: CallerFormat, body: bytes, words: str) -> None:
    with pytest.raises(ProviderError) as raised:
        caller.peek(body)
    assert raised.value.kind is ErrorKind.INVALID_REQUEST
    assert words in raised.value.message


def test_a_peek_finds_what_routing_needs() -> None:
    peeked = OPENAI_CALLER.peek(b'{"stream":true,"model":"a@b","messages":7,"stream_options":{"include_usage":true}}')
    assert (peeked.model, peeked.stream, peeked.include_usage) == ("a@b", True, True)
    peeked = OPENAI_CALLER.peek(b'{"stream":null,"model":"a","stream_options":null}')
    assert (peeked.model, peeked.stream, peeked.include_usage) == ("a", False, False)


@each_caller
def test_a_whole_answer_is_read_as_the_chat_format_reads_it(caller: CallerFormat) -> None:
    for path in sorted((RECORDED / caller.key).glob("*.json")):
        answer = CHAT_FORMATS[caller.key].read_answer(json.loads(path.read_text()))
        peeked = caller.peek_answer(path.read_bytes())
        assert (peeked.usage, peeked.model) == (answer.usage, answer.model)
        assert peeked.output == answer.text or (not answer.text and answer.tool_calls[0].name in peeked.output)


@each_caller
@given(document=ANYTHING | st.dictionaries(st.sampled_from(["choices", "usage", "content", "model", "error"]), ANYTHING))
def test_a_weird_answer_is_no_failure(caller: CallerFormat, document: object) -> None:
    caller.peek_answer(json.dumps(document).encode())


@each_caller
@given(body=st.binary(max_size=40))
def test_bytes_of_any_kind_are_no_failure(caller: CallerFormat, body: bytes) -> None:
    caller.peek_answer(body)


def passed(peek: StreamPeek, pieces: list[bytes]) -> bytes:
    """Everything that goes on before the end, which is then checked."""
    forwarded = b"".join(peek.feed(piece) for piece in pieces)
    peek.finish()
    return forwarded


STREAMS = [f"{key}/{name}" for key in ("openai", "anthropic") for name in ("text", "tools")] + ["openai/azure", "openai/refusal"]


def caller_of(name: str) -> CallerFormat:
    return OPENAI_CALLER if name.startswith("openai") else ANTHROPIC_CALLER


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=30)
@given(places=st.lists(st.integers(0, 3000), max_size=12))
def test_a_stream_passes_unchanged_wherever_it_is_cut(name: str, crlf: bool, places: list[int]) -> None:
    data = recorded_stream(name).replace(b"\n", b"\r\n" if crlf else b"\n")
    peek, whole = caller_of(name).peek_stream(), caller_of(name).peek_stream()
    assert passed(peek, cut(data, places)) + peek.last == data
    assert passed(whole, [data]) + whole.last == data
    assert (peek.usage, peek.output, peek.ended, peek.last) == (whole.usage, whole.output, True, whole.last)
    wire = CHAT_FORMATS[name.partition("/")[0]]
    answer = told(feed_all(wire.read_stream(), [data]))
    assert peek.usage == answer.usage
    assert peek.output == answer.text or (not answer.text and all(call.name in peek.output for call in answer.tool_calls))
    assert peek.last.replace(b"\r", b"").startswith((b"data: [DONE]\n\n", b"event: message_stop\ndata: "))


@given(places=st.lists(st.integers(0, 3000), max_size=12))
def test_the_counts_that_the_caller_did_not_ask_for_are_kept_back(places: list[int]) -> None:
    data = recorded_stream("openai/text")
    peek = OPENAI_CALLER.peek_stream(withhold_usage=True)
    forwarded = passed(peek, cut(data, places)) + peek.last
    events = data.split(b"\n\n")
    assert forwarded == b"\n\n".join(event for event in events if b'"choices":[]' not in event)
    assert peek.usage.input_tokens == 19


def test_counts_beside_an_answer_and_a_first_chunk_without_choices_go_on() -> None:
    data = b'data: {"choices":[],"prompt_filter_results":[]}\n\n'
    data += b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    peek = OPENAI_CALLER.peek_stream(withhold_usage=True)
    assert passed(peek, [data]) == data  # a server that never says [DONE], but said why it stopped
    assert (peek.usage, peek.last) == (Usage(1, 2), b"")


def test_complete_events_go_on_at_once_and_the_last_one_only_when_asked_for() -> None:
    peek = OPENAI_CALLER.peek_stream()
    assert peek.feed(b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\ndata: {"cho') == (
        b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    )
    assert not peek.began
    assert peek.feed(b'ices":[{"delta":{"content":"a"}}]}\n\n: still here\n\ndata: [DONE]\n\n') == (
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n: still here\n\n'
    )
    assert peek.began
    assert (peek.ended, peek.last) == (True, b"data: [DONE]\n\n")
    assert peek.feed(b": late\n\n") == b""
    assert peek.last == b"data: [DONE]\n\n: late\n\n"


@pytest.mark.parametrize(
    ("name", "kind"), [("openai/error", ErrorKind.UPSTREAM_ERROR), ("anthropic/error", ErrorKind.UPSTREAM_ERROR)], ids=str
)
def test_a_providers_error_event_is_held_back_and_raised_at_the_end(name: str, kind: ErrorKind) -> None:
    peek = caller_of(name).peek_stream()
    forwarded = peek.feed(recorded_stream(name))
    with pytest.raises(ProviderError) as raised:
        peek.finish()
    assert raised.value.kind is kind
    assert raised.value.provider_message
    assert b"error" not in forwarded
    assert b"error" in peek.last


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_was_cut_is_not_complete(name: str) -> None:
    peek = caller_of(name).peek_stream()
    peek.feed(recorded_stream(name)[:400])
    with pytest.raises(ProviderError) as raised:
        peek.finish()
    assert raised.value.kind is ErrorKind.DISCONNECTED


@pytest.mark.parametrize("data", [b"<html>\n\n</html>", b'{"choices":[]}', b""])
def test_what_is_no_stream(data: bytes) -> None:
    peek = OPENAI_CALLER.peek_stream()
    peek.feed(data)
    with pytest.raises(ProviderError) as raised:
        peek.finish()
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT


def test_an_event_that_is_too_long_is_not_held_up() -> None:
    peek = OPENAI_CALLER.peek_stream()
    long = b'data: {"choices":[{"delta":{"content":"' + b"x" * (MAX_EVENT + 7)
    assert b"".join(peek.feed(long[place : place + 65_536]) for place in range(0, len(long), 65_536)) == long
    assert peek.feed(b'"}}]}\n\ndata: {"choices":[{"delta":{"content":"b"}}]}\n\n').startswith(b'"}}]}\n\ndata')
    assert peek.output == "b"


def test_what_is_kept_of_an_answer_is_bounded() -> None:
    peek = OPENAI_CALLER.peek_stream()
    event = b'data: {"choices":[{"delta":{"content":"' + b"x" * 500_000 + b'"}}]}\n\n'
    assert [len(peek.feed(event)) for _ in range(3)] == [len(event)] * 3
    assert len(peek.output) == MAX_KEPT


def test_a_last_event_without_its_blank_line_ends_the_stream() -> None:
    peek = OPENAI_CALLER.peek_stream()
    assert passed(peek, [b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', b"data: [DONE]\n"]).endswith(b"}\n\n")
    assert (peek.ended, peek.last) == (True, b"data: [DONE]\n")


def test_data_in_several_lines_and_without_a_blank_is_read() -> None:
    peek = OPENAI_CALLER.peek_stream()
    peek.feed(b'id: 1\ndata:{"choices":[{"delta":\ndata:{"content":"a"}}]}\n\n')
    peek.feed(b'data: {"choices":[{"delta":\ndata: {"content":"b"}}]}\r\n\r\n')
    assert peek.output == "ab"


@each_caller
@given(
    pieces=st.lists(
        st.sampled_from([b"data: ", b"event: x", b"\n", b"\n\n", b"\r\n", b"\r", b"{", b"}", b"[DONE]", b'{"error":1}']), max_size=12
    )
)
def test_no_bytes_are_lost_or_added(caller: CallerFormat, pieces: list[bytes]) -> None:
    peek = caller.peek_stream()
    forwarded = b"".join(peek.feed(piece) for piece in pieces)
    with suppress(ProviderError):
        peek.finish()
    sent = forwarded + peek.last
    assert b"".join(pieces).startswith(sent)
    assert b"\n\n" not in b"".join(pieces)[len(sent) :]  # of an event that is not complete nothing goes on


def test_tool_calls_are_kept_as_a_whole_answer_has_them() -> None:
    streamed = OPENAI_CALLER.peek_stream()
    passed(streamed, [recorded_stream("openai/tools")])
    answer = told(feed_all(CHAT_FORMATS["openai"].read_stream(), [recorded_stream("openai/tools")]))
    assert json.loads(streamed.output) == [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in answer.tool_calls]
    assert recorded_json("openai/tools")
