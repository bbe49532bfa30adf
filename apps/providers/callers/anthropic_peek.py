"""What a Messages request and its answer say to somebody who only passes them on."""

from typing import Any, Final

import msgspec

from apps.providers.anthropic_answer import read_message, read_usage
from apps.providers.callers.base import AnswerPeek, Peeked
from apps.providers.callers.fields import undecodable, wrong
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat_wire import text_of
from apps.providers.errors import ProviderError
from apps.providers.jsonread import parse_json

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Request(msgspec.Struct, gc=False):
    model: str = ""
    stream: bool | None = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    id: str | None = None
    name: str | None = None


class _Message(msgspec.Struct, gc=False):
    """`usage` is a plain object: it comes once or twice, and its parts come apart."""

    content: list[_Block] | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    usage: dict[str, Any] | None = None
    error: object = None


_decode_request: Final = msgspec.json.Decoder(_Request).decode
_decode_message: Final = msgspec.json.Decoder(_Message).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode


def peek_request(body: bytes, label: str) -> Peeked:
    try:
        request = _decode_request(body)
    except _UNREADABLE as problem:
        raise undecodable(problem, label) from None
    if not request.model:
        raise wrong("model", "the name of a model")
    return Peeked(request.model, bool(request.stream), include_usage=True)


def peek_answer(body: bytes, label: str) -> AnswerPeek:
    try:
        message = _decode_message(body)
    except _UNREADABLE:
        return _read_slowly(body, label)
    blocks = message.content or []
    if any(block.type == "tool_use" for block in blocks):
        return _read_slowly(body, label)
    output = "".join(block.text or "" for block in blocks if block.type == "text")
    return AnswerPeek(output, read_usage(message.usage or {}), message.model or "")


def _read_slowly(body: bytes, label: str) -> AnswerPeek:
    """An answer with tool calls, whose arguments are JSON of any kind, or with something of another type in it."""
    try:
        answer = read_message(parse_json(body), label)
    except ProviderError:
        return AnswerPeek()
    return AnswerPeek(text_of(answer), answer.usage, answer.model)


class MessagePeek(StreamPeek):
    """The counts at the beginning are replaced by those near the end, which are of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Any] = {}

    def _read(self, data: bytes) -> bool:
        try:
            event = _decode_event(data)
        except _UNREADABLE:
            return True
        match event.type:
            case "content_block_delta":
                self._add(event)
            case "content_block_start":
                self._start(event)
            case "message_start" if event.message:
                self._count(event.message.usage)
            case "message_delta":
                self._count(event.usage)
                self.stopped = self.stopped or bool(event.delta and event.delta.stop_reason)
            case "message_stop":
                self.ended = True
        if event.error:
            self._fail(event.error)
        return True

    def _add(self, event: _Event) -> None:
        delta = event.delta
        if delta and delta.text:
            self.text.add(delta.text)
        elif delta and delta.partial_json:
            self._add_arguments(event.index, delta.partial_json)

    def _start(self, event: _Event) -> None:
        block = event.content_block
        if block and block.type == "tool_use":
            self._start_call(event.index, block.id or "", block.name or "")
        elif block and block.type == "text":
            self.text.add(block.text or "")

    def _count(self, counts: dict[str, Any] | None) -> None:
        self._counts |= {name: value for name, value in (counts or {}).items() if value is not None}
        self.usage = read_usage(self._counts)
