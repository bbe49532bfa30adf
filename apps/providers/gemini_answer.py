"""Reading Gemini's generateContent: the answer in one piece, and in chunks of the same shape."""

import hashlib

from apps.providers.chat import ChatAnswer, Finish, JsonObject, StreamEvent, ToolCall, Usage
from apps.providers.reading import answer_object, child, count, not_the_format, objects, text, total
from apps.providers.streaming import SseReader
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

_FINISH = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "SAFETY": Finish.FILTERED,
    "RECITATION": Finish.FILTERED,
    "BLOCKLIST": Finish.FILTERED,
    "PROHIBITED_CONTENT": Finish.FILTERED,
    "SPII": Finish.FILTERED,
    "IMAGE_SAFETY": Finish.FILTERED,
    "IMAGE_PROHIBITED_CONTENT": Finish.FILTERED,
    "IMAGE_RECITATION": Finish.FILTERED,
    "MODEL_ARMOR": Finish.FILTERED,
}


def read_content(document: JsonValue, label: str) -> ChatAnswer:
    """The first candidate. A prompt that was blocked has none and is an empty answer, filtered."""
    answer = answer_object(document, label)
    candidates = objects(answer.get("candidates"))
    usage = read_usage(child(answer, "usageMetadata"))
    model = text(answer.get("modelVersion"))
    if not candidates and is_blocked(answer):
        return ChatAnswer("", (), Finish.FILTERED, usage, model)
    if not candidates:
        raise not_the_format(label, "has no “candidates”", document)
    if not ("content" in candidates[0] or "finishReason" in candidates[0]):
        raise not_the_format(label, "has no “content” in its first candidate", document)
    calls = tuple(read_call(item, answer, position) for position, item in enumerate(calls_in(candidates[0])))
    finish = read_finish(candidates[0].get("finishReason"))
    if calls and finish is Finish.STOP:
        finish = Finish.TOOLS
    return ChatAnswer(text_in(candidates[0]), calls, finish, usage, model)


def read_usage(usage: JsonObject) -> Usage:
    """What is read from the cache is a part of the prompt; thoughts are output, and paid as such, but not counted with the answer."""
    return Usage(
        total(count(usage.get("promptTokenCount")), count(usage.get("toolUsePromptTokenCount"))),
        total(count(usage.get("candidatesTokenCount")), count(usage.get("thoughtsTokenCount"))),
        count(usage.get("cachedContentTokenCount")),
    )


def read_finish(reason: JsonValue) -> Finish:
    return _FINISH.get(text(reason), Finish.OTHER)


def is_blocked(answer: JsonObject) -> bool:
    return bool(text(child(answer, "promptFeedback").get("blockReason")))


def text_in(candidate: JsonObject) -> str:
    """The words of a candidate, without its thoughts."""
    parts = objects(child(candidate, "content").get("parts"))
    return "".join(text(part.get("text")) for part in parts if part.get("thought") is not True)


def calls_in(candidate: JsonObject) -> list[JsonObject]:
    parts = objects(child(candidate, "content").get("parts"))
    return [call for part in parts if (call := child(part, "functionCall"))]


def read_call(item: JsonObject, answer: JsonObject, position: int) -> ToolCall:
    """A tool call. Older models give it no ID, which every other format needs: one is made of the answer's ID and the call."""
    name = text(item.get("name"))
    arguments = compact_json(child(item, "args"))
    made_of = "\n".join((text(answer.get("responseId")), str(position), name, arguments))
    made_up = f"call_{hashlib.sha256(made_of.encode()).hexdigest()[:24]}"
    return ToolCall(text(item.get("id")) or made_up, name, arguments)


class GeminiReader(SseReader):
    """The chunks of one streamed answer. Nothing marks the end; the last chunk has the reason to stop, and the final counts."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._calls = 0

    def read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        if not ("candidates" in event or "usageMetadata" in event or "promptFeedback" in event):
            raise not_the_format(self.label, "holds an event without “candidates”", event)
        if usage := child(event, "usageMetadata"):
            self.story.usage = read_usage(usage)
        if is_blocked(event):
            self.story.finish = Finish.FILTERED
        events: list[StreamEvent] = []
        for candidate in objects(event.get("candidates"))[:1]:
            events += self.story.say(text_in(candidate))
            for item in calls_in(candidate):
                events += self._call(item, event)
            if "finishReason" in candidate:
                self.story.finish = read_finish(candidate["finishReason"])
        return events

    def _call(self, item: JsonObject, event: JsonObject) -> list[StreamEvent]:
        call = read_call(item, event, self._calls)
        self._calls += 1
        return [*self.story.start_call(self._calls, call.id, call.name), *self.story.add_arguments(self._calls, call.arguments)]
