"""Reading Cohere's Chat v2: the answer in one piece, and in events."""

from apps.providers.chat import ChatAnswer, Finish, JsonObject, StreamEvent, ToolCall, Usage
from apps.providers.reading import answer_object, child, count, not_the_format, objects, said_error, text
from apps.providers.streaming import SseReader
from apps.providers.types import JsonValue

_FINISH = {
    "COMPLETE": Finish.STOP,
    "STOP_SEQUENCE": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "TOOL_CALL": Finish.TOOLS,
    "ERROR_TOXIC": Finish.FILTERED,
}
_FAILURES = ("ERROR", "TIMEOUT")


def read_chat(document: JsonValue, label: str) -> ChatAnswer:
    """The answer; the plan for its tool calls is what the model says beside them."""
    answer = answer_object(document, label)
    message = answer.get("message")
    if not isinstance(message, dict):
        raise not_the_format(label, "has no object “message”", document)
    words = "".join(text(part.get("text")) for part in objects(message.get("content")) if part.get("type") == "text")
    calls = tuple(_call(item) for item in objects(message.get("tool_calls")))
    finish = _finish(answer)
    return ChatAnswer(words or text(message.get("tool_plan")), calls, finish, read_usage(child(answer, "usage")))


def read_usage(usage: JsonObject) -> Usage:
    """`tokens` is what went through the model; `billed_units`, without Cohere's own preamble, is what servers without it give."""
    tokens = child(usage, "tokens") or child(usage, "billed_units")
    return Usage(count(tokens.get("input_tokens")), count(tokens.get("output_tokens")), count(usage.get("cached_tokens")))


def _call(item: JsonObject) -> ToolCall:
    function = child(item, "function")
    return ToolCall(text(item.get("id")), text(function.get("name")), text(function.get("arguments")) or "{}")


def _finish(answer: JsonObject) -> Finish:
    """Why the model stopped. Raises ProviderError where it did not stop but fail."""
    reason = text(answer.get("finish_reason"))
    if reason in _FAILURES:
        raise said_error(reason, {"message": text(answer.get("error")) or f"finish_reason is {reason}"})
    return _FINISH.get(reason, Finish.OTHER)


class CohereReader(SseReader):
    """The events of one streamed answer, each of which names its type."""

    def read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        message = child(event, "delta", "message")
        match event.get("type"):
            case "content-start" | "content-delta":
                return self.story.say(text(child(message, "content").get("text")))
            case "tool-plan-delta":
                return self.story.say(text(message.get("tool_plan")))
            case "tool-call-start":
                return self._start(count(event.get("index")), child(message, "tool_calls"))
            case "tool-call-delta":
                return self.story.add_arguments(count(event.get("index")), _arguments(child(message, "tool_calls")))
            case "message-end":
                delta = child(event, "delta")
                self.story.usage = read_usage(child(delta, "usage"))
                self.story.finish = _finish(delta)
                return self.story.end()
            case str():
                return []  # message-start, ends of parts, citations
        if isinstance(event.get("message"), str):
            raise said_error("", event)
        raise not_the_format(self.label, "holds an event without “type”", event)

    def _start(self, index: int | None, call: JsonObject) -> list[StreamEvent]:
        started = self.story.start_call(index, text(call.get("id")), text(child(call, "function").get("name")))
        return [*started, *self.story.add_arguments(index, _arguments(call))]


def _arguments(call: JsonObject) -> str:
    return text(child(call, "function").get("arguments"))
