"""Names of models and connections as calls had them: a small table beside the traces, so that a filter by name needs no index over them.

A name leads to the IDs that had it and to the days on which they did. So one that never was is known not to be there, and an old name of
a busy model is looked for in its time.
"""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from apps.accounts.models import Workspace
from apps.traces.models import NONE, Kind, TraceName

MOST = 8  # names that are worth looking up one by one
LENGTH = 200  # characters
REMEMBERED = 5_000  # combinations of a model and a connection, by day
DAY = timedelta(days=1)
KEY = ("workspace_id", "kind", "name", "subject_id")
MODEL, CONNECTION = Kind.MODEL.value, Kind.CONNECTION.value

type Named = tuple[str, str, str, str]  # the workspace, the kind, the name, and the ID that had it
type Seen = tuple[str, str, str, str, str, int]  # the workspace, the model's ID and name, the connection's, and the day since 1970

_saved: set[Seen] = set()  # by this process


def save(cursor: CursorWrapper, seen: AbstractSet[Seen]) -> None:
    """In the order of the keys, as sums are. What this process has saved already costs nothing: most calls have the names of others."""
    new = seen - _saved
    if not new:
        return
    days: dict[Named, list[int]] = {}
    for workspace, model, model_name, connection, connection_name, day in new:
        days.setdefault((workspace, MODEL, stored(model_name), model), []).append(day)
        days.setdefault((workspace, CONNECTION, stored(connection_name), connection), []).append(day)
    cursor.executemany(UPSERT, [(*key, beginning(min(found)), beginning(max(found))) for key, found in sorted(days.items())])
    transaction.on_commit(partial(remember, new), robust=True)


def remember(saved: AbstractSet[Seen]) -> None:
    if len(_saved) > REMEMBERED:
        _saved.clear()
    _saved.update(saved)


def stored(name: str) -> str:
    """As in the rows of calls."""
    return name[:LENGTH].replace("\0", "\ufffd")


def beginning(day: int) -> str:
    return datetime.fromtimestamp(day * DAY.total_seconds(), UTC).strftime("%Y-%m-%d %H:%M:%S")


def ways(workspace: Workspace, kind: Kind, operator: str, name: str) -> list[Q] | None:
    """Conditions whose traces are together those with (or without) the name, each quick by its index; None where they are too many."""
    named = TraceName.objects.filter(workspace=workspace, kind=kind)
    found = list((named.exclude(name=name) if operator == "not" else named.filter(name=name))[: MOST + 1])
    return None if len(found) > MOST else [of(each) for each in found]


def of(named: TraceName) -> Q:
    """The calls that had the name."""
    kind = Kind(named.kind).name.lower()
    subject = {f"{kind}_id": named.subject_id} if named.subject_id != NONE else {f"{kind}_id__isnull": True}
    return Q(**{f"{kind}_name": named.name}, **subject, started_at__gte=named.first_day, started_at__lt=named.last_day + DAY)


TABLE = TraceName._meta.db_table
UPSERT = f"""INSERT INTO {TABLE} ({", ".join(KEY)}, first_day, last_day) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET
        first_day = CASE WHEN excluded.first_day < {TABLE}.first_day THEN excluded.first_day ELSE {TABLE}.first_day END,
        last_day = CASE WHEN excluded.last_day > {TABLE}.last_day THEN excluded.last_day ELSE {TABLE}.last_day END
    WHERE excluded.first_day < {TABLE}.first_day OR excluded.last_day > {TABLE}.last_day"""  # noqa: S608 - names of our own
