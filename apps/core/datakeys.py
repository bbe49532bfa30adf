"""Data keys: made on first use, stored wrapped, unwrapped once per process (spec 07 A2)."""

import os
from dataclasses import dataclass, field
from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from apps.core.keyring import KEY_BYTES, SETTING, KeyWrapper, LocalKeyRing, UnwrapError, encode, key_ring
from apps.core.models import DataKey

PLATFORM = "platform"
MAX_CACHED = 20_000  # about 5 MB; beyond it the cache starts anew


@dataclass(frozen=True, slots=True)
class OpenKey:
    """An unwrapped data key."""

    id: str
    scope: str
    purpose: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DataKeys:
    """Data keys as one key wrapper opens them.

    Which key is a scope's newest is read each time and never cached: a key made in a transaction that is rolled back must not
    seal anything afterwards, and a rotation in another process must be noticed. Only unwrapping, which is by ID, is cached.
    """

    wrapper: KeyWrapper
    opened: dict[str, OpenKey] = field(default_factory=dict, repr=False)

    def newest(self, scope: str, purpose: str) -> OpenKey:
        """The key that encrypts for this scope and purpose, made if there is none. Raises UnwrapError."""
        row = _newest_row(scope, purpose) or self.make(scope, purpose, number=1)
        return self._open(row)

    def by_id(self, key_id: str) -> OpenKey:
        """Any key by ID, from the database when this process has not seen it. Raises DataKey.DoesNotExist, UnwrapError."""
        return self.opened.get(key_id) or self._open(DataKey.objects.get(pk=key_id))

    def make(self, scope: str, purpose: str, *, number: int) -> DataKey:
        """Insert the key with this number, or take the one that another process inserted first."""
        key_id = "d" + encode(os.urandom(9))
        wrapped = self.wrapper.wrap(os.urandom(KEY_BYTES), (scope, purpose, key_id))
        settled = timezone.now() if number == 1 else None
        row = DataKey(
            id=key_id, scope=scope, purpose=purpose, number=number, wrapped=wrapped, master_key_id=self.wrapper.newest, settled_at=settled
        )
        # ON CONFLICT DO NOTHING waits for a rival's commit and, unlike an IntegrityError, leaves the caller's transaction usable.
        DataKey.objects.bulk_create([row], ignore_conflicts=True)
        return DataKey.objects.get(scope=scope, purpose=purpose, number=number)

    def unreadable(self) -> list[str]:
        """What this wrapper cannot open, one sentence each: for start-up and the readiness check. Tries one data key per master key."""
        problems = []
        for master_id in DataKey.objects.order_by().values_list("master_key_id", flat=True).distinct():
            row = DataKey.objects.filter(master_key_id=master_id).order_by("id").first()
            try:
                if row is not None:
                    self.wrapper.unwrap(row.wrapped, (row.scope, row.purpose, row.id))
            except UnwrapError as error:
                problems.append(str(error))
        return problems

    def rewrap(self, row: DataKey) -> bool:
        """Wrap the same data key under the newest master key; False if another process was first. Raises UnwrapError."""
        context = (row.scope, row.purpose, row.id)
        wrapped = self.wrapper.wrap(self.wrapper.unwrap(row.wrapped, context), context)
        unchanged = DataKey.objects.filter(pk=row.pk, wrapped=row.wrapped)
        return bool(unchanged.update(wrapped=wrapped, master_key_id=self.wrapper.newest))

    def _open(self, row: DataKey) -> OpenKey:
        if row.id not in self.opened:
            if len(self.opened) >= MAX_CACHED:
                self.opened.clear()
            key = self.wrapper.unwrap(row.wrapped, (row.scope, row.purpose, row.id))
            self.opened[row.id] = OpenKey(row.id, row.scope, row.purpose, key)
        return self.opened[row.id]


def data_keys() -> DataKeys:
    """The data keys under the master keys of the settings."""
    return _opened_by(key_ring())


def check_stored_keys() -> None:
    """Raise ImproperlyConfigured, naming PATCHBAY_SECRET_KEYS, when stored data keys do not open with it. For start-up (spec 03)."""
    if problems := data_keys().unreadable():
        raise ImproperlyConfigured(f"{' '.join(problems)} Put the missing key back into {SETTING}; older keys stand after the newest.")


@lru_cache(maxsize=4)
def _opened_by(ring: LocalKeyRing) -> DataKeys:
    return DataKeys(ring)


def _newest_row(scope: str, purpose: str) -> DataKey | None:
    return DataKey.objects.filter(scope=scope, purpose=purpose).order_by("-number").first()
