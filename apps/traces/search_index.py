"""The indexes behind search.py, which no model declares. Made by migration 0003.

On SQLite a later migration that alters the table of traces makes it anew and so drops its triggers: it has to call `create` again. A test
finds a trace by a word after all migrations.
"""

import logging
from collections.abc import Sequence

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

log = logging.getLogger(__name__)

# What rows are called in the full-text index: SQLite may renumber a table's own rowids. The index keeps no copy of the text
# (content='') and no places in it (detail=none). Rows come in by `add`: a trigger would make each insert of a trace keep a copy of all
# pages that it touches, 45 us a row.
SQLITE = (
    "CREATE TABLE traces_search_key (number INTEGER PRIMARY KEY, trace char(32) NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE traces_search USING fts5(text, content='', detail=none, columnsize=0)",
    """CREATE TRIGGER traces_search_delete AFTER DELETE ON traces_trace WHEN old.input_preview <> '' OR old.output_preview <> '' BEGIN
        INSERT INTO traces_search (traces_search, rowid, text)
            SELECT 'delete', number, old.input_preview || ' ' || old.output_preview FROM traces_search_key WHERE trace = old.id;
        DELETE FROM traces_search_key WHERE trace = old.id;
    END""",
    # Previews only ever go, with the bodies they were taken of.
    """CREATE TRIGGER traces_search_clear AFTER UPDATE OF input_preview, output_preview ON traces_trace
        WHEN new.input_preview = '' AND new.output_preview = '' BEGIN
        INSERT INTO traces_search (traces_search, rowid, text)
            SELECT 'delete', number, old.input_preview || ' ' || old.output_preview FROM traces_search_key WHERE trace = old.id;
        DELETE FROM traces_search_key WHERE trace = old.id;
    END""",
)
POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """CREATE INDEX trace_search ON traces_trace
        USING gin (UPPER(input_preview::text) gin_trgm_ops, UPPER(output_preview::text) gin_trgm_ops)""",
)


def add(cursor: CursorWrapper, texts: Sequence[tuple[str, str]]) -> None:
    """Traces, by ID, with their previews, in the transaction of their rows. PostgreSQL's index looks after itself."""
    if cursor.db.vendor != "sqlite":
        return
    cursor.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM traces_search_key")
    numbered = list(enumerate(texts, cursor.fetchone()[0]))
    cursor.executemany(
        "INSERT INTO traces_search_key (number, trace) VALUES (%s, %s)", [(number, trace) for number, (trace, _) in numbered]
    )
    cursor.executemany("INSERT INTO traces_search (rowid, text) VALUES (%s, %s)", [(number, text) for number, (_, text) in numbered])


def create(connection: BaseDatabaseWrapper) -> None:
    """A PostgreSQL whose owner may not have pg_trgm works without it: search then reads along the date."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in SQLITE if connection.vendor == "sqlite" else POSTGRESQL:
                cursor.execute(statement)
    except DatabaseError:
        if connection.vendor == "sqlite":
            raise
        log.warning("traces.search_index_missing", exc_info=True)


def drop(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("DROP INDEX IF EXISTS trace_search")
            return
        for trigger in ("delete", "clear"):
            cursor.execute(f"DROP TRIGGER traces_search_{trigger}")
        for table in ("traces_search", "traces_search_key"):
            cursor.execute(f"DROP TABLE {table}")
