"""Writing answers, streams and errors as Chat Completions does."""

from collections.abc import Iterable
from typing import Final

import msgspec

from apps.providers.callers.failures import code_of, openai_type, sentence_of, status_of
from apps.providers.chat import ChatAnswer, Ended, Finish, JsonObject, StreamEvent, TextDelta, ToolArgumentsDelta, ToolCallStarted, Usage
from apps.providers.errors import ProviderError
from apps.providers.rendering import given

encode: Final = msgspec.json.Encoder().encode

_REASONS: Final = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
    Finish.FILTERED: "content_filter",
    Finish.OTHER: "stop",  # the SDKs know no other word
}


def render_completion(answer: ChatAnswer, *, model: str, answer_id: str, created: int) -> bytes:
    calls = [
        {"id": call.id or f"call_{answer_id}_{index}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for index, call in enumerate(answer.tool_calls)
    ]
    content = answer.text if answer.text or not calls else None
    message = {"role": "assistant", "content": content, "refusal": None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _REASONS[answer.finish]}
    return encode(
        {
            "id": answer_id,
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [choice],
            **given(usage=usage_object(answer.usage)),
        }
    )


def usage_object(usage: Usage) -> JsonObject | None:
    """The counts as the API has them. None unless both are known: its types know no unknown count, and 0 would be a lie."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    details = given(cached_tokens=usage.cached_tokens, cache_write_tokens=usage.cache_write_tokens)
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        **({"prompt_tokens_details": details} if details else {}),
    }


def error_object(error: ProviderError, status: int) -> JsonObject:
    return {"error": {"message": sentence_of(error), "type": openai_type(status), "param": None, "code": code_of(error)}}


class CompletionStream:
    """The chunks of one answer: the role first, then what comes, then why it ended, the counts if they were asked for, and [DONE]."""

    def __init__(self, *, model: str, answer_id: str, created: int, include_usage: bool) -> None:
        self._id = answer_id
        self._include_usage = include_usage
        head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + encode(head)[:-1]
        self._before = self._head + b',"choices":[{"index":0,"delta":'
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._after = b',"logprobs":null,"finish_reason":null}]' + self._tail
        self._began = False

    def feed(self, events: Iterable[StreamEvent]) -> bytes:
        written = []
        for event in events:
            if not self._began:
                self._began = True
                written.append(self._chunk(b'{"role":"assistant","content":"","refusal":null}'))
            written.append(self._written(event))
        return b"".join(written)

    def error(self, error: ProviderError) -> bytes:
        return b"data: " + encode(error_object(error, status_of(error))) + b"\n\n"

    def _written(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta(text):
                return self._chunk(b'{"content":' + encode(text) + b"}")
            case ToolCallStarted(index, call_id, name):
                function = {"name": name, "arguments": ""}
                call = {"index": index, "id": call_id or f"call_{self._id}_{index}", "type": "function", "function": function}
                return self._chunk(b'{"tool_calls":[' + encode(call) + b"]}")
            case ToolArgumentsDelta(index, text):
                return self._chunk(b'{"tool_calls":[' + encode({"index": index, "function": {"arguments": text}}) + b"]}")
            case Ended():
                return self._end(event)

    def _chunk(self, delta: bytes) -> bytes:
        return self._before + delta + self._after

    def _end(self, event: Ended) -> bytes:
        reason = encode(_REASONS[event.finish])
        last = self._before + b'{},"logprobs":null,"finish_reason":' + reason + b"}]" + self._tail
        counts = usage_object(event.usage) if self._include_usage else None
        if counts is not None:
            last += self._head + b',"choices":[],"usage":' + encode(counts) + b"}\n\n"
        return last + b"data: [DONE]\n\n"
