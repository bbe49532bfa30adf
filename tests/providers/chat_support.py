"""What the tests of the chat formats share: recorded answers, and a streamed answer put together again."""

import itertools
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

from apps.providers.base import StreamReader
from apps.providers.chat import ChatAnswer, Ended, StreamEvent, TextDelta, ToolArgumentsDelta, ToolCall, ToolCallStarted
from apps.providers.types import JsonValue

RECORDED = Path(__file__).parent / "recorded"


def recorded_json(name: str) -> JsonValue:
    value: JsonValue = json.loads((RECORDED / f"{name}.json").read_text())
    return value


def recorded_stream(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def feed_all(reader: StreamReader, pieces: Iterable[bytes]) -> list[StreamEvent]:
    """Everything a reader says of these pieces, the end included."""
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.finish()]


def told(events: Iterable[StreamEvent]) -> ChatAnswer:
    """The answer that a stream tells. Fails when the events come in an order that makes no sense."""
    text, calls, end = "", list[ToolCall](), None
    for event in events:
        assert end is None, "something came after the end"
        match event:
            case TextDelta():
                text += event.text
            case ToolCallStarted():
                assert event.index == len(calls)
                calls.append(ToolCall(event.id, event.name, ""))
            case ToolArgumentsDelta():
                call = calls[event.index]
                calls[event.index] = ToolCall(call.id, call.name, call.arguments + event.text)
            case Ended():
                end = event
    assert end is not None, "no end"
    return ChatAnswer(text, tuple(calls), end.finish, end.usage)


def recorded_frames(name: str) -> bytes:
    """A recorded Converse stream, which is kept as lines of JSON, in AWS's binary framing."""
    lines = [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]
    return b"".join(event_frame(kind, json.dumps(event).encode()) for line in lines for kind, event in line.items())


def event_frame(kind: str, payload: bytes) -> bytes:
    return frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of AWS's event stream, with headers of the type string."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value.encode()).to_bytes(2) + value.encode() for name, value in headers.items()
    )
    prelude = (16 + len(head) + len(payload)).to_bytes(4) + len(head).to_bytes(4)
    message = prelude + zlib.crc32(prelude).to_bytes(4) + head + payload
    return message + zlib.crc32(message).to_bytes(4)
