"""Key rotation (spec 07 A2): data keys under a new master key, then rows under new data keys, in batches, while the product runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone

from apps.core.datakeys import data_keys
from apps.core.keyring import UnwrapError
from apps.core.models import DataKey
from apps.core.secrets import SECRETS, Place, SealedColumn, SecretUnreadable, seal, sealed_columns, sealed_under, unseal

BATCH = 200


@dataclass(slots=True)
class Rotation:
    """What a rotation has done so far. `unreadable` names rows and data keys that do not open; they are left as they are."""

    rewrapped: int = 0
    reencrypted: int = 0
    overtaken: int = 0
    unreadable: list[str] = field(default_factory=list)
    stopped: bool = False

    def counts(self) -> dict[str, int]:
        """For the audit log."""
        return {"rewrapped": self.rewrapped, "reencrypted": self.reencrypted, "unreadable": len(self.unreadable)}


type Stopping = Callable[[], bool]
type Progress = Callable[[str], None]


def rewrap_data_keys(rotation: Rotation) -> None:
    """Wrap every data key under the newest master key. The data keys, and so all rows and caches, stay as they are."""
    keys = data_keys()
    for row in DataKey.objects.exclude(master_key_id=keys.wrapper.newest).order_by("id"):
        try:
            rotation.rewrapped += keys.rewrap(row)
        except UnwrapError as error:
            rotation.unreadable.append(f"data key {row.pk} of {row.scope}: {error}")


def reencrypt_rows(rotation: Rotation, *, batch_size: int, stopping: Stopping, progress: Progress) -> None:
    """Give each scope a new data key and move its rows under it. Run again after a stop, it goes on with the keys it had made.

    Old data keys are kept: a backup, or a transaction that began before, may still need one.
    """
    scopes = _begin()
    for column in sealed_columns():
        for last in _batches(column, rotation, scopes, batch_size):
            progress(f"{column.model}.{column.field}: {rotation.reencrypted} values under new keys, at row {last}")
            if stopping():
                rotation.stopped = True
                return
    DataKey.objects.filter(pk__in=scopes.values()).update(settled_at=timezone.now())


def _begin() -> dict[str, str]:
    """The data key of each scope that rows are to move under: a new one, or that of a rotation which was stopped."""
    newest: dict[str, DataKey] = {}
    for row in DataKey.objects.filter(purpose=SECRETS).order_by("number"):
        newest[row.scope] = row
    keys = data_keys()
    return {
        scope: row.id if row.settled_at is None else keys.make(scope, SECRETS, number=row.number + 1).id for scope, row in newest.items()
    }


def _batches(column: SealedColumn, rotation: Rotation, scopes: dict[str, str], size: int) -> Iterator[object]:
    """Work through a column by primary key, a transaction per batch; gives the last key of each."""
    rows = _rows(column)
    last: object = None
    while True:
        with transaction.atomic():
            batch = list((rows.filter(pk__gt=last) if last is not None else rows).select_for_update()[:size])
            for row in batch:
                _reencrypt(column, row, rotation, scopes)
        if not batch:
            return
        last = batch[-1].pk
        yield last


def _rows(column: SealedColumn) -> models.QuerySet[Any]:
    rows: models.QuerySet[Any] = apps.get_model(column.model)._base_manager.all()
    return rows.exclude(**{column.field: ""}).prefetch_related(*column.related).order_by("pk")


def _reencrypt(column: SealedColumn, row: models.Model, rotation: Rotation, scopes: dict[str, str]) -> None:
    text: str = getattr(row, column.field)
    place: Place = column.place_of(row)
    if sealed_under(text) == scopes.get(place.scope):
        return
    try:
        sealed = seal(unseal(text, place), place)
    except SecretUnreadable as error:
        rotation.unreadable.append(f"{column.model} {row.pk}, {column.field}: {error}")
        return
    # Compare and set: on SQLite there is no row lock, and a value that somebody has just replaced is never put back.
    unchanged = type(row)._base_manager.filter(**{"pk": row.pk, column.field: text})
    if unchanged.update(**{column.field: sealed}):
        rotation.reencrypted += 1
    else:
        rotation.overtaken += 1
