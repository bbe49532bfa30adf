"""Server-sent events: any line ends, cut anywhere, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.sse import MAX_LINE, SseDecoder, SseEvent
from tests.providers.chat_support import cut


def decoded(*pieces: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [SseEvent("", "a")]),
        (b"data: a\r\n\r\n", [SseEvent("", "a")]),
        (b"data: a\r\r", [SseEvent("", "a")]),
        (b"event: x\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [SseEvent("x", "a\nb"), SseEvent("", "c")]),
        (b"\xef\xbb\xbfdata: a\n\n", [SseEvent("", "a")]),
        (b"event: x\ndata:a\ndata:  b\ndata\n\ndata: c\n\n", [SseEvent("x", "a\n b\n"), SseEvent("", "c")]),
        (b": a comment\n\nid: 7\nretry: 10\n\nevent: lonely\n\ndata: a\n\n", [SseEvent("", "a")]),
        (b"foo: bar\ndata: a\n\n", [SseEvent("", "a")]),
        (b"data: a\n", []),
        (b"data: caf\xe9\n\n", [SseEvent("", "caf\ufffd")]),
        (b"\xef\xbbdata: a\n\n", []),
        (b'\n\n\ndata: {"a": 1}\r\n\n', [SseEvent("", '{"a": 1}')]),
    ],
)
def test_what_is_read(stream: bytes, events: list[SseEvent]) -> None:
    assert decoded(stream) == events
    assert decoded(*(bytes([byte]) for byte in stream)) == events


def test_an_event_does_not_wait_for_the_rest_of_its_line_end() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [SseEvent("", "a")]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: b\n\n") == [SseEvent("", "b")]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20), min_size=1, max_size=6),
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_cut_anywhere(texts: list[str], line_end: bytes, places: list[int]) -> None:
    stream = b"".join(b"data: " + text.encode() + line_end * 2 for text in texts)
    assert decoded(*cut(stream, places)) == [SseEvent("", text) for text in texts]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * MAX_LINE],
        [b"data: " + b"x" * MAX_LINE + b"\n\n"],
        [b"x" * 1000] * (MAX_LINE // 1000 + 1),
        [b"data: " + b"x" * 100_000 + b"\n"] * 11,
    ],
    ids=["unfinished", "finished", "in pieces", "many lines"],
)
def test_a_line_and_an_event_have_a_limit(pieces: list[bytes]) -> None:
    with pytest.raises(ProviderError) as raised:
        decoded(*pieces)
    assert raised.value.kind is ErrorKind.RESPONSE_TOO_LARGE


@pytest.mark.parametrize(
    ("start", "wrong"),
    [
        (b"", False),
        (b"da", False),
        (b"data: x", False),
        (b": keep", False),
        (b"<!doctype html>", True),
        (b'{"choices": []}', True),
        (b"data: x\n\nwhatever", False),
    ],
)
def test_what_is_no_such_stream(start: bytes, wrong: bool) -> None:
    decoder = SseDecoder()
    decoder.feed(start)
    assert decoder.looks_wrong() is wrong
