"""The one way to call a model: render -> authorize -> send -> read (spec 04). Test response and connection tests run exactly this."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from apps.core.egress import EgressRule
from apps.core.http import Exchange, Incoming
from apps.core.outbound import OutboundError
from apps.core.secrets import Secret, call_secrets, redact
from apps.inference.masking import response_of
from apps.inference.result import Failure, Received, Result, Sent
from apps.inference.sending import Passage, deliver, failure_of
from apps.inference.target import Target
from apps.inference.trail import Trail
from apps.inference.wires import headers_of, own_secrets, wire_format
from apps.providers.base import CheckRequest, WireFormat
from apps.providers.chat import Usage
from apps.providers.errors import ProviderError
from apps.providers.jsonread import storable
from apps.providers.key_check import KeyCheck
from apps.providers.types import JsonValue, Request
from apps.traces.record import Api

KEPT_TEXT = 256 * 1024  # characters of a response kept for the page; the limits of the call itself stand in Target.limits
MASK = "••••••••"


async def run(target: Target, values: Mapping[str, JsonValue], *, rules: Sequence[EgressRule], trail: Trail | None = None) -> Result:
    """Call the target once with the variables' values. Never raises for what went wrong on the way: the Result says it.

    Cancelling the task closes the upstream connection at once. Must not run inside a database transaction. `trail` leaves the trace.
    """
    return await call(target, partial(wire_format, target), values, rules, trail)


async def check(target: Target, asked: CheckRequest, *, rules: Sequence[EgressRule], trail: Trail | None = None) -> Result:
    """Ask the provider whether the target's key works, and whether it may use the target's model. Like `run` in everything else."""

    def key_check(secrets: Mapping[str, Secret]) -> KeyCheck[Secret]:
        return KeyCheck(asked, target.definition.model, headers_of(target, secrets))

    if trail:
        trail.api, trail.input = Api.KEY_CHECK, ""
    return await call(target, key_check, {}, rules, trail)


async def call(
    target: Target,
    make_wire: Callable[[Mapping[str, Secret]], WireFormat[Secret]],
    values: Mapping[str, JsonValue],
    rules: Sequence[EgressRule],
    trail: Trail | None,
) -> Result:
    """`make_wire` gets the target's secrets, by header name, still closed."""
    with call_secrets(), trail or nullcontext():
        result = Result()

        def note(request: Request[Secret]) -> None:
            nonlocal result
            result = replace(result, sent=show_request(request))

        began = time.perf_counter()
        try:
            wire = make_wire(own_secrets(target))
            request = wire.build_request(values, target.parameters)
            answer = await deliver(request, target, Passage(rules, target.limits), note=note)
            exchange = await whole(answer)
            result = replace(result, received=show_response(exchange))
            result = read(wire, exchange, result)
        except ProviderError as error:
            result = replace(result, failure=mask(Failure.of(error)))
            if trail:
                trail.note_attempt(began, error=error)
                trail.fail(error, result.output)
        else:
            if trail:
                trail.note_attempt(began, status=exchange.status)
                trail.succeed(result.output, Usage(result.input_tokens, result.output_tokens, result.cached_tokens))
        return result


async def whole(answer: Incoming | Exchange) -> Exchange:
    """The answer with all of its body. Raises ProviderError."""
    if isinstance(answer, Exchange):
        return answer
    try:
        async with answer:
            return await answer.exchange()
    except OutboundError as error:
        raise failure_of(error) from error


def read(wire: WireFormat[Secret], exchange: Exchange, result: Result) -> Result:
    """The answer out of the response. An error status or something that is not JSON raises ProviderError."""
    answer = wire.read_answer(response_of(exchange))
    return replace(
        result,
        output=redact(storable(answer.text)),
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cached_tokens=answer.cached_tokens,
    )


def show_request(request: Request[Secret]) -> Sent:
    """The request for people: secrets masked, text as text."""
    headers = tuple((name, MASK if isinstance(value, Secret) else value) for name, value in request.headers)
    url, body = request.url, request.body.decode("utf-8", "replace")
    for fill in request.fills:
        url, body = url.replace(fill.marker, MASK), body.replace(fill.marker, MASK)
    return Sent(request.method, redact(url), headers, body[:KEPT_TEXT])


def show_response(exchange: Exchange) -> Received:
    """The response for people: secrets that it repeats are masked, long text is cut."""
    text = redact(storable(exchange.body.decode("utf-8", "replace").removeprefix("\ufeff")))
    headers = tuple((name, redact(value)) for name, value in exchange.headers)
    return Received(
        exchange.status,
        headers,
        text[:KEPT_TEXT],
        len(text) > KEPT_TEXT,
        round(exchange.first_byte_ms, 1),
        round(exchange.total_ms, 1),
        exchange.received_bytes,
    )


def mask(failure: Failure) -> Failure:
    """An upstream error text may repeat the key it was sent (spec 07 A9), and name keys that no database takes (C3)."""
    return replace(
        failure,
        message=redact(storable(failure.message)),
        hint=redact(storable(failure.hint)),
        provider_message=redact(storable(failure.provider_message)),
    )
