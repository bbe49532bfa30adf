"""Writing answers, streams and errors as Messages does."""

from collections.abc import Iterable
from typing import Final

import msgspec

from apps.providers.callers.failures import anthropic_type, code_of, sentence_of, status_of
from apps.providers.chat import (
    ChatAnswer,
    Ended,
    Finish,
    JsonObject,
    StreamEvent,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallStarted,
    Usage,
)
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_text
from apps.providers.rendering import given
from apps.providers.types import JsonValue

encode: Final = msgspec.json.Encoder().encode

_REASONS: Final = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.FILTERED: "refusal",
    Finish.OTHER: "end_turn",  # the SDKs know no other word
}


def render_message(answer: ChatAnswer, *, model: str, answer_id: str) -> bytes:
    content: list[JsonValue] = [{"type": "text", "text": answer.text}] if answer.text else []
    content += [tool_block(call, f"toolu_{answer_id}_{index}", _input(call)) for index, call in enumerate(answer.tool_calls)]
    reason = _REASONS[answer.finish]
    return encode(message_object(content, reason, usage_object(answer.usage), model=model, answer_id=answer_id))


def message_object(content: list[JsonValue], reason: str | None, usage: JsonObject, *, model: str, answer_id: str) -> JsonObject:
    return {
        "id": answer_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def tool_block(call: ToolCall, own_id: str, arguments: JsonObject) -> JsonObject:
    """`own_id` is for a call that its provider gave no ID."""
    return {"type": "tool_use", "id": call.id or own_id, "name": call.name, "input": arguments}


def _input(call: ToolCall) -> JsonObject:
    try:
        arguments = parse_text(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        message = f"The model asked for the tool “{call.name}” with arguments that are no JSON object, which this API cannot carry."
        raise ProviderError(ErrorKind.NOT_THE_FORMAT, message, "Try again, or ask for a stream, which carries them as they are.")
    return arguments


def usage_object(usage: Usage) -> JsonObject:
    """The counts as the API has them: input without what the cache had part in.

    The API demands both counts and knows no unknown one, so that is 0 here; our own records say unknown.
    """
    cached, written = usage.cached_tokens, usage.cache_write_tokens
    fresh = max(0, (usage.input_tokens or 0) - (cached or 0) - (written or 0))
    counts = given(cache_read_input_tokens=cached, cache_creation_input_tokens=written)
    return {"input_tokens": fresh, **counts, "output_tokens": usage.output_tokens or 0}


def error_object(error: ProviderError, status: int) -> JsonObject:
    details: JsonObject = {"error_code": code_of(error)}
    return {"type": "error", "error": {"type": anthropic_type(status), "message": sentence_of(error), "details": details}}


class MessageStream:
    """The events of one answer: each text and each tool call is a block of its own, and only the last one is open."""

    def __init__(self, *, model: str, answer_id: str) -> None:
        self._id = answer_id
        message = message_object([], None, usage_object(Usage()), model=model, answer_id=answer_id)
        self._start = _event("message_start", {"message": message})
        self._blocks = 0  # begun so far; the last of them may be open
        self._open = ""  # the type of the open block, "" for none
        self._block_of: dict[int, int] = {}  # tool call to block

    def feed(self, events: Iterable[StreamEvent]) -> bytes:
        written = [self._written(event) for event in events]
        if written and self._start:
            written.insert(0, self._start)
            self._start = b""
        return b"".join(written)

    def error(self, error: ProviderError) -> bytes:
        return b"event: error\ndata: " + encode(error_object(error, status_of(error))) + b"\n\n"

    def _written(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta(text):
                begin = b"" if self._open == "text" else self._begin({"type": "text", "text": ""})
                return begin + self._delta(self._blocks - 1, b'{"type":"text_delta","text":', text)
            case ToolCallStarted(index, call_id, name):
                begin = self._begin(tool_block(ToolCall(call_id, name), f"toolu_{self._id}_{index}", {}))
                self._block_of[index] = self._blocks - 1
                return begin
            case ToolArgumentsDelta(index, text):
                block = self._block_of[index]
                if text == "{}" and block < self._blocks - 1:
                    return b""  # the block is closed, and began with as much
                return self._delta(block, b'{"type":"input_json_delta","partial_json":', text)
            case Ended():
                return self._end(event)

    def _delta(self, block: int, begin: bytes, text: str) -> bytes:
        head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % block
        return head + begin + encode(text) + b"}}\n\n"

    def _begin(self, block: JsonObject) -> bytes:
        closed = self._close()
        self._open = str(block["type"])
        self._blocks += 1
        return closed + _event("content_block_start", {"index": self._blocks - 1, "content_block": block})

    def _close(self) -> bytes:
        return _event("content_block_stop", {"index": self._blocks - 1}) if self._open else b""

    def _end(self, event: Ended) -> bytes:
        delta: JsonObject = {"stop_reason": _REASONS[event.finish], "stop_sequence": None}
        last = _event("message_delta", {"delta": delta, "usage": usage_object(event.usage)})
        return self._close() + last + _event("message_stop", {})


def _event(name: str, members: JsonObject) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + encode({"type": name, **members}) + b"\n\n"
