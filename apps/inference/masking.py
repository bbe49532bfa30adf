"""What a provider says of an error, before anybody reads it."""

from apps.core.secrets import redact

MAX_ERROR = 1024 * 1024  # bytes of an error's body that are looked at


def without_secrets(body: bytes) -> bytes:
    """An error's body with the secrets that it repeats masked, before its message is cut out of it: half a secret is not recognized."""
    return redact(body[:MAX_ERROR].decode("utf-8", "replace")).encode()
