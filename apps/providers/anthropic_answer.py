"""Reading Anthropic's Messages: the answer in one piece, and in events."""

from apps.providers.chat import ChatAnswer, Finish, JsonObject, StreamEvent, ToolCall, Usage
from apps.providers.reading import answer_object, child, count, not_the_format, objects, text, total
from apps.providers.streaming import SseReader
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOLS,
    "refusal": Finish.FILTERED,
}


def read_message(document: JsonValue, label: str) -> ChatAnswer:
    """The answer's texts and tool calls; what the model thought before is no part of it."""
    answer = answer_object(document, label)
    if not isinstance(answer.get("content"), list):
        raise not_the_format(label, "has no list “content”", document)
    blocks = objects(answer["content"])
    calls = tuple(
        ToolCall(text(block.get("id")), text(block.get("name")), compact_json(child(block, "input")))
        for block in blocks
        if block.get("type") == "tool_use"
    )
    words = "".join(text(block.get("text")) for block in blocks if block.get("type") == "text")
    return ChatAnswer(words, calls, _finish(answer.get("stop_reason")), read_usage(child(answer, "usage")), text(answer.get("model")))


def read_usage(usage: JsonObject) -> Usage:
    """`input_tokens` leaves out what was read from the cache and what was written to it; here both are input as well."""
    cached = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    fresh = count(usage.get("input_tokens"))
    whole = None if fresh is None else total(fresh, cached, written)
    return Usage(whole, count(usage.get("output_tokens")), cached, written)


def _finish(reason: JsonValue) -> Finish:
    return _FINISH.get(text(reason), Finish.OTHER)


class AnthropicReader(SseReader):
    """The events of one streamed answer. The counts at its beginning are replaced by those near its end, which are of the whole."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._usage: JsonObject = {}

    def read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        match event.get("type"):
            case "message_start":
                self._count(child(event, "message", "usage"))
            case "content_block_start":
                return self._start(event)
            case "content_block_delta":
                return self._add(event)
            case "message_delta":
                self._count(child(event, "usage"))
                if reason := text(child(event, "delta").get("stop_reason")):
                    self.story.finish = _finish(reason)
            case "message_stop":
                return self.story.end()
            case str():
                pass  # ping, content_block_stop, and whatever will be added: the API asks clients to pass over what they do not know
            case _:
                raise not_the_format(self.label, "holds an event without “type”", event)
        return []

    def _count(self, usage: JsonObject) -> None:
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        self.story.usage = read_usage(self._usage)

    def _start(self, event: JsonObject) -> list[StreamEvent]:
        block = child(event, "content_block")
        if block.get("type") == "tool_use":
            return self.story.start_call(count(event.get("index")), text(block.get("id")), text(block.get("name")))
        return self.story.say(text(block.get("text"))) if block.get("type") == "text" else []

    def _add(self, event: JsonObject) -> list[StreamEvent]:
        delta = child(event, "delta")
        match delta.get("type"):
            case "text_delta":
                return self.story.say(text(delta.get("text")))
            case "input_json_delta":
                return self.story.add_arguments(count(event.get("index")), text(delta.get("partial_json")))
        return []
