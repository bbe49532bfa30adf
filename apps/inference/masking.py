"""What a provider says of an error, before anybody reads it."""

from apps.core.http import Exchange
from apps.core.secrets import redact
from apps.providers.types import Response

MAX_ERROR = 1024 * 1024  # bytes of an error's body that are looked at


def response_of(exchange: Exchange) -> Response:
    """The answer as it is read: an error's without the secrets that it repeats."""
    if 200 <= exchange.status <= 299:
        return Response(exchange.status, exchange.headers, exchange.body)
    headers = tuple((name, redact(value)) for name, value in exchange.headers)
    return Response(exchange.status, headers, without_secrets(exchange.body))


def without_secrets(body: bytes) -> bytes:
    """An error's body with the secrets that it repeats masked, before its message is cut out of it: half a secret is not recognized."""
    return redact(body[:MAX_ERROR].decode("utf-8", "replace")).encode()
