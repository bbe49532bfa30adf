"""Calls out of the process: the only way (spec 07 B).

`check_url` is for forms, `send` makes one call. Both parse strictly and ask the egress rules, `send` also about the resolved addresses.
There are no redirects, no proxy from the environment, no cookies and no way around certificate checks, because httpcore, the layer below
httpx, has none of them. Every call opens its own connection: pooling would have to be by workspace and rule version (B4).
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, quote_plus, urljoin

import httpcore
from django.conf import settings

from apps.core import tls
from apps.core.decoding import BodyReader, too_large
from apps.core.dial import GuardedBackend, Limits, disconnected, not_http
from apps.core.dns import Resolver, system_resolver
from apps.core.egress import EgressRule, check_url
from apps.core.endpoint import Endpoint, parse_url
from apps.core.headers import TOKEN, check_header_name, check_header_value
from apps.core.outbound import Failure, OutboundError
from apps.core.redaction import register
from apps.core.secrets import Secret

__all__ = [
    "EgressRule",
    "Endpoint",
    "Exchange",
    "Failure",
    "Filling",
    "Limits",
    "OutboundError",
    "Signer",
    "check_header_name",
    "check_header_value",
    "check_url",
    "parse_url",
    "send",
]

type HeaderList = Sequence[tuple[str, str | Secret]]

DEFAULT_LIMITS = Limits()
REDIRECTS = frozenset({301, 302, 303, 307, 308})
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# httpcore's debug log holds the headers of answers (spec 07 A10: logs hold neither headers nor bodies).
logging.getLogger("httpcore").setLevel(logging.INFO)


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


@dataclass(frozen=True, slots=True)
class Exchange:
    """A complete answer, whatever its status. Milliseconds count from the start of `send`; `received_bytes` includes the headers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    first_byte_ms: float
    total_ms: float
    received_bytes: int

    def header(self, name: str) -> str:
        """All values of a header, whatever its case, joined by commas; "" where there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


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
    started = time.perf_counter()
    endpoint = check_url(url, rules)
    request = _build_request(method, endpoint, headers, body, fillings, signer)
    backend = GuardedBackend(endpoint, rules, limits, resolver)
    try:
        async with asyncio.timeout(limits.total):
            status, answer_headers, answer_body = await _exchange(request, endpoint, backend)
    except TimeoutError:
        raise _timed_out(limits) from None
    ended = time.perf_counter()
    return Exchange(
        status=status,
        headers=answer_headers,
        body=answer_body,
        first_byte_ms=((backend.meter.first_byte_at or ended) - started) * 1000,
        total_ms=(ended - started) * 1000,
        received_bytes=backend.meter.received,
    )


async def _exchange(
    request: httpcore.Request, endpoint: Endpoint, backend: GuardedBackend
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    context = tls.client_context(settings.PATCHBAY_CA_FILE) if endpoint.scheme == "https" else None
    connection = httpcore.AsyncHTTPConnection(origin=request.url.origin, ssl_context=context, network_backend=backend)
    async with aclosing(connection):
        try:
            response = await connection.handle_async_request(request)
            backend.meter.in_headers = False
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
            _refuse_redirect(response.status, headers, endpoint)
            return response.status, headers, await _read_body(response, headers, backend.limits)
        except (httpcore.ProtocolError, httpcore.NetworkError):
            raise (disconnected if backend.meter.ended else not_http)(backend.meter) from None


def _build_request(
    method: str, endpoint: Endpoint, headers: HeaderList, body: bytes, fillings: Sequence[Filling], signer: Signer | None
) -> httpcore.Request:
    """The request from the parsed parts, so that the wire says what was checked. Raises OutboundError(bad_value)."""
    if not TOKEN.fullmatch(method):
        raise OutboundError(Failure.BAD_VALUE, "The HTTP method is not a word.")
    target = _fill(endpoint.target, [filling for filling in fillings if filling.encoding == "percent"])
    body = _fill(body.decode("latin-1"), [filling for filling in fillings if filling.encoding != "percent"]).encode("latin-1")
    framing: list[tuple[str, str]] = [("Host", endpoint.authority)]
    chosen = [_reveal(name, value) for name, value in headers if name.lower() != "accept-encoding"]
    if not any(name.lower() == "user-agent" for name, _ in chosen):
        chosen.append(("User-Agent", "Patchbay"))
    chosen.append(("Accept-Encoding", "gzip"))  # nothing else can be decoded under the cap
    if body or method in METHODS_WITH_BODY:
        chosen.append(("Content-Length", str(len(body))))
    ready = framing + chosen
    if signer is not None:
        ready = signer.sign(method, f"{endpoint.scheme}://{endpoint.authority}{target}", ready, body)
        for name, value in ready:
            _check(name, value, ours=("host", "content-length"))
    return httpcore.Request(
        method,
        httpcore.URL(scheme=endpoint.scheme, host=endpoint.host, port=endpoint.port, target=target),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in ready],
        content=body,
    )


def _fill(text: str, fillings: Sequence[Filling]) -> str:
    """Put each secret in the place of its marker. What a server repeats of it is masked: both forms are registered for redaction."""
    for filling in fillings:
        if filling.marker in text:
            written = _written(filling.secret.reveal(), filling.encoding)
            register(written)  # a server that quotes the body inside JSON escapes it once more
            text = text.replace(filling.marker, written)
    return text


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


def _refuse_redirect(status: int, headers: tuple[tuple[str, str], ...], endpoint: Endpoint) -> None:
    """Redirects are not followed (B5): the call would go, with its keys, where nobody checked."""
    if status not in REDIRECTS:
        return
    location = next((value for name, value in headers if name.lower() == "location"), "")
    raise OutboundError(
        Failure.REDIRECT,
        f"The server answered {status} and points to {_redirect_host(location, endpoint)}. Redirects are not followed.",
        "Put the final address into the URL.",
    )


def _redirect_host(location: str, endpoint: Endpoint) -> str:
    """Where a Location header leads: the host only, as its path and query may carry what should not be shown."""
    try:
        target = parse_url(urljoin(endpoint.url, location))
    except (OutboundError, ValueError):
        return "another address"
    return "another path on the same host" if target.host == endpoint.host else target.host


async def _read_body(response: httpcore.Response, headers: tuple[tuple[str, str], ...], limits: Limits) -> bytes:
    fields = {name.lower(): value for name, value in headers}
    encodings = ", ".join(value for name, value in headers if name.lower() == "content-encoding")
    reader = BodyReader(encodings, limits.body_bytes)
    if int(fields.get("content-length", "0")) > limits.body_bytes:
        raise too_large(limits.body_bytes)
    async with aclosing(response):
        async for data in response.aiter_stream():
            for _ in reader.feed(data):
                await asyncio.sleep(0)  # other calls get their turn while a large answer is decompressed
    return reader.finish()


def _timed_out(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.TIMEOUT,
        f"The call did not finish within {limits.total:g} seconds.",
        "Raise the connection's time limit, or ask the model for less.",
    )
