"""Master keys: the only keys that live outside the database (spec 07 A1). They wrap data keys and nothing else.

`KeyWrapper` is the whole interface; a key management service would be a second implementation of it.
"""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SETTING = "PATCHBAY_SECRET_KEYS"
KEY_BYTES = 32
NONCE_BYTES = 12
WRAP_VERSION = "pbw1"
KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
MIN_DISTINCT_BYTES = 12  # 32 random bytes have fewer than 12 different ones once in 10**25
HOW_TO_MAKE_ONE = "Make a key with: python -c \"import base64, os; print('k1:' + base64.b64encode(os.urandom(32)).decode())\""


class UnwrapError(Exception):
    """A wrapped data key could not be opened: its master key is not in the ring, or it was changed or moved."""


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys. The context is bound to the result: another context does not open it."""

    @property
    def newest(self) -> str:
        """The ID of the master key that wrap() uses."""
        ...

    def wrap(self, key: bytes, context: Sequence[str]) -> str:
        """The data key, encrypted under the newest master key."""
        ...

    def unwrap(self, wrapped: str, context: Sequence[str]) -> bytes:
        """The data key; raises UnwrapError."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LocalKeyRing:
    """Master keys held in this process, newest first. AES-256-GCM under a random 96-bit nonce."""

    keys: dict[str, bytes] = field(repr=False)

    @property
    def newest(self) -> str:
        return next(iter(self.keys))

    def wrap(self, key: bytes, context: Sequence[str]) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self.keys[self.newest]).encrypt(nonce, key, associated_data(WRAP_VERSION, self.newest, *context))
        return ".".join((WRAP_VERSION, self.newest, encode(nonce), encode(sealed)))

    def unwrap(self, wrapped: str, context: Sequence[str]) -> bytes:
        try:
            version, master_id, nonce, sealed = wrapped.split(".")
            if version != WRAP_VERSION:
                raise UnwrapError(f"A data key has the unknown form {version[:16]!r}.")
            if master_id not in self.keys:
                raise UnwrapError(f"{SETTING} has no key {master_id!r}, which wraps a data key.")
            return AESGCM(self.keys[master_id]).decrypt(decode(nonce), decode(sealed), associated_data(version, master_id, *context))
        except InvalidTag:
            raise UnwrapError(
                f"The key {master_id!r} in {SETTING} is not the one that wrapped a data key, or the data key was changed."
            ) from None
        except ValueError:
            raise UnwrapError("A data key is not readable: its stored form is damaged.") from None


def key_ring() -> LocalKeyRing:
    """The ring of the settings. Raises ImproperlyConfigured, naming the setting and never showing a value."""
    return _parse(str(getattr(settings, SETTING, "") or ""), str(settings.SECRET_KEY))


def check_keys() -> None:
    """Raise ImproperlyConfigured, naming PATCHBAY_SECRET_KEYS, unless it holds usable keys. Run at every start."""
    key_ring()


def associated_data(*parts: str) -> bytes:
    """Parts, each with its length before it: no two different lists give the same bytes."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def encode(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of encode(); raises ValueError for anything else, other spellings of the same bytes included."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(raw) != text:
        raise ValueError("not in canonical base64")
    return raw


@lru_cache(maxsize=4)
def _parse(text: str, secret_key: str) -> LocalKeyRing:
    keys: dict[str, bytes] = {}
    for position, entry in enumerate((part.strip() for part in text.split(",")), start=1):
        if not entry:
            raise _refusal(f"{SETTING} is empty." if not text.strip() else f"{SETTING}: entry {position} is empty.")
        key_id, colon, encoded = entry.partition(":")
        if not colon or not KEY_ID.fullmatch(key_id):
            raise _refusal(f"{SETTING}: entry {position} is not of the form id:base64.")
        if key_id in keys:
            raise _refusal(f"{SETTING}: the ID {key_id!r} stands twice.")
        key = _key_bytes(key_id, encoded)
        _refuse_weak(key_id, key, encoded, secret_key)
        if key in keys.values():
            raise _refusal(f"{SETTING}: the key {key_id!r} repeats another entry's key.")
        keys[key_id] = key
    return LocalKeyRing(keys)


def _key_bytes(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise _refusal(f"{SETTING}: the key {key_id!r} is not base64.") from None
    if len(key) != KEY_BYTES:
        raise _refusal(f"{SETTING}: the key {key_id!r} has {len(key)} bytes; it must have {KEY_BYTES}.")
    return key


def _refuse_weak(key_id: str, key: bytes, encoded: str, secret_key: str) -> None:
    """Examples, patterns, passphrases and whatever is derived from SECRET_KEY: found where a real key cannot be hit by chance."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if len(set(key)) < MIN_DISTINCT_BYTES or len(steps) == 1:
        raise _refusal(f"{SETTING}: the key {key_id!r} is an example or a pattern, not random bytes.")
    if all(0x20 <= byte < 0x7F for byte in key):
        raise _refusal(f"{SETTING}: the key {key_id!r} is readable text, not random bytes. A passphrase is not a key.")
    secret = secret_key.encode()
    if encoded == secret_key or key in (secret, secret[:KEY_BYTES], hashlib.sha256(secret).digest()):
        raise _refusal(f"{SETTING}: the key {key_id!r} is SECRET_KEY or made from it. It must be its own random key.")


def _refusal(reason: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{reason} It takes a list id:base64,id:base64, newest first, {KEY_BYTES} random bytes each. {HOW_TO_MAKE_ONE}"
    )
