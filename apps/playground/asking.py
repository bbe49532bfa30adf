"""Asking one model one question: what lanes of the playground and runs of saved prompts do, each with one trace."""

import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from asgiref.sync import sync_to_async

from apps.core.database import release_connection
from apps.core.redaction import Unfolding
from apps.core.secrets import redact
from apps.external_models.definition import Definition, Modality
from apps.gateway.calls import masked
from apps.inference.calls import Call, Caller, admit
from apps.inference.chatting import ask, events_of, stream
from apps.inference.pipeline import mask
from apps.inference.result import Failure
from apps.playground.outcome import Outcome
from apps.playground.script import Script
from apps.providers.chat import ChatCall, Ended, Image, Message, Part, StreamEvent, Text, TextDelta, Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import get_chat_format
from apps.providers.types import Variable
from apps.providers.variables import EXAMPLES, coerce_values
from apps.traces.record import Api

log = logging.getLogger(__name__)

type Emit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """`asked` as callers of the gateway write it: name or ID, and `@connection`. `script` has its variables filled in.

    `values`: what was typed for variables, by name; a custom JSON API's own variables take theirs from it.
    """

    caller: Caller
    asked: str
    script: Script
    values: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    stream: bool = True
    problem: ProviderError | None = None  # why it cannot be asked: a trace of that is all that comes of it


class Asking:
    """One question on its way. `run` raises nothing but cancellation; `outcome` is there whatever happened."""

    def __init__(self, question: Question, emit: Emit = lambda text: None) -> None:
        self.question = question
        self.emit = emit
        self.outcome = Outcome(stopped=True)
        self.failure: Failure | None = None
        self.error: ProviderError | None = None  # the same for programs, masked as well
        self.call = Call(question.caller, question.asked, api=Api.OPENAI, streamed=question.stream)
        self._pieces: list[str] = []
        self._ended: Ended | None = None
        self._unfolding = Unfolding()
        self._started = time.perf_counter()

    async def run(self) -> None:
        call = self.call
        with contextlib.suppress(Exception):  # the outcome has it, and the trace
            async with call:
                try:
                    await self._run(call)
                finally:
                    self.outcome = self._outcome_of(call)  # while the call's secrets are known

    async def _run(self, call: Call) -> None:
        try:
            async with aclosing(events(call, self.question)) as coming:
                async for event in coming:
                    self._take(call, event)
            call.succeed(self._so_far, self._usage)
        except ProviderError as error:
            self.failure, self.error = mask(Failure.of(error)), masked(error)
            raise
        except Exception:
            log.exception("a lane broke off")
            self.failure = Failure("", "", "Something went wrong on our side.", "Try again; the server's log has the details.", "")
            self.error = ProviderError(ErrorKind.INTERNAL, self.failure.message, self.failure.hint)
            raise

    def _take(self, call: Call, event: StreamEvent) -> None:
        if isinstance(event, TextDelta):
            call.note_first_token()
            self._pieces.append(event.text)
            self._show(self._unfolding.feed(event.text))
        elif isinstance(event, Ended):
            self._ended = event
            self._show(self._unfolding.rest())

    def _show(self, text: str) -> None:
        if text:
            self.emit(text)

    @property
    def _so_far(self) -> str:
        return "".join(self._pieces)

    @property
    def _usage(self) -> Usage:
        return self._ended.usage if self._ended else Usage()

    def _outcome_of(self, call: Call) -> Outcome:
        usage = self._usage
        return Outcome(
            text=redact(self._so_far),
            finish=self._ended.finish.value if self._ended else "",
            trace_id=str(call.id),
            request_id=call.request_id,
            first_token_ms=call.first_token_ms,
            total_ms=(time.perf_counter() - self._started) * 1000,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            provider=call.provider,
            provider_model=call.provider_model,
            failure=self.failure,
            stopped=self._ended is None and self.failure is None,
        )


async def events(call: Call, question: Question) -> AsyncGenerator[StreamEvent]:
    """The answer as it comes. Raises ProviderError; the last event is Ended."""
    call.input = openai_text(question.script.chat_call(question.images), question.asked)
    if question.problem:
        await refuse(call, question.problem)
    definition = (await call.resolve()).definition
    if not takes_images(definition):
        question = replace(question, images=())  # the lane says so beforehand
    await sync_to_async(release_connection)()  # a provider may take minutes
    said = said_to(question, definition)
    call.input = openai_text(said, question.asked)
    if question.stream:
        async with aclosing(stream(call, said)) as coming:
            async for event in coming:
                yield event
    else:
        for event in events_of(await ask(call, said)):
            yield event


async def refuse(call: Call, problem: ProviderError) -> NoReturn:
    """It counts as a request, and its trace is the model's, where there is one."""
    if problem.kind is ErrorKind.MODEL_NOT_FOUND:
        await admit(call.caller)
    else:
        await call.resolve()
    raise problem


def said_to(question: Question, definition: Definition) -> ChatCall:
    """The call for one model: a custom JSON API gets values for its own variables. Raises VariableError."""
    said = question.script.chat_call(question.images)
    return replace(said, variables=coerce_values(own_variables(definition), question.values))


def own_variables(definition: Definition) -> tuple[Variable, ...]:
    """The variables of a custom JSON API that the script does not fill: all but prompt and system prompt."""
    if not definition.is_template:
        return ()
    return (*definition.custom_variables, *([EXAMPLES] if definition.use_examples else []))


def takes_images(definition: Definition) -> bool:
    return not definition.is_template and Modality.IMAGE_TO_TEXT in definition.modalities


def openai_text(said: ChatCall, asked: str) -> str:
    """The call as an OpenAI request: what its trace keeps. Images are named instead: they are not kept."""
    body: dict[str, Any] = get_chat_format("openai").build_body(replace(without_images(said), variables={}), asked)
    return json.dumps(body | ({"variables": dict(said.variables)} if said.variables else {}), ensure_ascii=False)


def without_images(said: ChatCall) -> ChatCall:
    messages = tuple(Message(message.role, tuple(named(part) for part in message.parts)) for message in said.messages)
    return replace(said, messages=messages)


def named(part: Part) -> Part:
    if not isinstance(part, Image):
        return part
    return Text(f"[An image, {part.media_type}, {len(part.data) * 3 // 4:,} bytes]")
