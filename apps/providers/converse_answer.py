"""Reading Bedrock's Converse: the answer in one piece, and as AWS's event stream."""

from apps.providers.chat import ChatAnswer, Finish, JsonObject, StreamEvent, ToolCall, Usage
from apps.providers.eventstream import EventStreamDecoder, Frame
from apps.providers.jsonread import parse_json, storable
from apps.providers.reading import answer_object, child, count, not_the_format, objects, said_error, text, total
from apps.providers.streaming import Narrator
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOLS,
    "guardrail_intervened": Finish.FILTERED,
    "content_filtered": Finish.FILTERED,
}


def read_converse(document: JsonValue, label: str) -> ChatAnswer:
    """The answer's texts and tool calls; what the model reasoned before is no part of it."""
    answer = answer_object(document, label)
    message = child(answer, "output", "message")
    if not isinstance(message.get("content"), list):
        raise not_the_format(label, "has no list “output.message.content”", document)
    blocks = objects(message["content"])
    uses = [use for block in blocks if (use := child(block, "toolUse"))]
    calls = tuple(ToolCall(text(use.get("toolUseId")), text(use.get("name")), compact_json(child(use, "input"))) for use in uses)
    words = "".join(text(block.get("text")) for block in blocks)
    return ChatAnswer(words, calls, _finish(answer.get("stopReason")), read_usage(child(answer, "usage")))


def read_usage(usage: JsonObject) -> Usage:
    """`inputTokens` leaves out what was read from the cache and what was written to it; here both are input as well."""
    cached = count(usage.get("cacheReadInputTokens"))
    written = count(usage.get("cacheWriteInputTokens"))
    fresh = count(usage.get("inputTokens"))
    whole = None if fresh is None else total(fresh, cached, written)
    return Usage(whole, count(usage.get("outputTokens")), cached, written)


def _finish(reason: JsonValue) -> Finish:
    return _FINISH.get(text(reason), Finish.OTHER)


class ConverseReader:
    """The frames of one streamed answer. The token counts come in a frame of their own after the reason to stop."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.story = Narrator()
        self._decoder = EventStreamDecoder()

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in self._decoder.feed(data):
            if self.story.ended:
                break
            events += self._read(frame)
        return events

    def finish(self) -> list[StreamEvent]:
        return self.story.end()

    def _read(self, frame: Frame) -> list[StreamEvent]:
        kind = frame.text(":message-type")
        if kind == "error":
            raise said_error(frame.text(":error-code"), {"message": frame.text(":error-message") or frame.text(":error-code")})
        event = storable(parse_json(frame.payload)) if frame.payload else {}
        if kind == "exception":
            name = frame.text(":exception-type")
            raise said_error(name, event if isinstance(event, dict) and event.get("message") else {"message": name})
        if not isinstance(event, dict):
            raise not_the_format(self.label, "holds an event that is no JSON object", event)
        return self._read_event(frame.text(":event-type"), event)

    def _read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        index = count(event.get("contentBlockIndex"))
        match name:
            case "contentBlockStart":
                use = child(event, "start", "toolUse")
                return self.story.start_call(index, text(use.get("toolUseId")), text(use.get("name"))) if use else []
            case "contentBlockDelta":
                delta = child(event, "delta")
                return [
                    *self.story.say(text(delta.get("text"))),
                    *self.story.add_arguments(index, text(child(delta, "toolUse").get("input"))),
                ]
            case "messageStop":
                self.story.finish = _finish(event.get("stopReason"))
            case "metadata":
                self.story.usage = read_usage(child(event, "usage"))
                if self.story.finish is not None:
                    return self.story.end()
        return []
