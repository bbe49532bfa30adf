"""Reading Chat Completions: the answer in one piece, and in chunks."""

from apps.providers.chat import ChatAnswer, Finish, JsonObject, StreamEvent, ToolCall, Usage
from apps.providers.reading import answer_object, child, count, not_the_format, objects, text
from apps.providers.streaming import SseReader
from apps.providers.types import JsonValue

_FINISH = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOLS,
    "function_call": Finish.TOOLS,
    "content_filter": Finish.FILTERED,
}


def read_completion(document: JsonValue, label: str) -> ChatAnswer:
    answer = answer_object(document, label)
    choices = objects(answer.get("choices"))
    if not choices:
        raise not_the_format(label, "has no “choices”", document)
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise not_the_format(label, "has no “message” in its first choice", document)
    content = _content(message.get("content"))
    if content is None:
        raise not_the_format(label, "has a “content” that is no text", document)
    calls = tuple(_call(item) for item in objects(message.get("tool_calls")))
    refusal = text(message.get("refusal"))
    return ChatAnswer(
        content or refusal,
        calls,
        _finish(choices[0].get("finish_reason"), refused=bool(refusal), called=bool(calls)),
        read_usage(child(answer, "usage")),
        text(answer.get("model")),
    )


def read_usage(usage: JsonObject) -> Usage:
    """`prompt_tokens` counts those read from the cache, too."""
    details = child(usage, "prompt_tokens_details")
    return Usage(
        count(usage.get("prompt_tokens")),
        count(usage.get("completion_tokens")),
        count(details.get("cached_tokens")),
        count(details.get("cache_write_tokens")),
    )


def _content(content: JsonValue) -> str | None:
    """The text of a content: a text, none, or with some servers a list of parts. None for anything else."""
    if isinstance(content, list):
        return "".join(text(part.get("text")) for part in objects(content) if part.get("type") == "text")
    return "" if content is None else text(content) if isinstance(content, str) else None


def _call(item: JsonObject) -> ToolCall:
    function = child(item, "function")
    return ToolCall(text(item.get("id")), text(function.get("name")), text(function.get("arguments")))


def _finish(reason: JsonValue, *, refused: bool, called: bool) -> Finish:
    if refused:
        return Finish.FILTERED
    finish = _FINISH.get(text(reason), Finish.OTHER)
    return Finish.TOOLS if called and finish is Finish.STOP else finish  # a tool that had to be used ends with "stop"


class OpenAIReader(SseReader):
    """The chunks of one streamed answer. Token counts come in a last chunk without choices, after the reason to stop."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._refused = False
        self._ids: dict[int, str] = {}

    def read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        usage = child(event, "usage")
        if usage:
            self.story.usage = read_usage(usage)
        elif "choices" not in event:
            raise not_the_format(self.label, "holds an event without “choices”", event)
        events: list[StreamEvent] = []
        for choice in objects(event.get("choices"))[:1]:  # Azure's first chunk has none
            events += self._read_delta(child(choice, "delta"))
            if reason := text(choice.get("finish_reason")):
                self.story.finish = _finish(reason, refused=self._refused, called=False)
        return events

    def _read_delta(self, delta: JsonObject) -> list[StreamEvent]:
        refusal = text(delta.get("refusal"))
        self._refused = self._refused or bool(refusal)
        events = self.story.say((_content(delta.get("content")) or "") + refusal)
        for position, item in enumerate(objects(delta.get("tool_calls"))):
            events += self._read_call(position, item)
        return events

    def _read_call(self, position: int, item: JsonObject) -> list[StreamEvent]:
        """A piece of a call. Some servers leave out the index, or send every whole call with index 0: a new ID begins a new call."""
        found = count(item.get("index"))
        index = position if found is None else found
        function = child(item, "function")
        call_id = text(item.get("id"))
        events: list[StreamEvent] = []
        if index not in self._ids or (call_id and call_id != self._ids[index]):
            self._ids[index] = call_id
            events += self.story.start_call((index, call_id), call_id, text(function.get("name")))
        return events + self.story.add_arguments((index, self._ids[index]), text(function.get("arguments")))
