"""The one place where calls of models leave: authorize -> send (spec 04). Tests, the playground and the gateway all come through here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.core.egress import EgressRule
from apps.core.http import Exchange, Filling, Incoming, Limits, Prepared, open_prepared, prepare
from apps.core.outbound import OutboundError
from apps.core.secrets import Secret
from apps.inference.authorization import Authorization, Authorized
from apps.inference.target import Target
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import Request

MOST_KEPT = 8  # prepared calls of one connection: one address for whole answers and one for streams are usual


@dataclass(slots=True)
class Kept:
    """Calls of one connection as they were prepared for the first of them, by address. Drop it with the connection's route."""

    by_url: dict[str, tuple[object, Prepared]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Passage:
    """Under which rules and limits a call goes out. `pool`: whose open connections it may use, "" for one of its own (spec 07 B4)."""

    rules: Sequence[EgressRule] = ()
    limits: Limits = field(default_factory=Limits)
    pool: str = ""
    kept: Kept | None = None


async def deliver(
    request: Request[Secret], target: Target, passage: Passage, *, note: Callable[[Request[Secret]], None] | None = None
) -> Incoming | Exchange:
    """Authorize and send. Renews the authorization once where that was refused. `note` sees the request as it goes out.

    A success comes as soon as its head is in: close it, whatever happens. Every other status comes with its body read. Raises ProviderError
    with the stage that failed.
    """
    authorization = target.authorization
    if authorization is None:
        return await _sent(Authorized(request), passage, note)
    answer = await _sent(await authorization.authorize(request, rules=passage.rules), passage, note)
    if not _was_refused(authorization, answer):
        return answer
    if isinstance(answer, Incoming):
        await answer.aclose()
    await authorization.renew()
    return await _sent(await authorization.authorize(request, rules=passage.rules), passage, note)


async def _sent(authorized: Authorized, passage: Passage, note: Callable[[Request[Secret]], None] | None) -> Incoming | Exchange:
    request = authorized.request
    if note is not None:
        note(request)
    try:
        incoming = await open_prepared(_prepared(authorized, passage), request.body, limits=passage.limits)
        if 200 <= incoming.status <= 299:
            return incoming
        async with incoming:
            return await incoming.exchange()
    except OutboundError as error:
        raise failure_of(error) from error


def _prepared(authorized: Authorized, passage: Passage) -> Prepared:
    """Only what is the same each time can be kept: nothing signed, nothing filled in, and the very headers of the time before."""
    request, kept = authorized.request, passage.kept
    if kept is not None and authorized.signer is None and not request.fills and request.method == "POST":
        headers, prepared = kept.by_url.get(request.url, (None, None))
        if prepared is None or headers is not request.headers:
            prepared = _prepare(authorized, passage)
            if len(kept.by_url) >= MOST_KEPT:
                kept.by_url.clear()
            kept.by_url[request.url] = (request.headers, prepared)
        return prepared
    return _prepare(authorized, passage)


def _prepare(authorized: Authorized, passage: Passage) -> Prepared:
    request = authorized.request
    fillings = [Filling(fill.marker, fill.value, fill.encoding) for fill in request.fills]
    return prepare(
        request.method,
        request.url,
        request.headers,
        rules=passage.rules,
        fillings=fillings,
        signer=authorized.signer,
        pool=passage.pool,
    )


def _was_refused(authorization: Authorization, answer: Incoming | Exchange) -> bool:
    if isinstance(answer, Incoming):  # of a success only the status is looked at: its body has to go on as it comes
        answer = Exchange(answer.status, answer.headers, b"", answer.first_byte_ms, answer.first_byte_ms, 0)
    return authorization.was_refused(answer)


def failure_of(error: OutboundError) -> ProviderError:
    return ProviderError(ErrorKind(error.code.value), error.message, error.hint, retryable=error.retryable, retry_after=error.retry_after)
