"""What the demo's authorization server remembers: codes and refresh tokens (each good once), access tokens until they expire."""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass

MAX_KEPT = 10_000  # of each kind; the oldest go
CODE_SECONDS = 60.0
# Clients that work, with their secrets. A public client has none: PKCE alone proves it.
CLIENTS = {"harbor-patchbay": "oc-demo-harbor-mutual-7Q2M", "harbor-second": "oc-demo-harbor-mutual-K9XW", "harbor-public": ""}


@dataclass(frozen=True, slots=True)
class Grant:
    """Who was given what, until when (time.monotonic)."""

    client: str
    scope: str
    until: float
    redirect: str = ""
    challenge: str = ""


class Memory:
    """Of one kind of token. Several servers may share it, each in its own thread."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._kept: dict[str, Grant] = {}

    def add(self, grant: Grant) -> str:
        """Remember the grant; gives its token."""
        token = f"{self._prefix}{secrets.token_urlsafe(24)}"
        with self._lock:
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[token] = grant
        return token

    def take(self, token: str) -> Grant | None:
        """The grant, which is gone afterwards."""
        with self._lock:
            return _valid(self._kept.pop(token, None))

    def find(self, token: str) -> Grant | None:
        return _valid(self._kept.get(token))


def _valid(grant: Grant | None) -> Grant | None:
    return grant if grant and time.monotonic() < grant.until else None


codes, access_tokens, refresh_tokens = Memory("code-"), Memory("at-"), Memory("rt-")


def proves(challenge: str, verifier: str) -> bool:
    """PKCE S256 (RFC 7636, 4.6)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return bool(challenge) and hmac.compare_digest(challenge.encode(), digest.encode())
