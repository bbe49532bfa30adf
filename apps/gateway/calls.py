"""One call of a program, from its body to its answer, whatever happens in between."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from apps.accounts.api_keys import ApiKeyRecord
from apps.core.body_limit import Receive, Send, announced_length
from apps.core.secrets import redact
from apps.external_models.definition import Feature
from apps.gateway.answers import Reply, retry_after
from apps.gateway.betas import betas_in
from apps.gateway.bodies import read_body
from apps.gateway.converting import Heard, convert_stream, convert_whole, renderer_of
from apps.gateway.departure import Departure
from apps.gateway.doors import ANTHROPIC, Door
from apps.gateway.features import check_features
from apps.gateway.passing import pass_stream, pass_whole
from apps.gateway.refusals import Refusal, our_fault, stopping
from apps.inference.calls import Call, Caller
from apps.inference.routes import Route
from apps.providers.callers.base import Peeked
from apps.providers.callers.failures import status_of
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat import Usage
from apps.providers.errors import ProviderError
from apps.traces.models import SourceType

MOST_NAMED = 1000  # characters of what was asked for that are looked at and kept; names of models are much shorter
WAIT_SECONDS = 2.0  # what a caller is told where nobody knows better

MOST_CALLERS = 20_000

_callers: dict[str, tuple[ApiKeyRecord, Caller]] = {}  # by the key's ID
_log = logging.getLogger(__name__)


async def serve_call(door: Door, key: ApiKeyRecord, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request of a key that may call. Raises CallerLeft."""
    body, betas, problem = b"", "", None
    with Departure(receive) as departure:
        try:
            body = await read_body(receive, announced_length(scope), departure)
            betas = betas_in(scope["headers"]) if door is ANTHROPIC else ""
        except Refusal as refusal:
            problem = refusal
        try:
            await Answering(door, Call(kept_caller(key), "", api=door.api), send, departure).run(body, betas, problem)
        except asyncio.CancelledError:
            if not departure.gone:
                raise


def kept_caller(key: ApiKeyRecord) -> Caller:
    """The same for one call after the other."""
    record, caller = _callers.get(key.id, (None, None))
    if caller is None or record is not key:
        if len(_callers) >= MOST_CALLERS:
            _callers.clear()
        caller = caller_of(key)
        _callers[key.id] = key, caller
    return caller


def caller_of(key: ApiKeyRecord) -> Caller:
    return Caller(
        workspace_id=key.workspace_id,
        source_type=SourceType.API_KEY,
        source_id=key.id,
        source_name=key.app_name,
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        budget=key.budget,
    )


class Answering:
    """One call under way. Every way out of it leaves one trace, and one answer or none: the caller may be gone."""

    def __init__(self, door: Door, call: Call, send: Send, departure: Departure) -> None:
        self.door = door
        self.call = call
        self.reply = Reply(call, door, send, departure)
        self.departure = departure
        self.asked = Peeked("")
        self.heard: Heard | StreamPeek | None = None  # what a stream has said so far

    async def run(self, body: bytes, betas: str, problem: Refusal | None) -> None:
        async with self.call:
            try:
                if problem is not None:
                    raise problem
                await self._answer(body, betas)
            except ProviderError as error:
                await self._fail(error)
            except Refusal as refusal:
                await self._refuse(refusal)
            except asyncio.CancelledError:
                await self._cancelled()
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: answer and trace for failures of ours, too
                _log.exception("call %s failed", self.call.request_id)
                await self._refuse(our_fault(error))

    async def _answer(self, body: bytes, betas: str) -> None:
        call, door = self.call, self.door
        call.input = body
        asked = self.asked = door.format.peek(body)
        call.asked, call.streamed = asked.model[:MOST_NAMED], asked.stream
        route = await call.resolve()
        passes = passes_through(door, route, asked)
        if passes:
            check_features(route, body)
        if not asked.stream:
            if passes:
                await pass_whole(call, door.format, body, self.reply, betas)
            else:
                await convert_whole(call, door, asked, body, self.reply)
        elif passes:
            self.heard = peek = door.format.peek_stream(withhold_usage=not asked.include_usage)
            await pass_stream(call, door.format, asked, body, self.reply, betas, peek)
        else:
            self.heard = heard = Heard()
            await convert_stream(call, door, asked, body, self.reply, heard)

    async def _fail(self, error: ProviderError) -> None:
        """An error of the call: as an answer, or as the last event of one that has begun."""
        self.call.fail(error, *self._so_far())
        error = masked(error)
        if self.reply.begun:
            await self.reply.write(renderer_of(self.call, self.door, self.asked).error(error), last=True)
            return
        status = status_of(error)
        more = [retry_after(error.retry_after or WAIT_SECONDS)] if status in {429, 503} else []
        await self.reply.whole(self.door.format.error_body(error, status), status, *more)

    async def _refuse(self, refusal: Refusal) -> None:
        if self.reply.begun:
            await self._fail(refusal.failure())
            return
        self.call.fail(refusal.failure())
        await self.reply.whole(refusal.body(self.door), refusal.status, *refusal.headers)

    async def _cancelled(self) -> None:
        """The caller is gone; or the server gives up waiting for calls to end, which the caller should hear."""
        if self.departure.gone:
            self.call.cancel(*self._so_far())
        else:
            await self._refuse(stopping())

    def _so_far(self) -> tuple[str, Usage]:
        return (self.heard.output, self.heard.usage) if self.heard else ("", Usage())


def passes_through(door: Door, route: Route, asked: Peeked) -> bool:
    """Whether caller and target speak the same format, and a stream is something that the target is said to have."""
    if route.definition.wire_format not in door.format.same:
        return False
    return not asked.stream or route.features is None or Feature.STREAMING in route.features


def masked(error: ProviderError) -> ProviderError:
    """The error without the secrets that a provider may have repeated in it (spec 07 A9)."""
    return ProviderError(
        error.kind,
        redact(error.message),
        redact(error.hint),
        status=error.status,
        provider_message=redact(error.provider_message),
        retry_after=error.retry_after,
    )
