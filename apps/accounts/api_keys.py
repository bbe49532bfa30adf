"""Who is calling: an API key looked up, checked and kept in this process (spec 04 "Gateway", spec 07 A11, D4, D10).

    key = await authenticate(read_credentials(scope["headers"]), address=client)
    key.demand(Scope.INFERENCE_INVOKE)

A key that is kept costs microseconds and no query, also while the database is away; what is kept of a workspace is dropped when its
audit chain moves on, so that a revoked key or a maker's new role counts within a second in every process.
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hmac import compare_digest
from threading import Lock
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from apps.accounts.api_credentials import (
    PREFIX,
    ApiKeyError,
    ExpiredApiKey,
    KeyWithoutRights,
    MissingScope,
    NoApiKey,
    RevokedApiKey,
    TooManyFailures,
    UnknownApiKey,
    digest_of,
    key_id_of,
)
from apps.accounts.budgets import Budget
from apps.accounts.models import ApiKey, Membership
from apps.accounts.permissions import ROLE_PERMISSIONS, Role, Scope
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.record import chain_of
from apps.core.database import release_connection
from apps.core.limits import count_one, read_count

MAX_KEPT = 20_000
MAX_REFUSED = 10_000
REFUSED_SECONDS = 5.0
FAILURES_WINDOW = 60  # seconds
FAILURES_PER_ADDRESS = 60  # wrong keys in a window
_NO_DIGEST = bytes(32)  # compared with where there is no key, so that it takes as long


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A key as calls see it. `scopes` are those of its app that its maker's role covers now."""

    id: str
    name: str
    app_id: UUID
    app_name: str
    workspace_id: UUID
    maker_id: UUID | None
    maker_name: str
    scopes: frozenset[Scope]
    expires_at: float | None  # seconds since 1970
    revoked: bool
    digest: bytes = field(repr=False)
    requests_per_minute: int | None  # None: no limit
    tokens_per_minute: int | None
    budget: Budget | None = None

    def demand(self, scope: Scope) -> None:
        """Raises MissingScope unless the key has it."""
        if scope not in self.scopes:
            raise self._refused(MissingScope(scope))

    def check_usable(self) -> None:
        """Raises RevokedApiKey, ExpiredApiKey or KeyWithoutRights."""
        if self.revoked:
            raise self._refused(RevokedApiKey())
        if self.expires_at is not None and self.expires_at <= time.time():
            raise self._refused(ExpiredApiKey())
        if not self.scopes:
            raise self._refused(KeyWithoutRights())

    def _refused(self, error: ApiKeyError) -> ApiKeyError:
        error.record = self
        return error


class KeptKeys:
    """What this process knows of keys. Readers take no lock."""

    def __init__(self, limit: int = MAX_KEPT) -> None:
        self._limit = limit
        self._records: dict[str, ApiKeyRecord] = {}
        self._of_chain: dict[str, set[str]] = {}
        self._changes = 0
        self._changed: dict[str, int] = {}  # by chain: the number of its last change
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key_id: str) -> ApiKeyRecord | None:
        return self._records.get(key_id)

    def moment(self) -> int:
        """To be taken before a key is read from the database, for keep()."""
        return self._changes

    def keep(self, record: ApiKeyRecord, read_at: int) -> None:
        """Unless something has changed since it was read: then nobody knows whether it was read before or after."""
        chain = chain_of(record.workspace_id)
        with self._lock:
            if max(self._changed.get(chain, 0), self._changed.get(PLATFORM, 0)) > read_at:
                return
            while len(self._records) >= self._limit and record.id not in self._records:
                self._drop(next(iter(self._records)))
            self._records[record.id] = record
            self._of_chain.setdefault(chain, set()).add(record.id)

    def forget(self, chain: str) -> None:
        """Drop what is kept of this chain's workspace; of all for the platform's, where people are switched off."""
        with self._lock:
            self._changes += 1
            self._changed[chain] = self._changes
            if chain == PLATFORM:
                self._records.clear()
                self._of_chain.clear()
            for key_id in self._of_chain.pop(chain, ()):
                self._records.pop(key_id, None)

    def _drop(self, key_id: str) -> None:
        chain = chain_of(self._records.pop(key_id).workspace_id)
        of_chain = self._of_chain[chain]
        of_chain.discard(key_id)
        if not of_chain:
            del self._of_chain[chain]


_kept = KeptKeys()
_refused: dict[bytes, float] = {}  # the digest of a wrong key -> until when it is not looked up again
_used: set[str] = set()
watch.on_change(_kept.forget)


async def authenticate(text: str | None, *, address: str = "") -> ApiKeyRecord:
    """The record of a key that may call. `address` is the client's, for counting wrong keys. Raises ApiKeyError."""
    return (known(text) if text else None) or await sync_to_async(_look_up_in_thread)(text, address)


def known(text: str) -> ApiKeyRecord | None:
    """The same without any waiting: None where the database has to be asked. Raises ApiKeyError."""
    record = _kept.get(text[3:19])
    # The secret is what the digest is of; this is all the rest.
    if record is None or not text.startswith(f"{PREFIX}{record.id}_") or not compare_digest(digest_of(text), record.digest):
        return None
    record.check_usable()
    _used.add(record.id)
    return record


def _look_up_in_thread(text: str | None, address: str) -> ApiKeyRecord:
    try:
        if not connection.in_atomic_block:
            watch.start()
        return look_up(text, address)
    finally:
        release_connection()


def look_up(text: str | None, address: str = "") -> ApiKeyRecord:
    """Ask the database. A wrong secret of a kept key comes here as well, so that it takes as long as an ID that does not exist."""
    if not text:
        raise NoApiKey
    key_id = key_id_of(text)
    refuse_after_failures(address)
    whole = hashlib.sha256(text.encode()).digest()
    read_at = _kept.moment()
    record = None if _refused.get(whole, 0.0) > time.monotonic() else read_record(key_id)
    if not compare_digest(digest_of(text), record.digest if record else _NO_DIGEST) or record is None:
        _note_failure(whole, address)
        raise UnknownApiKey
    _kept.keep(record, read_at)
    record.check_usable()
    _used.add(record.id)
    return record


def read_record(key_id: str) -> ApiKeyRecord | None:
    """One query: the key, its app, and what its maker is in the workspace now."""
    role = Membership.objects.filter(workspace=OuterRef("app__workspace"), user=OuterRef("created_by"), user__is_active=True)
    row = (
        ApiKey.objects.filter(pk=key_id)
        .annotate(role=Subquery(role.values("role")[:1]))
        .values(
            *("name", "app_id", "app__name", "app__workspace_id", "app__scopes", "created_by_id", "created_by_name", "role"),
            *("expires_at", "revoked_at", "digest", "requests_per_minute", "tokens_per_minute"),
            *("budget_per_day", "budget_per_month", "budget_only_warns"),
        )
        .first()
    )
    if row is None:
        return None
    return ApiKeyRecord(
        id=key_id,
        name=row["name"],
        app_id=row["app_id"],
        app_name=row["app__name"],
        workspace_id=row["app__workspace_id"],
        maker_id=row["created_by_id"],
        maker_name=row["created_by_name"],
        scopes=covered(row["app__scopes"], row["role"]),
        expires_at=_seconds(row["expires_at"]),
        revoked=row["revoked_at"] is not None,
        digest=bytes.fromhex(row["digest"]),
        requests_per_minute=row["requests_per_minute"],
        tokens_per_minute=row["tokens_per_minute"],
        budget=Budget(row["budget_per_day"], row["budget_per_month"], row["budget_only_warns"]) or None,
    )


def covered(scopes: Sequence[str], role: str | None) -> frozenset[Scope]:
    """Those of an app's scopes that the role has the permission for; none without a role (D4)."""
    return _covered(tuple(scopes), role)


@lru_cache(maxsize=512)  # thousands of keys share a few sets
def _covered(scopes: tuple[str, ...], role: str | None) -> frozenset[Scope]:
    held = ROLE_PERMISSIONS[Role(role)] if role else frozenset()
    return frozenset(scope for scope in Scope if scope.value in scopes and scope.permission in held)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


# Wrong keys


def refuse_after_failures(address: str) -> None:
    """Raises TooManyFailures for an address that many wrong keys came from. Kept keys from there go on."""
    now = time.time()
    if read_count(_failures_key(address, now)) >= FAILURES_PER_ADDRESS:
        raise TooManyFailures(math.ceil(FAILURES_WINDOW - now % FAILURES_WINDOW))


def _note_failure(whole: bytes, address: str) -> None:
    now = time.monotonic()
    if _refused.get(whole, 0.0) <= now:
        _refused.pop(whole, None)
        _refused[whole] = now + REFUSED_SECONDS
    while len(_refused) > MAX_REFUSED:
        _refused.pop(next(iter(_refused)), None)
    count_one(_failures_key(address, time.time()), seconds=2 * FAILURES_WINDOW)


def _failures_key(address: str, now: float) -> str:
    return f"wrong-api-key:{address}:{int(now // FAILURES_WINDOW)}"


# When keys were last used


def write_uses() -> None:
    """Store that keys were used, in one statement. For a worker, about once a minute; an error of the database leaves them for later."""
    used = _used.copy()
    if not used:
        return
    ApiKey.objects.filter(pk__in=used).update(last_used_at=timezone.now())
    _used.difference_update(used)
