"""Calls where caller and target speak different formats: read into a ChatCall, and the answer written back (spec 04)."""

import time
from contextlib import aclosing

from apps.core.redaction import Unfolding
from apps.core.secrets import redact_answer
from apps.gateway.answers import Reply
from apps.gateway.doors import Door
from apps.inference import chatting
from apps.inference.calls import Call
from apps.providers.callers.base import Peeked, StreamRenderer
from apps.providers.callers.stream_peek import Kept
from apps.providers.chat import ChatAnswer, Ended, StreamEvent, TextDelta, ToolArgumentsDelta, ToolCall, ToolCallStarted, Usage
from apps.providers.chat_wire import text_of


async def convert_whole(call: Call, door: Door, asked: Peeked, body: bytes, reply: Reply) -> None:
    """An answer in one piece."""
    answer = await chatting.ask(call, door.format.parse(body))
    written = door.format.render_answer(answer, model=asked.model, answer_id=door.answer_id(call), created=int(time.time()))
    call.succeed(text_of(answer), answer.usage)
    await reply.whole(redact_answer(written))


async def convert_stream(call: Call, door: Door, asked: Peeked, body: bytes, reply: Reply, heard: "Heard") -> None:
    """Events as they come, or the whole answer as one; the last one only when the call is recorded."""
    said = door.format.parse(body)
    renderer = renderer_of(call, door, asked)
    shown = Shown()
    async with aclosing(chatting.stream(call, said)) as events:
        async for event in events:
            heard.take(event)
            if isinstance(event, Ended):
                call.succeed(heard.output, event.usage)
                await reply.write(renderer.feed((*shown.rest(), event)), last=True)
            else:
                call.note_first_token()
                if ready := shown.feed(event):
                    await reply.write(renderer.feed(ready))


def renderer_of(call: Call, door: Door, asked: Peeked) -> StreamRenderer:
    return door.format.renderer(
        model=asked.model, answer_id=door.answer_id(call), created=int(time.time()), include_usage=asked.include_usage
    )


class Shown:
    """The events as the caller gets them: without secrets that the provider repeats, be it in pieces."""

    def __init__(self) -> None:
        self._unfolding = Unfolding()
        self._arguments: dict[int, Unfolding] = {}

    def feed(self, event: StreamEvent) -> tuple[StreamEvent, ...]:
        """What can be shown now; of a text whose end may be the beginning of a secret, the rest comes later."""
        match event:
            case TextDelta(text):
                ready = self._unfolding.feed(text)
                return (TextDelta(ready),) if ready else ()
            case ToolArgumentsDelta(index, text):
                ready = self._arguments.setdefault(index, Unfolding()).feed(text)
                return (ToolArgumentsDelta(index, ready),) if ready else ()
            case ToolCallStarted():
                return (*self.rest(), event)  # what came before it comes before it
            case _:
                return (event,)

    def rest(self) -> tuple[StreamEvent, ...]:
        """What was held back, once nothing more of it comes."""
        arguments = tuple(ToolArgumentsDelta(index, rest) for index, each in self._arguments.items() if (rest := each.rest()))
        text = self._unfolding.rest()
        return (TextDelta(text), *arguments) if text else arguments


class Heard:
    """What a streamed answer has said so far, for its trace. The same words as StreamPeek's."""

    def __init__(self) -> None:
        self.usage = Usage()
        self._said = Kept()
        self._calls: list[tuple[ToolCallStarted, Kept]] = []

    def take(self, event: StreamEvent) -> None:
        match event:
            case TextDelta(text):
                self._said.add(text)
            case ToolCallStarted():
                self._calls.append((event, Kept()))
            case ToolArgumentsDelta(index, text):
                self._calls[index][1].add(text)
            case Ended(_, usage):
                self.usage = usage

    @property
    def output(self) -> str:
        calls = tuple(ToolCall(begun.id, begun.name, str(arguments)) for begun, arguments in self._calls)
        return text_of(ChatAnswer(str(self._said), calls))
