"""Adding calls to the sums that figures are read from, in the transaction of their rows."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from apps.traces import names
from apps.traces.cost import Cost
from apps.traces.latency import bucket_of
from apps.traces.models import NONE, Span, Status, TraceFigure, TraceHour
from apps.traces.record import TraceRecord

HOUR_KEY = ("workspace_id", "hour", "model_id", "connection_id", "source_type", "source_id")
FIGURE_KEY = ("workspace_id", "subject_id", "span", "start", "bucket")
ADDED = (
    *("requests", "failed", "cancelled", "input_tokens", "output_tokens", "cached_tokens"),
    *("cost", "cost_unknown", "response_ms"),
)

HOUR, DAY, NOTHING = Span.HOUR.value, Span.DAY.value, NONE.hex

type Key = tuple[str | int, ...]
type Sums = list[int | float | Decimal]


class Cells:
    """The sums of some calls, to be added to those that are stored. A call is added to one cell; those are brought together at the end."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, str, str, str, str, int, int], Sums] = {}
        self.names: dict[Key, str] = {}  # of sources
        self.called: set[names.Seen] = set()

    def add(self, entry: TraceRecord, cost: Cost) -> None:
        model, connection = entry.model_id.hex if entry.model_id else NOTHING, entry.connection_id.hex if entry.connection_id else NOTHING
        source = (entry.workspace_id.hex, entry.source_type, entry.source_id[:64])
        hour = int(entry.started_at // 3600)
        key = subject_of_key(entry.key_id).hex
        _add(self.cells, (*source, model, connection, key, hour, bucket_of(entry.response_ms)), amounts(entry, cost))
        self.names[source] = entry.source_name[:200].replace("\0", "\ufffd")
        self.called.add((source[0], model, entry.model_name, connection, entry.connection_name, hour // 24))

    def save(self, cursor: CursorWrapper) -> None:
        """In the order of the keys, so that two processes never wait for each other's rows."""
        by_hour: dict[Key, Sums] = {}
        figures: dict[Key, Sums] = {}
        for (workspace, *source, model, connection, api_key, number, bucket), sums in self.cells.items():
            hour, day = beginning(number * 3600, 3600), beginning(number * 3600, 86_400)
            _add(by_hour, (workspace, hour, model, connection, *source), sums)
            for subject in {NOTHING, model, connection, api_key}:
                _add(figures, (workspace, subject, HOUR, hour, bucket), sums)
                _add(figures, (workspace, subject, DAY, day, bucket), sums)
        hours = [(*key, *texts(sums), self.names[key[0], *key[4:]]) for key, sums in sorted(by_hour.items())]
        cursor.executemany(upsert(TraceHour._meta.db_table, HOUR_KEY, replaced="source_name"), hours)
        cursor.executemany(upsert(TraceFigure._meta.db_table, FIGURE_KEY), [(*key, *texts(sums)) for key, sums in sorted(figures.items())])
        names.save(cursor, self.called)


@lru_cache(maxsize=1024)
def subject_of_key(key_id: str) -> UUID:
    """What the figures of an API key's calls go by where their source is not the key; NONE for ""."""
    return UUID(key_id.zfill(32))


def amounts(entry: TraceRecord, cost: Cost) -> Sums:
    """In the order of ADDED."""
    spent = entry.status == Status.SUCCESS or bool(entry.input_tokens or entry.output_tokens)
    return [
        1,
        int(entry.status == Status.FAILED),
        int(entry.status == Status.CANCELLED),
        entry.input_tokens or 0,
        entry.output_tokens or 0,
        entry.cached_tokens or 0,
        cost.amount or Decimal(0),
        int(spent and cost.amount is None),
        entry.response_ms,
    ]


def _add[K](cells: dict[K, Sums], key: K, added: Sums) -> None:
    sums = cells.get(key)
    cells[key] = added if sums is None else [one + other for one, other in zip(sums, added, strict=True)]  # type: ignore[operator]


def texts(sums: Sums) -> list[int | float | str]:
    return [str(each) if isinstance(each, Decimal) else each for each in sums]


def upsert(table: str, key: tuple[str, ...], replaced: str = "") -> str:
    columns = (*key, *ADDED, replaced) if replaced else (*key, *ADDED)
    sets = [f"{name} = {table}.{name} + excluded.{name}" for name in ADDED]
    sets += [f"{replaced} = excluded.{replaced}"] if replaced else []
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608 - names of our own columns
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(sets)}"
    )


def beginning(seconds: float, length: int) -> str:
    """Of the hour or day of UTC, as the databases read it."""
    return _text(int(seconds // length) * length)


@lru_cache(maxsize=1024)
def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
