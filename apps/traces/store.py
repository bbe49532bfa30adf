"""Keeping traces: `record` when a call ends, `flush` until they are rows."""

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import structlog
from django.conf import settings

from apps.providers.jsonread import storable
from apps.traces import seat
from apps.traces.capture import UNKNOWN, policy_for
from apps.traces.ingest import SLICE, Ingester
from apps.traces.journal import MAX_RECORD, Journal
from apps.traces.record import TraceRecord

log = structlog.get_logger(__name__)

SHORTENED = 100_000  # characters of each text in a record that is too large; all of them together are small enough

_making = threading.Lock()
_encoder = msgspec.msgpack.Encoder()


def record(entry: TraceRecord) -> None:
    """Keep what is known of a call. On return it survives a crash of the process. Makes no query; never raises."""
    try:
        journal().append(encoded(captured(entry)))
    except Exception:
        log.exception("trace.not_recorded", request_id=entry.id.hex)


def captured(entry: TraceRecord) -> TraceRecord:
    """As the workspace wants it kept (spec 06): nothing else may be written anywhere."""
    policy = policy_for(entry.workspace_id)
    if policy is None:
        entry = msgspec.structs.replace(entry, captured_by_default=True)
    return (policy or UNKNOWN).apply(entry)


def encoded(entry: TraceRecord) -> bytes:
    """What the journal takes, and its reader, however large the texts are."""
    try:
        record = _encoder.encode(entry)
    except UnicodeEncodeError:  # lone surrogates
        record = _encoder.encode(with_texts(entry, storable))
    return record if len(record) <= MAX_RECORD else encoded(with_texts(entry, lambda text: text[:SHORTENED]))


def with_texts(entry: TraceRecord, change: Callable[[str], str]) -> TraceRecord:
    texts = {name: value for name in entry.__struct_fields__ if isinstance(value := getattr(entry, name), str)}
    return msgspec.structs.replace(entry, **{name: change(value) for name, value in texts.items()})


@cache
def _journal(directory: str) -> Journal:
    return Journal(Path(directory))


@cache
def _ingester(directory: str) -> Ingester:
    return Ingester(Path(directory))


os.register_at_fork(after_in_child=_journal.cache_clear)  # a child writes to files of its own


def journal() -> Journal:
    """Of this process."""
    with _making:
        return _journal(str(settings.PATCHBAY_JOURNAL_DIR))


def ingester() -> Ingester:
    """Of this process."""
    with _making:
        return _ingester(str(settings.PATCHBAY_JOURNAL_DIR))


def flush() -> int | None:
    """Bring everything that was recorded until now into the database, with the prices of now; how many rows. For tests and commands.

    None where another process is at it: then it is there soon.
    """
    journal().retire()
    holding = seat.take(settings.PATCHBAY_JOURNAL_DIR)
    if holding is None:
        return None
    try:
        ingester().prices.forget()
        return ingester().run()
    finally:
        os.close(holding)


def insert_waiting() -> None:
    """Records that no file takes go straight to the database. Raises DatabaseError; then they wait on."""
    if journal().is_writable:
        return
    records = journal().take_waiting()
    try:
        while records:
            ingester().insert(records[:SLICE])
            del records[:SLICE]
    finally:
        for record in records:
            journal().append(record)
