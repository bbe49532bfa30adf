"""Tokens of OAuth profiles: each obtained once however many callers want it, in this process and across processes (spec 03).

A process keeps a copy, so that a call with a fresh token makes no query. One caller of a process asks for a new one while the others
wait for it (`_flights`); one process asks while the others wait (`ProfileToken.renewing_until`), and take over when it has died.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from apps.connections.profile_types import ProfileType
from apps.core.egress import EgressRule
from apps.core.http import Failure, Filling, Limits, OutboundError, send
from apps.core.secrets import Secret, call_secrets, redact
from apps.inference.oauth_requests import Granted, client_credentials_request, read_grant, refresh_request
from apps.inference.profile_material import Material, not_configured
from apps.inference.profile_store import Claim, Token, Wait, begin, fail, in_database, release, store
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import MAX_MESSAGE
from apps.providers.types import Request, Response

LIMITS = Limits(connect=5.0, first_byte=10.0, total=10.0, body_bytes=64 * 1024)
POLL = 0.1  # seconds between two looks at what another process is doing
NO_REFRESH = "There is no token any more, and none to renew it with. Press Test and allow access at the provider again."
CHECK_URL = "Check the token URL of the authorization profile, and whether the server is well."
ABOUT_MODELS = frozenset({Failure.RESPONSE_TOO_LARGE, Failure.TIMEOUT, Failure.FIRST_BYTE_TIMEOUT})  # whose hints are about models
MAX_KEPT = 10_000  # tokens; beyond it the copies start anew


class _Interrupted(Exception):
    """Whoever was renewing was cancelled: one of those who waited takes over."""


class Tokens:
    """One process's copies and requests under way. There is one (`tokens`); tests make several, as several processes would."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[UUID, Token] = {}
        self._flights: dict[tuple[UUID, int], Future[Token]] = {}

    async def get(self, material: Material, rules: Sequence[EgressRule], *, refused_until: datetime | None = None) -> Token:
        """A token that may be sent, obtained after `refused_until`. Raises ProviderError of the stage AUTHORIZE."""
        while True:
            if token := self._copy(material, refused_until):
                return token
            flight, is_mine = self._join(material)
            if is_mine:
                return await self._fly(flight, material, rules, refused_until)
            landing = asyncio.wrap_future(flight)
            landing.add_done_callback(_looked_at)
            try:
                # Shielded: one caller who leaves must not cancel what the others wait for.
                token = await asyncio.shield(landing)
            except _Interrupted:
                continue
            if refused_until is None or token.obtained_at > refused_until:
                return token

    def keep(self, material: Material, token: Token) -> None:
        """Use this token from now on."""
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[material.id] = token

    def _copy(self, material: Material, refused_until: datetime | None) -> Token | None:
        token = self._kept.get(material.id)
        if token is None or token.version != material.version or not token.is_fresh():
            return None
        return None if refused_until and token.obtained_at <= refused_until else token

    def _join(self, material: Material) -> tuple[Future[Token], bool]:
        """The request under way, or a new one that the caller has to make."""
        key = (material.id, material.version)
        with self._lock:
            if key in self._flights:
                return self._flights[key], False
            flight = self._flights[key] = Future()
            return flight, True

    async def _fly(self, flight: "Future[Token]", material: Material, rules: Sequence[EgressRule], refused_until: datetime | None) -> Token:
        """Obtain the token for everybody who waits for the flight."""
        outcome: Token | BaseException = _Interrupted()
        try:
            # Somebody's flight may have landed between the look at the copy and the start of this one.
            outcome = self._copy(material, refused_until) or await obtain(material, rules, refused_until)
            self.keep(material, outcome)
            return outcome
        except Exception as error:
            outcome = error
            raise
        finally:
            with self._lock:
                del self._flights[(material.id, material.version)]
            if isinstance(outcome, Token):
                flight.set_result(outcome)
            else:
                flight.set_exception(outcome)


def _looked_at(landing: "asyncio.Future[Token]") -> None:
    """Somebody who has left does not look at the outcome; asyncio would log a failure as one that nobody dealt with."""
    if not landing.cancelled():
        landing.exception()


tokens = Tokens()


async def obtain(material: Material, rules: Sequence[EgressRule], refused_until: datetime | None) -> Token:
    """A token from the database, where another process has put one, or from the authorization server."""
    while True:
        step = await begin_whole(material, refused_until)
        match step:
            case Token():
                return step
            case Claim():
                return await renew(material, rules, step)
            case Wait():
                await asyncio.sleep(min(POLL, max(0.001, (step.until - timezone.now()).total_seconds())))


async def begin_whole(material: Material, refused_until: datetime | None) -> Token | Claim | Wait:
    """`begin`, which goes on in its thread when the caller is cancelled: a claim that it gets then is given back."""
    beginning = asyncio.ensure_future(in_database(begin, material, refused_until))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        [step] = await asyncio.gather(beginning, return_exceptions=True)
        if isinstance(step, Claim):
            await asyncio.shield(in_database(release, material, step.until))
        raise


async def renew(material: Material, rules: Sequence[EgressRule], claim: Claim) -> Token:
    """Ask the authorization server, holding the claim. What goes wrong marks the profile, and is raised."""
    settled = False
    try:
        granted = await exchange(_GRANTS[material.type](material, claim), rules)
        token = await in_database(store, material, granted, claim.until)
        settled = True
        return token
    except ProviderError as error:
        settled = True
        gone = error.kind == ErrorKind.TOKEN_REFUSED and error.provider_message.startswith("invalid_grant")
        await in_database(fail, material, claim, problem_of(error), forget_refresh=gone)
        raise
    finally:
        if not settled:  # cancelled: the next one need not wait for the claim to end by itself
            await asyncio.shield(in_database(release, material, claim.until))


async def exchange(request: Request[Secret], rules: Sequence[EgressRule]) -> Granted:
    """One token request. Raises ProviderError TOKEN_REFUSED or TOKEN_FAILED, its words without secrets (spec 07 A9)."""
    fillings = [Filling(fill.marker, fill.value, fill.encoding) for fill in request.fills]
    asked_at = timezone.now()
    with call_secrets():
        try:
            answer = await send(request.method, request.url, request.headers, request.body, rules=rules, limits=LIMITS, fillings=fillings)
            return read_grant(Response(answer.status, answer.headers, answer.body), asked_at=asked_at)
        except OutboundError as error:
            message = f"The token could not be fetched. {error.message}"
            hint = CHECK_URL if error.code in ABOUT_MODELS else error.hint
            raise ProviderError(ErrorKind.TOKEN_FAILED, redact(message), redact(hint), retryable=error.retryable) from error
        except ProviderError as error:
            error.provider_message, error.message = redact(error.provider_message)[:MAX_MESSAGE], redact(error.message)
            raise


def problem_of(error: ProviderError) -> str:
    """What the pages say of a profile that failed: the sentence, and the server's own words."""
    if error.kind == ErrorKind.PROFILE_NOT_CONFIGURED:
        return NO_REFRESH
    return f"{error.message} {f'It says: {error.provider_message}' if error.provider_message else error.hint}".strip()


def _by_client_credentials(material: Material, claim: Claim) -> Request[Secret]:
    return client_credentials_request(material)


def _by_refresh_token(material: Material, claim: Claim) -> Request[Secret]:
    """Raises ProviderError(PROFILE_NOT_CONFIGURED) when somebody has to allow access again."""
    if claim.refresh is None:
        raise not_configured(
            material.name, "There is no token, and none to renew it with: press its Test and allow access at the provider."
        )
    return refresh_request(material, claim.refresh)


_GRANTS: Mapping[ProfileType, Callable[[Material, Claim], Request[Secret]]] = {
    ProfileType.CLIENT_CREDENTIALS: _by_client_credentials,
    ProfileType.AUTHORIZATION_CODE: _by_refresh_token,
}
