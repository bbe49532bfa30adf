"""Stored secrets (spec 03 "Secrets", spec 07 A): opaque in Python, sealed in the database, bound to their place.

    seal(Secret("sk-..."), Place(scope=str(workspace.id), table="connections_connection", row=str(pk), field="api_key"))

Reads and writes data keys through the ORM: call it from synchronous code.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, SupportsIndex
from urllib.parse import quote_plus

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.core import redaction
from apps.core.datakeys import PLATFORM, OpenKey, data_keys
from apps.core.keyring import NONCE_BYTES, UnwrapError, associated_data, check_keys, decode, encode
from apps.core.models import DataKey
from apps.core.redaction import call_secrets, redact, redact_answer, redacts_answers

__all__ = [
    "PLATFORM",
    "Place",
    "Secret",
    "SecretUnreadable",
    "call_secrets",
    "check_keys",
    "fingerprint",
    "hint",
    "redact",
    "redact_answer",
    "redacts_answers",
    "register_sealed",
    "revealed_together",
    "seal",
    "unseal",
]

VERSION = "pb1"
SECRETS = "secrets"
FINGERPRINTS = "fingerprints"
HINT_FROM = 16  # characters; a shorter secret would lose too much with its last four
HINT_PREFIX = 5


class Secret:
    """A value that only the outbound HTTP module can read. It has no text form, so that no log, page or file can hold it by accident."""

    __slots__ = ("_core", "_revealed", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._core: tuple[str, ...] = (text,)  # every form that redaction has to know
        self._revealed: redaction.Revealed | None = None  # of these forms, made at the first reveal()

    def reveal(self) -> str:
        """The value, registered for redaction in this call. Called in apps/core/http.py only; a test walks the code."""
        if self._revealed is None:
            self._revealed = redaction.Revealed(self._core)
        redaction.remember(self._revealed)
        return self._text

    def with_prefix(self, prefix: str) -> "Secret":
        """The secret as a header needs it ("Bearer " before the key), still opaque; redaction knows both forms."""
        return self._as(prefix + self._text)

    def as_basic(self, user: str, *, form_encoded: bool = False) -> "Secret":
        """The password as an Authorization header of the Basic scheme, still opaque; redaction knows all forms.

        `form_encoded` writes user and password as OAuth 2.0 wants a client's ID and secret (RFC 6749, 2.3.1).
        """
        known = self
        if form_encoded:
            user, known = quote_plus(user), self._as(quote_plus(self._text, errors="surrogatepass"))
        return known._as("Basic " + base64.b64encode(_bytes(f"{user}:{known._text}")).decode("ascii"))

    def _as(self, text: str) -> "Secret":
        longer = Secret(text)
        longer._core = (*self._core, text)
        return longer

    def stripped(self) -> "Secret":
        """Without blanks around it: what comes along when a key is pasted."""
        return Secret(self._text.strip())

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    __hash__ = None  # type: ignore[assignment]  # a hash would tell equal secrets without constant time

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> NoReturn:
        raise TypeError("A secret has no text form. It can only be given to apps.core.http as a header value.")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("A secret cannot be put into a text. Use with_prefix() for a header such as Bearer.")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A secret cannot be pickled.")

    def __copy__(self) -> "Secret":
        return self  # never a second object to lose track of

    def __deepcopy__(self, memo: object) -> "Secret":
        return self


def revealed_together(secrets: Iterable[Secret], written: Iterable[str] = ()) -> redaction.Revealed:
    """What redaction has to know where these secrets are sent again and again, in one piece. `written`: other forms they are sent in."""
    return redaction.Revealed([*(form for secret in secrets for form in secret._core), *written])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. It opens nowhere else."""

    scope: str  # a workspace's ID, or PLATFORM
    table: str
    row: str
    field: str


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A text column that holds sealed values: what rotate_secrets walks."""

    model: str
    field: str
    place_of: Callable[[Any], Place]
    related: tuple[str, ...]


_sealed_columns: dict[tuple[str, str], SealedColumn] = {}


def register_sealed(model: str, field: str, place_of: Callable[[Any], Place], *, related: tuple[str, ...] = ()) -> None:
    """Name a column that holds sealed values ("app.Model" and field), beside its model. `related` is what `place_of` follows.

    A column that is not registered here stays under its old key for ever.
    """
    _sealed_columns[(model, field)] = SealedColumn(model, field, place_of, related)


def sealed_columns() -> tuple[SealedColumn, ...]:
    """Every registered column."""
    return tuple(_sealed_columns.values())


class SecretUnreadable(Exception):
    """A stored secret does not open: key lost, value changed, or moved to another place. The text never shows the value."""


def seal(secret: Secret, place: Place) -> str:
    """The stored form `pb1.<key id>.<nonce>.<ciphertext>`: AES-256-GCM under the newest data key of the place's scope."""
    key = data_keys().newest(place.scope, SECRETS)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key.key).encrypt(nonce, _bytes(secret._text), _bound_to(place, key.id))
    return ".".join((VERSION, key.id, encode(nonce), encode(sealed)))


def unseal(text: str, place: Place) -> Secret:
    """Open a stored secret. Raises SecretUnreadable, and never gives back the stored text (A4)."""
    try:
        version, key_id, nonce, sealed = text.split(".")
        if version != VERSION:
            raise SecretUnreadable("A stored secret has an unknown form.")
        key = _key_for(key_id, place)
        opened = AESGCM(key.key).decrypt(decode(nonce), decode(sealed), _bound_to(place, key_id))
    except InvalidTag:
        raise SecretUnreadable("A stored secret was changed, or copied from another place.") from None
    except ValueError:
        raise SecretUnreadable("A stored secret is damaged.") from None
    return Secret(opened.decode("utf-8", "surrogatepass"))


def sealed_under(text: str) -> str:
    """The ID of the data key in a stored form, or "" if it is not one."""
    parts = text.split(".")
    return parts[1] if len(parts) == 4 and parts[0] == VERSION else ""


def fingerprint(secret: Secret, scope: str, *, workspace: str = PLATFORM) -> str:
    """HMAC-SHA-256 of the stripped value, for unique constraints and *Whose key is this?*, without opening any secret (A7).

    `scope` is what the value is unique in, for example f"model:{model_id}"; `workspace` whose fingerprint key is used. 64 hex digits.
    """
    key = data_keys().newest(workspace, FINGERPRINTS)
    return hmac.new(key.key, associated_data(scope, secret._text.strip()), hashlib.sha256).hexdigest()


def hint(secret: Secret) -> str:
    """What may be shown of a stored secret, as "sk-…MQAA"; "" below 16 characters (A6)."""
    text = secret._text.strip()
    if len(text) < HINT_FROM:
        return ""
    return f"{text[: text.find('-', 0, HINT_PREFIX) + 1]}…{text[-4:]}"


def _key_for(key_id: str, place: Place) -> OpenKey:
    try:
        key = data_keys().by_id(key_id)
    except DataKey.DoesNotExist:
        raise SecretUnreadable("The data key of a stored secret is missing.") from None
    except UnwrapError as error:
        raise SecretUnreadable(str(error)) from None
    if (key.scope, key.purpose) != (place.scope, SECRETS):
        raise SecretUnreadable("A stored secret belongs to another workspace.")
    return key


def _bound_to(place: Place, key_id: str) -> bytes:
    return associated_data(VERSION, place.scope, place.table, place.row, place.field, key_id)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
