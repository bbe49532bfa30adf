"""How a program says who it is: the form of an API key, the headers it comes in, and what can be wrong with it (spec 07 A11, D4)."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import parse_qsl

from apps.core import redaction

PREFIX = "pb_"
ID_LENGTH = 16  # hex digits
SECRET_BYTES = 32
HINT_LENGTH = 4
# The ID decides nothing but where to look; 43 characters are 256 bits in URL-safe base64.
_KEY = re.compile(r"pb_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_LENGTHS = frozenset(map(len, ("authorization", "x-api-key")))
_NAMES_IN_QUERY = frozenset({"api_key", "api-key", "apikey", "x-api-key", "key", "access_token", "token", "authorization"})


class ApiKeyError(Exception):
    """A call without a key that lets it in. The words are for whoever writes the program; `status` is HTTP's."""

    status = 401
    code = "invalid_api_key"
    retry_after: int | None = None  # seconds
    record: object | None = None  # the ApiKeyRecord of a key that is a real one, for the trace of what it was refused


class NoApiKey(ApiKeyError):
    code = "missing_api_key"

    def __init__(self) -> None:
        super().__init__("Give an API key, as the header “Authorization: Bearer pb_…” or “x-api-key: pb_…”.")


class ConflictingApiKeys(ApiKeyError):
    def __init__(self) -> None:
        super().__init__("The headers hold two different keys. Give one, in Authorization or in x-api-key.")


class KeyInQuery(ApiKeyError):
    status = 400

    def __init__(self) -> None:
        super().__init__("A key does not belong into the address, which is written into logs. Give it as a header, and replace this key.")


class MalformedApiKey(ApiKeyError):
    def __init__(self) -> None:
        super().__init__(
            "This is not an API key of Patchbay. Those begin with pb_ and come as “Authorization: Bearer pb_…” or “x-api-key: pb_…”."
        )


class UnknownApiKey(ApiKeyError):
    """No such key, or not its secret: which of the two is nobody's business."""

    def __init__(self) -> None:
        super().__init__("This API key is not known. Check that it was copied whole.")


class RevokedApiKey(ApiKeyError):
    code = "revoked_api_key"

    def __init__(self) -> None:
        super().__init__("This API key was revoked. Create another one under Settings, API apps.")


class ExpiredApiKey(ApiKeyError):
    code = "expired_api_key"

    def __init__(self) -> None:
        super().__init__("This API key has expired. Create another one under Settings, API apps.")


class KeyWithoutRights(ApiKeyError):
    """A key is never allowed more than the person who made it is now."""

    status = 403
    code = "api_key_without_rights"

    def __init__(self) -> None:
        super().__init__("Whoever made this API key has no rights in its workspace any more. Somebody who has must make another key.")


class MissingScope(ApiKeyError):
    status = 403
    code = "missing_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key may not do this: it needs the scope {scope}, and its maker the right to give it.")
        self.scope = scope


class TooManyFailures(ApiKeyError):
    status = 429
    code = "too_many_failed_keys"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many calls with wrong API keys came from this address. Wait {retry_after} seconds.")
        self.retry_after = retry_after


class KeyText:
    """A new key, to be shown once. No text form of its own, so that no log or page holds it by accident."""

    __slots__ = ("_whole",)

    def __init__(self, key_id: str) -> None:
        self._whole = f"{PREFIX}{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        redaction.register(self._whole)

    def show(self) -> str:
        """The key itself."""
        return self._whole

    @property
    def digest(self) -> str:
        """What is stored of it: the secret's SHA-256 as 64 hex digits."""
        return digest_of(self._whole).hex()

    @property
    def hint(self) -> str:
        return self._whole[-HINT_LENGTH:]

    def __repr__(self) -> str:
        return "KeyText(…)"

    def __str__(self) -> NoReturn:
        raise TypeError("A key has no text form. show() gives it, once.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A key cannot be pickled.")


def key_id_of(text: str) -> str:
    """The ID in a key of the right form. Raises MalformedApiKey."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise MalformedApiKey
    return found[1]


def digest_of(text: str) -> bytes:
    """The SHA-256 of the secret in a key: what comes after the ID."""
    return hashlib.sha256(text[len(PREFIX) + ID_LENGTH + 1 :].encode("utf-8", "surrogatepass")).digest()


def read_credentials(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in a request's headers (ASGI's pairs), None without one. The only place that reads it, whatever the spelling (D4).

    Raises ConflictingApiKeys for two different ones, MalformedApiKey for an Authorization other than Bearer.
    """
    found = b""
    for name, value in headers:
        if len(name) not in _LENGTHS:  # tells most headers apart without a copy in lower case
            continue
        lower = name.lower()
        if lower == b"authorization":
            text = _bearer(value)
        elif lower == b"x-api-key":
            text = value.strip()
        else:
            continue
        if text and found and text != found:
            raise ConflictingApiKeys
        found = text or found
    return found.decode("latin-1") or None


def _bearer(value: bytes) -> bytes:
    scheme, _, text = value.strip().replace(b"\t", b" ").partition(b" ")
    if scheme.lower() not in {b"bearer", b""}:
        raise MalformedApiKey
    return text.strip()


def refuse_key_in_query(query: bytes) -> None:
    """Raises KeyInQuery for a query string that holds a key, or a field in which programs send one (D4)."""
    if not query:
        return
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name.strip().lower() in _NAMES_IN_QUERY or _KEY.search(value) or _KEY.search(name) for name, value in pairs):
        raise KeyInQuery
