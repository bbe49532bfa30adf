"""Traces as CSV or JSON Lines, in pieces: memory stays flat whatever the number of rows, and a reader who goes away ends it."""

import csv
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import Q, QuerySet

from apps.traces.models import Trace, request_id_of

CHUNK = 2000  # rows read at once; with texts fewer, because a text may be long
CHUNK_WITH_TEXTS = 250
COLUMNS = (
    "id",
    "started_at",
    "status",
    "source_type",
    "source_name",
    "user_name",
    "model_name",
    "connection_name",
    "api",
    "streamed",
    "attempts",
    "response_ms",
    "first_token_ms",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cost",
    "currency",
    "error_code",
)
TEXTS = ("body__error", "body__input", "body__output")
NAMES = ("request_id", *COLUMNS[1:])
OF_ERROR = {"error_message": "message", "provider_status": "provider_status", "provider_message": "provider_message"}
TEXT_NAMES = (*OF_ERROR, "input", "output")
# What a spreadsheet takes for the beginning of a formula, also in its full-width form.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

type Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Format:
    key: str
    label: str
    content_type: str
    head: Callable[[tuple[str, ...]], bytes]
    encode: Callable[[tuple[str, ...], list[Values]], bytes]


def neutral(value: object) -> object:
    """A text that a spreadsheet shows and never runs. Numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def csv_bytes(rows: Iterator[Values] | list[Values]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([neutral(value) for value in row] for row in rows)
    return text.getvalue().encode()


def csv_rows(names: tuple[str, ...], rows: list[Values]) -> bytes:
    return csv_bytes(rows)


def json_lines(names: tuple[str, ...], rows: list[Values]) -> bytes:
    return b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows)


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv", "CSV, for spreadsheets", "text/csv; charset=utf-8", lambda names: csv_bytes([names]), csv_rows),
    "jsonl": Format("jsonl", "JSON Lines, for programs", "application/x-ndjson", lambda names: b"", json_lines),
}


async def export(traces: QuerySet[Trace], kind: Format, *, texts: bool) -> AsyncIterator[bytes]:
    """The file piece by piece, newest first; calls that end while it runs are not in it."""
    names = (*NAMES, *TEXT_NAMES) if texts else NAMES
    yield kind.head(names)
    last: tuple[datetime, Any] | None = None
    while True:
        rows = await sync_to_async(read_chunk)(traces, last, texts=texts)
        if not rows:
            return
        last = rows[-1][1], rows[-1][0]
        yield kind.encode(names, [as_written(row) for row in rows])


def read_chunk(traces: QuerySet[Trace], last: tuple[datetime, Any] | None, *, texts: bool) -> list[Values]:
    """The rows after `last`, its date and ID."""
    if last:
        traces = traces.filter(Q(started_at__lt=last[0]) | Q(started_at=last[0], id__lt=last[1]), started_at__lte=last[0])
    columns = (*COLUMNS, *TEXTS) if texts else COLUMNS
    try:
        return list(traces.order_by("-started_at", "-id").values_list(*columns)[: CHUNK_WITH_TEXTS if texts else CHUNK])
    finally:
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: the reader of the file may be slow


def as_written(row: Values) -> Values:
    """The ID as callers know it, the time in UTC, milliseconds to the microsecond, and of the error what was said."""
    known, extra = [round(each, 3) if isinstance(each, float) else each for each in row[2 : len(COLUMNS)]], row[len(COLUMNS) :]
    written = (request_id_of(row[0]), row[1].astimezone(UTC).isoformat(), *known)
    if not extra:
        return written
    error, *texts = extra
    return (*written, *((error or {}).get(name, "") for name in OF_ERROR.values()), *(text or "" for text in texts))
