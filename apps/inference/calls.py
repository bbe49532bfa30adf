"""One call of a model: resolve -> choose a connection -> authorize -> send -> read -> record (spec 04). The gateway, the playground and
prompts make their calls so:

    async with Call(caller, "gpt-4o", api=Api.OPENAI) as call:
        route = await call.resolve()
        call.input = text                                   # what the trace keeps
        await call.open(render, stream=True)                # render(connection) -> Request; 2xx from here on
        async for data in call.chunks(): ...
        call.succeed(output, usage)                         # before the last bytes go to the caller

Whatever happens inside, leaving the block leaves exactly one trace.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from apps.accounts.budgets import Budget
from apps.core.http import Exchange, Incoming
from apps.core.outbound import OutboundError
from apps.core.secrets import Secret, call_secrets
from apps.external_models.names import name_key
from apps.inference.limits import limiter
from apps.inference.marks import Mark, mark
from apps.inference.masking import response_of
from apps.inference.routes import MOST_ASKED, Route, RoutedConnection, cached_route, find_route, kept_route
from apps.inference.routing import Journey, is_sick, was_answered
from apps.inference.sending import deliver, failure_of
from apps.inference.trail import Caller, Trail
from apps.providers.chat import Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import explain_http_error
from apps.providers.types import Request
from apps.traces.models import Status
from apps.traces.record import Api
from apps.usage.accounts import Account, Kind
from apps.usage.budgets import Held, release, reserve, settle
from apps.usage.estimate import so_far

__all__ = ["NOT_ACTIVE", "Call", "Caller", "Render", "admit"]

NOT_ACTIVE = "This model is not active"
AT_ONCE = 2_000  # calls under way through one connection in one process, where nobody has set less

type Render = Callable[[RoutedConnection], Request[Secret]]


class Call(Trail):
    """One call, from the name that was asked for to its one trace. `asked` is a model's name or ID, or `name@connection`."""

    def __init__(self, caller: Caller, asked: str, *, api: Api, streamed: bool = False) -> None:
        super().__init__(caller, api=api, streamed=streamed)
        self.asked = asked
        self.route: Route | None = None
        self.connection: RoutedConnection | None = None
        self._candidates: tuple[RoutedConnection, ...] = ()
        self._incoming: Incoming | None = None
        self._running: RoutedConnection | None = None  # which counts this call among those under way
        self._sent = False
        self._secrets = call_secrets()
        # What is reserved for this call of the budgets of its API key and of its connection.
        self._held_of_key: Held | None = None
        self._held_of_connection: Held | None = None

    async def __aenter__(self) -> Self:
        self._secrets.__enter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self._let_go()
        finally:
            self.leave(error)
            self._secrets.__exit__(None, None, None)

    async def aclose(self) -> None:
        """Let the upstream call go, at once where it has not ended. The trace is left to the end of the block."""
        self._let_go()

    def _let_go(self) -> None:
        incoming, self._incoming = self._incoming, None
        self._leave()
        if incoming is not None:
            incoming.close()

    async def resolve(self) -> Route:
        """Find the model, and refuse what may not be called. Raises ProviderError of the stage ROUTE."""
        name, _, wanted = self.asked.partition("@")
        workspace = self.caller.workspace_id
        try:
            await admit(self.caller)  # first, so that calls of what is not there count as well
        except ProviderError:
            if route := kept_route(workspace, name):  # its trace says of which model, where that costs nothing
                self._take(route)
            raise
        route = cached_route(workspace, name) or await find_route(workspace, name)
        self._take(route)
        if route.is_draft:
            raise ProviderError(ErrorKind.MODEL_DRAFT, f"{route.name} is a draft.", "Finish it under Models first.")
        if not route.is_on:
            raise ProviderError(ErrorKind.MODEL_INACTIVE, NOT_ACTIVE, f"Switch inferencing of {route.name} on in Patchbay, under Models.")
        self._candidates = pinned(route, wanted) if wanted else route.candidates
        if not self._candidates:
            raise ProviderError(ErrorKind.CONNECTION_INACTIVE, NOT_ACTIVE, f"No connection of {route.name} is on.")
        self.connection = self._candidates[0]
        if self.caller.budget is not None:
            self._held_of_key = await self._reserve(key_account(self.caller, self.caller.budget))
        return route

    async def _reserve(self, account: Account) -> Held | None:
        """Raises ProviderError(BUDGET_EXCEEDED)."""
        return await reserve(account, provider=self.provider, model=self.provider_model, asked=self.input_text)

    def _take(self, route: Route) -> None:
        self.route = route
        self.model_id, self.model_name, self.provider = route.model_id, route.name, route.provider
        self.provider_model = route.definition.model

    async def open(self, render: Render, *, stream: bool) -> None:
        """Send until a connection answers with success; its head is in when this returns. Raises ProviderError for the last failure."""
        route, candidates = self.route, self._candidates
        assert route is not None  # noqa: S101 - resolve() comes first
        began = now = time.perf_counter()
        ends_at = began + candidates[0].target.limits.total
        journey = Journey(candidates, ends_at=ends_at, may_pay_twice=route.may_pay_twice)
        failure: ProviderError | None = None
        while step := journey.next(now):
            if step.wait:
                await asyncio.sleep(step.wait)
                now = time.perf_counter()
            connection = step.connection
            refusal = await self._enter(connection, now)
            if refusal is not None:
                failure = failure or refusal
                continue
            journey.sent()
            self._sent = True
            try:
                self._incoming = await self._attempt(connection, render(connection), now - began)
            except ProviderError as error:
                failure = error
                now = self._failed(connection, error, journey, now)
            except BaseException:
                connection.health.abandoned()
                raise
            else:
                self._answered(connection, now)
                return
        assert failure is not None  # noqa: S101 - there is a candidate, and each step left one
        raise failure

    async def _enter(self, connection: RoutedConnection, now: float) -> ProviderError | None:
        """Begin a call through the connection, or say why nothing can be sent through it now."""
        self._leave()
        if self._held_of_connection is not None:  # the one before failed
            release(self._held_of_connection)
            self._held_of_connection = None
        self.connection = connection
        self.connection_id, self.connection_name = connection.id, connection.name
        if connection.problem is not None:
            return again(connection.problem)
        health = connection.health
        if rest := health.rests_for(now):
            return resting(connection, rest)
        if health.running >= (connection.calls_at_once or AT_ONCE):
            return crowded(connection)
        # Taken before any wait: those who come meanwhile must find the place, and the probe of a connection that rested, taken.
        health.begin(now)
        health.running += 1
        self._running = connection
        requests, tokens = connection.requests_per_minute, connection.tokens_per_minute
        if requests is not None or tokens is not None or connection.account is not None:
            try:
                await limiter.admit(connection.counted_as, f"The connection {connection.name}", requests=requests, tokens=tokens)
                if connection.account is not None:
                    self._held_of_connection = await self._reserve(connection.account)
            except BaseException as error:
                health.withdrawn(now)
                self._leave()
                if isinstance(error, ProviderError):
                    return error
                raise
        return None

    def _leave(self) -> None:
        """This call is no longer under way through its connection."""
        if self._running is not None:
            self._running.health.running -= 1
            self._running = None

    async def _attempt(self, connection: RoutedConnection, request: Request[Secret], spent: float) -> Incoming:
        """Send once. The limit in all is for all attempts together: `spent` seconds of it are gone. Each has its own to the first byte."""
        target = connection.target
        passage = connection.passage
        if self.attempts:
            passage = replace(passage, limits=replace(target.limits, total=max(0.1, target.limits.total - spent)))
        answer = await deliver(request, target, passage)
        if isinstance(answer, Incoming):
            return answer
        raise explained(connection, answer)

    def _answered(self, connection: RoutedConnection, began: float) -> None:
        self.note_attempt(began, status=self.status)
        connection.health.succeeded(began)
        if connection.failing:
            mark(Mark(self.caller.workspace_id, connection.id, ""))

    def _failed(self, connection: RoutedConnection, error: ProviderError, journey: Journey[RoutedConnection], began: float) -> float:
        """Note a failed attempt; gives the time."""
        self.note_attempt(began, error=error)
        now = time.perf_counter()
        said = journey.failed(connection, error)
        opened = False
        if said.sick:
            opened = connection.health.failed(now, began)
        elif was_answered(error):
            connection.health.succeeded(now)
        else:
            connection.health.abandoned()
        if opened or error.kind is ErrorKind.UPSTREAM_AUTH:
            mark(Mark(self.caller.workspace_id, connection.id, error.kind.value))
        return now

    @property
    def status(self) -> int:
        """The HTTP status of the answer, 2xx."""
        assert self._incoming is not None  # noqa: S101 - open() comes first
        return self._incoming.status

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        assert self._incoming is not None  # noqa: S101
        return self._incoming.headers

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it arrives. Raises ProviderError."""
        assert self._incoming is not None  # noqa: S101
        try:
            async for data in self._incoming.chunks():
                yield data
        except OutboundError as error:
            raise self._broken(error) from error

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        """The same through `sink`, see Incoming.pump. Raises ProviderError."""
        assert self._incoming is not None  # noqa: S101
        try:
            return await self._incoming.pump(sink)
        except OutboundError as error:
            raise self._broken(error) from error

    def finish_reading(self) -> None:
        """All that the answer says has come: its connection is kept if the end of the body does not keep it waiting."""
        if self._incoming is not None:
            self._incoming.leave()

    async def read(self) -> bytes:
        """The whole body. Raises ProviderError."""
        assert self._incoming is not None  # noqa: S101
        try:
            return await self._incoming.read()
        except OutboundError as error:
            raise self._broken(error) from error

    def _broken(self, error: OutboundError) -> ProviderError:
        """A failure in the middle of an answer: never tried again, but it counts."""
        failure = failure_of(error)
        failure.retryable = False
        if self.connection is not None and is_sick(failure):
            self.connection.health.failed(time.perf_counter(), self.started)
        return failure

    def settle(self, status: Status, usage: Usage, output: str) -> None:
        """Count the tokens for the limits that ask for them, and what they cost for the budgets."""
        was_counted = status is Status.SUCCESS and usage.input_tokens is not None and usage.output_tokens is not None
        if not was_counted and (output or (status is Status.CANCELLED and self._sent)):
            usage = so_far(usage, self.input_text, output)
        if self._held_of_key is not None:
            settle(self._held_of_key, usage)
        if self._held_of_connection is not None:
            settle(self._held_of_connection, usage)
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if not tokens:
            return
        if self.caller.tokens_per_minute is not None:
            limiter.settle(f"key:{self.caller.source_id}", tokens)
        if self.connection is not None and self.connection.tokens_per_minute is not None:
            limiter.settle(self.connection.counted_as, tokens)


async def admit(caller: Caller) -> None:
    """Count one more request of an API key. Raises ProviderError(RATE_LIMITED)."""
    requests, tokens = caller.requests_per_minute, caller.tokens_per_minute
    if requests is not None or tokens is not None:
        words = f"The API key of {caller.source_name}"
        await limiter.admit(f"key:{caller.source_id}", words, requests=requests, tokens=tokens)


def key_account(caller: Caller, budget: Budget) -> Account:
    return Account(Kind.KEY, caller.source_id, caller.workspace_id, caller.source_name, budget)


def pinned(route: Route, wanted: str) -> tuple[RoutedConnection, ...]:
    """The one connection of that name. Raises ProviderError(CONNECTION_NOT_FOUND, CONNECTION_INACTIVE)."""
    key = name_key(wanted) if len(wanted) <= MOST_ASKED else ""
    found = next((each for each in route.connections if each.key == key), None)
    if found is None:
        message = f"{route.name} has no connection “{wanted[:120]}”."
        raise ProviderError(ErrorKind.CONNECTION_NOT_FOUND, message, "Its page under Models lists its connections.")
    if not found.is_on:
        raise ProviderError(ErrorKind.CONNECTION_INACTIVE, NOT_ACTIVE, f"Switch the connection {found.name} of {route.name} on.")
    return (found,)


def explained(connection: RoutedConnection, answer: Exchange) -> ProviderError:
    """What an answer that is no success means, in the words of who speaks so."""
    response = response_of(answer)
    if connection.wire is not None:
        try:
            connection.wire.read_answer(response)
        except ProviderError as error:
            return error
    return explain_http_error(response.status, response.headers, response.body)


def again(error: ProviderError) -> ProviderError:
    """The same error for another call: each has its own traceback."""
    return ProviderError(error.kind, error.message, error.hint, retryable=error.retryable)


def resting(connection: RoutedConnection, seconds: float) -> ProviderError:
    message = f"The connection {connection.name} failed too often just now: nothing is sent through it for a while."
    return ProviderError(ErrorKind.CONNECTION_RESTING, message, f"Try again in {seconds:.0f} seconds.", retry_after=seconds)


def crowded(connection: RoutedConnection) -> ProviderError:
    most = connection.calls_at_once or AT_ONCE
    message = f"The connection {connection.name} has {most:,} calls under way, the most that it may have at once."
    return ProviderError(ErrorKind.RATE_LIMITED, message, "Try again when one of them has ended.", retry_after=1.0)
