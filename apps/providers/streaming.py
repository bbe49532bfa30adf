"""What the readers of server-sent streams have in common; each format adds how it reads one event."""

from abc import ABC, abstractmethod

from apps.providers.chat import Ended, Finish, JsonObject, StreamEvent, TextDelta, ToolArgumentsDelta, ToolCallStarted, Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.reading import cut_off, not_the_format, raise_error_in
from apps.providers.sse import SseDecoder

DONE = "[DONE]"  # how OpenAI's format ends


class Narrator:
    """Turns what a format reads out of its stream into events in their order, and knows when the answer is complete."""

    def __init__(self) -> None:
        self.finish: Finish | None = None  # known once the provider said why it stopped
        self.usage = Usage()
        self.ended = False
        self._calls: dict[object, int] = {}
        self._started = 0
        self._bare: set[int] = set()  # calls without arguments so far

    def say(self, text: str) -> list[StreamEvent]:
        return [TextDelta(text)] if text else []

    def start_call(self, key: object, call_id: str, name: str) -> list[StreamEvent]:
        """A new tool call, which the stream goes on to name by this key."""
        index, self._started = self._started, self._started + 1
        self._calls[key] = index
        self._bare.add(index)
        return [ToolCallStarted(index, call_id, name)]

    def add_arguments(self, key: object, text: str) -> list[StreamEvent]:
        """More of a call's arguments; nothing for a call that was never started."""
        if not text or key not in self._calls:
            return []
        self._bare.discard(self._calls[key])
        return [ToolArgumentsDelta(self._calls[key], text)]

    def end(self) -> list[StreamEvent]:
        """The last event, once. Raises ProviderError(DISCONNECTED) when the provider has not said why it stopped."""
        if self.ended:
            return []
        if self.finish is None:
            raise cut_off()
        self.ended = True
        finish = Finish.TOOLS if self.finish is Finish.STOP and self._started else self.finish
        empty = [ToolArgumentsDelta(index, "{}") for index in sorted(self._bare)]  # arguments are JSON, also where there are none
        return [*empty, Ended(finish, self.usage)]


class SseReader(ABC):
    """Reads a server-sent stream. The answer counts as complete once the provider has said why it stopped."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.story = Narrator()
        self._decoder = SseDecoder()

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._decoder.feed(data):
            if self.story.ended:
                break
            if not event.data.strip():
                continue  # some servers keep a connection alive with empty events
            events += self.story.end() if event.data.strip() == DONE else self._read(event.name, event.data)
        return events

    def finish(self) -> list[StreamEvent]:
        if self._decoder.looks_wrong():
            message = f"The response is no stream of events, so it is no streamed answer of {self.label}."
            raise ProviderError(ErrorKind.NOT_THE_FORMAT, message, "Check that the model can stream, and the endpoint URL.")
        return self.story.end()

    def _read(self, name: str, data: str) -> list[StreamEvent]:
        document = parse_json(data.encode())
        if not isinstance(document, dict):
            raise not_the_format(self.label, "holds an event that is no JSON object", document)
        raise_error_in(document)
        return self.read_event(name, storable(document))

    @abstractmethod
    def read_event(self, name: str, event: JsonObject) -> list[StreamEvent]:
        """What one event says."""
