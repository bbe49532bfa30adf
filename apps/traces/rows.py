"""Records as rows, in bulk and without the ORM: its objects would take longer than the calls themselves (spec 08).

Values are written as texts that both databases read: UUIDs as hex digits, times as UTC (the time zone of Django's connections).
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.connections.uses import note_uses
from apps.traces import hours, search_index
from apps.traces.cost import Cost
from apps.traces.models import Trace, TraceBody
from apps.traces.previews import preview_of, preview_of_answer
from apps.traces.record import TraceRecord

TRACE_COLUMNS = (
    *("id", "workspace_id", "started_at", "status", "source_type", "source_id", "source_name", "user_id", "user_name"),
    *("model_id", "model_name", "connection_id", "connection_name", "api", "streamed", "attempts", "response_ms", "first_token_ms"),
    *("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "provider", "provider_model"),
    *("cost", "currency", "price_id", "error_code", "input_preview", "output_preview"),
)
BODY_COLUMNS = ("trace_id", "input", "output", "error", "attempts", "stored_at")

type Row = tuple[str | int | float | None, ...]
type Priced = tuple[TraceRecord, Cost]


class Slice:
    """Rows of some calls with their sums. Made outside of a transaction, which then is all the shorter."""

    def __init__(self, priced: Sequence[Priced]) -> None:
        now = moment(time.time())
        self.traces: list[Row] = []
        self.bodies: list[Row] = []
        self.sums = hours.Cells()
        self.uses: dict[UUID, datetime] = {}  # of connections that answered: the last time
        for entry, cost in priced:
            self.traces.append(trace_row(entry, cost))
            self.bodies.append(body_row(entry, now))
            self.sums.add(entry, cost)
            self.note_use(entry)

    def note_use(self, entry: TraceRecord) -> None:
        if entry.connection_id and entry.attempts and not entry.attempts[-1].error_code:
            at = datetime.fromtimestamp(entry.started_at, UTC)
            self.uses[entry.connection_id] = max(at, self.uses.get(entry.connection_id, at))

    def insert(self) -> None:
        """Inside a transaction."""
        if not self.traces:
            return
        with connection.cursor() as cursor:
            fill(cursor, Trace._meta.db_table, TRACE_COLUMNS, self.traces)
            fill(cursor, TraceBody._meta.db_table, BODY_COLUMNS, self.bodies)
            search_index.add(cursor, [(str(row[0]), f"{row[-2]} {row[-1]}") for row in self.traces if row[-2] or row[-1]])
            self.sums.save(cursor)
        # After the commit: whoever changes a connection waits for no slice.
        transaction.on_commit(partial(note_uses, self.uses), robust=True)


def fill(cursor: CursorWrapper, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.vendor == "postgresql":
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    places = ", ".join(["%s"] * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608 - names of our own columns


def trace_row(entry: TraceRecord, cost: Cost) -> Row:
    return (
        entry.id.hex,
        entry.workspace_id.hex,
        moment(entry.started_at),
        entry.status,
        entry.source_type,
        entry.source_id[:64],
        clean(entry.source_name[:200]),
        entry.user_id.hex if entry.user_id else None,
        clean(entry.user_name[:150]),
        entry.model_id.hex if entry.model_id else None,
        clean(entry.model_name[:200]),  # as the caller wrote it where there is no such model
        entry.connection_id.hex if entry.connection_id else None,
        clean(entry.connection_name[:120]),
        entry.api,
        int(entry.streamed),  # sqlite3 asks adapters for whatever is not just an int
        len(entry.attempts),
        entry.response_ms,
        entry.first_token_ms,
        entry.input_tokens,
        entry.output_tokens,
        entry.cached_tokens,
        entry.cache_write_tokens,
        entry.provider[:16],
        clean(entry.provider_model[:200]),
        str(cost.amount) if cost.amount is not None else None,
        cost.currency,
        cost.price_id,
        entry.error_code[:40],
        preview_of(entry.api, entry.input),
        preview_of_answer(entry.output),
    )


def body_row(entry: TraceRecord, now: str) -> Row:
    error: dict[str, Any] = {}
    if entry.error_code:
        error = {
            "message": clean(entry.error_message),
            "hint": clean(entry.error_hint),
            "stage": entry.error_stage,
            "provider_message": clean(entry.provider_message),
            "provider_status": entry.provider_status,
        }
    attempts = [
        {
            "connection": clean(each.connection_name),
            "ms": each.milliseconds,
            "error_code": each.error_code,
            "status": each.status,
            "began_ms": each.began_ms,
        }
        for each in entry.attempts
    ]
    return entry.id.hex, clean(entry.input), clean(entry.output), as_json(error), as_json(attempts), now


def as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def clean(text: str) -> str:
    """Without the one character that PostgreSQL refuses; lone surrogates never come through the journal."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment(seconds: float) -> str:
    """As Django writes a time: with six decimals, or none where they are zero."""
    whole, fraction = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{fraction:06d}" if fraction else _second(whole)
