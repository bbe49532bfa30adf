"""Calls out of the process: the only way (spec 07 B).

`check_url` is for forms, `send` makes one call. Both parse strictly and ask the egress rules, calls also about the resolved addresses.
Whoever reads an answer as it comes, or makes the same call again and again, has it prepared once:

    prepared = prepare("POST", url, headers, rules=rules, pool=str(workspace.id))
    async with await open_prepared(prepared, body, limits=limits) as incoming:
        async for data in incoming.chunks(): ...

There are no redirects, no proxy from the environment, no cookies and no way around certificate checks: nothing here knows any of them.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol
from urllib.parse import quote, quote_plus, urljoin

from django.conf import settings

from apps.core import tls
from apps.core.answer_failures import timed_out
from apps.core.dial import dial
from apps.core.dns import Resolver, system_resolver
from apps.core.egress import EgressRule, check_addresses, check_url, good_until
from apps.core.endpoint import Endpoint, parse_url
from apps.core.headers import TOKEN, check_header_name, check_header_value
from apps.core.incoming import Exchange, Incoming
from apps.core.outbound import Failure, Limits, OutboundError
from apps.core.pool import Origin, Pool, current_pool, origin_of
from apps.core.redaction import Revealed, remember
from apps.core.secrets import Secret, revealed_together
from apps.core.wire import Wire

__all__ = [
    "EgressRule",
    "Endpoint",
    "Exchange",
    "Failure",
    "Filling",
    "Incoming",
    "Limits",
    "OutboundError",
    "Prepared",
    "Signer",
    "check_header_name",
    "check_header_value",
    "check_url",
    "open_prepared",
    "parse_url",
    "prepare",
    "send",
]

type HeaderList = Sequence[tuple[str, str | Secret]]

DEFAULT_LIMITS = Limits()
REDIRECTS = frozenset({301, 302, 303, 307, 308})
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# A server that closes an idle connection while our request is on its way lets us know within a round trip.
STALE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Filling:
    """A secret for a place in the URL or the body: where its marker stands, written as that place needs it.

    `encoding` is "percent" (in a URL), "json" (inside a JSON string) or "form" (in a form body). A marker is a random word of letters
    and digits, so that the URL is checked as it will be sent.
    """

    marker: str
    secret: Secret = field(repr=False)
    encoding: str


class Signer(Protocol):
    """Signs a request over the exact bytes that are sent. The only code besides this module that opens secrets."""

    def sign(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
        """The headers to send instead; `headers` has Host already."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A call that can be made any number of times, at any time: all of it is checked, only the body is missing. Made by `prepare`.

    It holds the secrets of its headers as they are sent, so keep it where secrets may be kept and drop it when they change. It has no text
    form with them, and each call registers them for redaction anew.
    """

    method: str
    endpoint: Endpoint
    rules: tuple[EgressRule, ...]
    resolver: Resolver
    signer: Signer | None
    pooled: bool
    origin: Origin = field(repr=False)
    good_until: float  # time.time() when the first rule expires: from then on the URL is checked again at each call
    fields: tuple[tuple[str, str | Secret], ...] = field(repr=False)
    target: str = field(repr=False)
    body_fillings: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    revealed: Revealed = field(repr=False)
    head: bytes = field(repr=False)  # up to the length; where there is a signer, it makes another for each body

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A prepared call cannot be pickled: it holds secrets.")

    def request(self, body: bytes) -> tuple[bytes, bytes]:
        """Head and body to send, whose secrets are known to redaction from here on."""
        remember(self.revealed)
        for marker, written in self.body_fillings:
            body = body.replace(marker, written)
        if self.signer is not None:
            return _signed_head(self, self.signer, body), body
        if body or self.method in METHODS_WITH_BODY:
            return b"%bContent-Length: %d\r\n\r\n" % (self.head, len(body)), body
        return self.head + b"\r\n", b""


def prepare(
    method: str,
    url: str,
    headers: HeaderList,
    *,
    rules: Sequence[EgressRule],
    resolver: Resolver = system_resolver,
    fillings: Sequence[Filling] = (),
    signer: Signer | None = None,
    pool: str = "",
) -> Prepared:
    """Check and write down everything of a call but its body. Opens nothing; raises OutboundError url_invalid, url_not_allowed, bad_value.

    `pool` names whose connections may be used again for it, a workspace's ID; "" opens one of its own for each call (spec 07 B4).
    A call made of it later asks `rules` as they are given here, and again when one of them expires: with new rules, prepare anew.
    """
    endpoint = check_url(url, rules)
    if not TOKEN.fullmatch(method):
        raise OutboundError(Failure.BAD_VALUE, "The HTTP method is not a word.")
    written = [(filling, _written(filling.secret.reveal(), filling.encoding)) for filling in fillings]
    target = endpoint.target
    for filling, text in written:
        if filling.encoding == "percent":
            target = target.replace(filling.marker, text)
    fields = _fields(headers)
    secrets = [value for _, value in fields if isinstance(value, Secret)] + [filling.secret for filling, _ in written]
    return Prepared(
        method=method,
        endpoint=endpoint,
        rules=tuple(rules),
        resolver=resolver,
        signer=signer,
        pooled=bool(pool),
        origin=origin_of(pool, endpoint.scheme, endpoint.host, endpoint.port, tuple(rules), settings.PATCHBAY_CA_FILE),
        good_until=good_until(rules),
        fields=fields,
        target=target,
        body_fillings=tuple((filling.marker.encode(), text.encode()) for filling, text in written if filling.encoding != "percent"),
        # What a server repeats of a filling is masked in both forms; one that quotes the body inside JSON escapes it once more.
        revealed=revealed_together(secrets, [text for _, text in written]),
        head=_head(method, target, [("Host", endpoint.authority), *(_reveal(name, value) for name, value in fields)]),
    )


async def open_prepared(prepared: Prepared, body: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Incoming:
    """Make a prepared call as far as the head of its answer. Close what comes back whatever happens: `async with`.

    An HTTP error status is an answer like any other; everything short of an answer raises OutboundError. Cancelling closes the connection
    at once.
    """
    started = time.perf_counter()
    if time.time() >= prepared.good_until:
        check_url(prepared.endpoint.url, prepared.rules)
    pool = current_pool() if prepared.pooled else None
    loop = asyncio.get_running_loop()
    total_by = loop.time() + limits.total
    head, body = prepared.request(body)
    wire = _idle_wire(prepared, pool) if pool is not None else None
    if wire is None:
        wire = await _connect(prepared, limits, total_by)
    try:
        head_only = prepared.method == "HEAD"
        try:
            await wire.call(head, body, limits, total_by, head_only=head_only)
        except OutboundError as error:
            # Only where a server can hardly have acted on it (RFC 9110, 9.2.2, and spec 07 F1): it closed a connection that had been
            # idle, without a byte and at once. That is our own race with it, not a failure of the provider's. A fresh connection has no
            # such race, so it is tried once.
            if not (error.retryable and wire.calls > 1 and time.perf_counter() - started < STALE_SECONDS):
                raise
            wire = await _connect(prepared, limits, total_by)
            await wire.call(head, body, limits, total_by, head_only=head_only)
        incoming = Incoming(wire, pool, prepared.origin, limits, started)
        if incoming.status in REDIRECTS:
            raise _redirected(incoming, prepared.endpoint)
    except BaseException:
        wire.abort()
        raise
    return incoming


async def send(
    method: str,
    url: str,
    headers: HeaderList,
    body: bytes,
    *,
    rules: Sequence[EgressRule],
    limits: Limits = DEFAULT_LIMITS,
    resolver: Resolver = system_resolver,
    fillings: Sequence[Filling] = (),
    signer: Signer | None = None,
) -> Exchange:
    """Make one call. Secrets among the header values are revealed here and nowhere else (spec 07 A5).

    An HTTP error status is an answer like any other; everything short of a complete answer raises OutboundError. Cancelling closes the
    connection at once. `resolver` is the seam for tests: host in, addresses out.
    """
    prepared = prepare(method, url, headers, rules=rules, resolver=resolver, fillings=fillings, signer=signer)
    async with await open_prepared(prepared, body, limits=limits) as incoming:
        return await incoming.exchange()


def _idle_wire(prepared: Prepared, pool: Pool) -> Wire | None:
    """A connection that waits for this, and whose address the rules still allow: one of them may have expired since it was opened."""
    wire = pool.take(prepared.origin)
    if wire is None or wire.address is None or time.time() < wire.checked_until:
        return wire
    try:
        check_addresses(prepared.endpoint, [wire.address], prepared.rules)
    except OutboundError:
        wire.abort()
        return None  # a fresh one goes where its name leads now, or says why not
    return wire


async def _connect(prepared: Prepared, limits: Limits, total_by: float) -> Wire:
    endpoint = prepared.endpoint
    wire = Wire(endpoint.host, limits, head_only=prepared.method == "HEAD")
    try:
        async with asyncio.timeout_at(total_by):
            wire.address = await dial(
                endpoint, wire, rules=prepared.rules, limits=limits, resolver=prepared.resolver, context=_tls_context(endpoint)
            )
    except BaseException as error:
        wire.abort()
        if isinstance(error, TimeoutError):
            raise timed_out(limits) from None
        raise
    wire.checked_until = good_until(prepared.rules)
    return wire


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    return tls.client_context(settings.PATCHBAY_CA_FILE) if endpoint.scheme == "https" else None


def _fields(headers: HeaderList) -> tuple[tuple[str, str | Secret], ...]:
    """All headers between Host and the length, in their order."""
    chosen = [(name, value) for name, value in headers if name.lower() != "accept-encoding"]
    if not any(name.lower() == "user-agent" for name, _ in chosen):
        chosen.append(("User-Agent", "Patchbay"))
    # Nothing but gzip can be decoded under the cap.
    return (*chosen, ("Accept-Encoding", "gzip"))


def _head(method: str, target: str, fields: Sequence[tuple[str, str]]) -> bytes:
    """The request line and header lines, from the parsed parts, so that the wire says what was checked."""
    return "".join([f"{method} {target} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields)]).encode("ascii")


def _signed_head(prepared: Prepared, signer: Signer, body: bytes) -> bytes:
    endpoint = prepared.endpoint
    fields = [("Host", endpoint.authority), *(_reveal(name, value) for name, value in prepared.fields)]
    if body or prepared.method in METHODS_WITH_BODY:
        fields.append(("Content-Length", str(len(body))))
    url = f"{endpoint.scheme}://{endpoint.authority}{prepared.target}"
    ready = signer.sign(prepared.method, url, fields, body)
    for name, value in ready:
        _check(name, value, ours=("host", "content-length"))
    return _head(prepared.method, prepared.target, ready) + b"\r\n"


def _written(value: str, encoding: str) -> str:
    if encoding == "percent":
        return quote(value, safe="")
    return quote_plus(value) if encoding == "form" else json.dumps(value)[1:-1]


def _reveal(name: str, value: str | Secret) -> tuple[str, str]:
    """A header ready to send, checked once more: what was stored may be older than the rules (spec 07 B4, B9)."""
    text = value.reveal() if isinstance(value, Secret) else value
    _check(name, text)
    return name, text


def _check(name: str, value: str, *, ours: Sequence[str] = ()) -> None:
    """Raises OutboundError(bad_value) for what cannot be a header. `ours`: reserved names that were set here."""
    try:
        if name.lower() not in ours:
            check_header_name(name)
        check_header_value(value)
    except ValueError as error:
        raise OutboundError(Failure.BAD_VALUE, f"The header {name[:64]!r} cannot be sent. {error}") from None


def _redirected(incoming: Incoming, endpoint: Endpoint) -> OutboundError:
    """Redirects are not followed (B5): the call would go, with its keys, where nobody checked."""
    location = next((value for name, value in incoming.headers if name.lower() == "location"), "")
    return OutboundError(
        Failure.REDIRECT,
        f"The server answered {incoming.status} and points to {_redirect_host(location, endpoint)}. Redirects are not followed.",
        "Put the final address into the URL.",
    )


def _redirect_host(location: str, endpoint: Endpoint) -> str:
    """Where a Location header leads: the host only, as its path and query may carry what should not be shown."""
    try:
        target = parse_url(urljoin(endpoint.url, location))
    except (OutboundError, ValueError):
        return "another address"
    return "another path on the same host" if target.host == endpoint.host else target.host
