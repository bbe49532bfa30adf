"""The one way to call a model: render -> authorize -> send -> read (spec 04). Test response and connection tests run exactly this."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from apps.core.egress import EgressRule
from apps.core.http import Exchange, Filling, send
from apps.core.outbound import OutboundError
from apps.core.secrets import Secret, call_secrets, redact
from apps.inference.authorization import Authorized
from apps.inference.bedrock import bedrock_wire
from apps.inference.masking import response_of
from apps.inference.result import Failure, Received, Result, Sent
from apps.inference.target import Target
from apps.providers.base import CheckRequest, WireFormat
from apps.providers.chat_wire import ChatWire
from apps.providers.custom import TemplateFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonpath import JsonPath, PathInvalid, compile_path
from apps.providers.jsonread import storable
from apps.providers.key_check import KeyCheck
from apps.providers.registry import get_chat_format
from apps.providers.template import parse_template
from apps.providers.types import JsonValue, Request

KEPT_TEXT = 256 * 1024  # characters of a response kept for the page; the limits of the call itself stand in Target.limits
MASK = "••••••••"


async def run(target: Target, values: Mapping[str, JsonValue], *, rules: Sequence[EgressRule]) -> Result:
    """Call the target once with the variables' values. Never raises for what went wrong on the way: the Result says it.

    Cancelling the task closes the upstream connection at once. Must not run inside a database transaction.
    """
    return await call(target, partial(wire_format, target), values, rules)


async def check(target: Target, asked: CheckRequest, *, rules: Sequence[EgressRule]) -> Result:
    """Ask the provider whether the target's key works, and whether it may use the target's model. Like `run` in everything else."""

    def key_check(secrets: Mapping[str, Secret]) -> KeyCheck[Secret]:
        return KeyCheck(asked, target.definition.model, headers_of(target, secrets))

    return await call(target, key_check, {}, rules)


async def call(
    target: Target,
    make_wire: Callable[[Mapping[str, Secret]], WireFormat[Secret]],
    values: Mapping[str, JsonValue],
    rules: Sequence[EgressRule],
) -> Result:
    """`make_wire` gets the target's secrets, by header name, still closed."""
    with call_secrets():
        result = Result()
        try:
            wire = make_wire(own_secrets(target))
            request = wire.build_request(values, target.parameters)
            authorized = await authorize(request, target, rules)
            result = replace(result, sent=show_request(authorized.request))
            exchange = await deliver(authorized, target, rules)
            if target.authorization and target.authorization.was_refused(exchange):
                await target.authorization.renew()
                exchange = await deliver(await authorize(request, target, rules), target, rules)
            result = replace(result, received=show_response(exchange))
            return read(wire, exchange, result)
        except ProviderError as error:
            return replace(result, failure=mask(Failure.of(error)))


async def authorize(request: Request[Secret], target: Target, rules: Sequence[EgressRule]) -> Authorized:
    """The request with what the connection's profile or role adds. Raises ProviderError of the stage AUTHORIZE."""
    if target.authorization is None:
        return Authorized(request)
    return await target.authorization.authorize(request, rules=rules)


def own_secrets(target: Target) -> dict[str, Secret]:
    """The secret for each secret header. Raises ProviderError(needs_credentials) naming those that are missing."""
    missing = [name for name in target.definition.secret_headers if name.lower() not in target.secrets]
    if missing:
        names = ", ".join(missing)
        raise ProviderError(
            ErrorKind.NEEDS_CREDENTIALS,
            f"There is no value for the secret header {names}.",
            "Enter it in Headers. A stored value is dropped when the endpoint's host changes.",
        )
    headers = [header for header in target.definition.headers if header.secret]
    return {header.name: prefixed(target.secrets[header.name.lower()], header.prefix) for header in headers}


def prefixed(secret: Secret, prefix: str) -> Secret:
    return secret.with_prefix(prefix) if prefix else secret


def wire_format(target: Target, secrets: Mapping[str, Secret]) -> WireFormat[Secret]:
    """How the target is spoken to, with secrets still closed. Raises ProviderError for a body that does not parse."""
    definition = target.definition
    if definition.is_bedrock:
        return bedrock_wire(definition, target.parameters, lambda url: plain_wire(target, url, secrets))
    return plain_wire(target, definition.url, secrets)


def plain_wire(target: Target, url: str, secrets: Mapping[str, Secret]) -> WireFormat[Secret]:
    """The chat format or the template of the definition, for that address."""
    definition = target.definition
    headers = headers_of(target, secrets)
    if not definition.is_template:
        return ChatWire(get_chat_format(definition.wire_format), url, definition.model, headers)
    return TemplateFormat(
        method=definition.method,
        url=url,
        body=parse_template(definition.body) if definition.body.strip() else None,
        variables=definition.variables,
        headers=headers,
        output=path_or_none(definition.paths.output),
        input_tokens=path_or_none(definition.paths.input_tokens),
        output_tokens=path_or_none(definition.paths.output_tokens),
    )


def headers_of(target: Target, secrets: Mapping[str, Secret]) -> tuple[tuple[str, str | Secret], ...]:
    return tuple((header.name, secrets[header.name] if header.secret else header.value) for header in target.definition.headers)


def path_or_none(text: str) -> JsonPath | None:
    """Raises ProviderError for a path that a draft keeps although it is not one."""
    try:
        return compile_path(text) if text else None
    except PathInvalid as error:
        message = f"The JSON path {text[:200]} cannot be read: {error.message}"
        raise ProviderError(ErrorKind.TEMPLATE_INVALID, message, "Mend it under JSON paths of the model's definition.") from error


async def deliver(authorized: Authorized, target: Target, rules: Sequence[EgressRule]) -> Exchange:
    """Send under the egress rules and limits. Raises ProviderError with the stage that failed."""
    request = authorized.request
    fillings = [Filling(fill.marker, fill.value, fill.encoding) for fill in request.fills]
    try:
        return await send(
            request.method,
            request.url,
            request.headers,
            request.body,
            rules=rules,
            limits=target.limits,
            fillings=fillings,
            signer=authorized.signer,
        )
    except OutboundError as error:
        raise ProviderError(
            ErrorKind(error.code.value), error.message, error.hint, retryable=error.retryable, retry_after=error.retry_after
        ) from error


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
