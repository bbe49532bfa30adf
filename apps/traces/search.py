"""Finding traces by what was asked and answered, quick at a million rows (spec 08).

PostgreSQL has a trigram index over both previews (migration 0003), SQLite a full-text index of their words. Either gives what few calls
contain at once, and takes long to gather what many do; those are met soon enough along the date.
"""

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from apps.accounts.models import Workspace
from apps.traces.models import Trace

LOOK = 500  # rows that are looked at to see how common something is
COMMON = 5  # hits in them
TERM = re.compile(r"[^\W_]+")
SHORTEST = 3  # characters; a trigram
NEWEST = 120


def containing(traces: QuerySet[Trace], words: str) -> QuerySet[Trace]:
    """Those whose beginning of input or output contains each of the words, in any case of letters."""
    for word in words.split():
        traces = traces.filter(Q(input_preview__icontains=word) | Q(output_preview__icontains=word))
    return traces


def is_common(rows: QuerySet[Trace], words: str) -> bool:
    """Whether a page of such rows is near where `rows` begin. Also where there are no more rows than would be looked at."""
    wanted = words.casefold().split()
    texts = [f"{read}\n{written}".casefold() for read, written in rows.values_list("input_preview", "output_preview")[:LOOK]]
    return len(texts) < LOOK or sum(all(word in text for word in wanted) for text in texts) >= COMMON


def newest_by_index(rows: QuerySet[Trace], workspace: Workspace, words: str) -> QuerySet[Trace]:
    """Of `found_by_index` the newest finds, which are enough for most first pages: IDs are in the order of time. None without an index."""
    if not can_be_looked_up(words):
        return rows.none()
    return among(rows, words, *finds(workspace, words, f"ORDER BY +trace DESC LIMIT {NEWEST}"))


def found_by_index(rows: QuerySet[Trace], workspace: Workspace, words: str) -> QuerySet[Trace]:
    """The same rows as `containing`, by the index; along the date where it cannot be asked for such words."""
    return among(rows, words, *finds(workspace, words)) if can_be_looked_up(words) else containing(rows, words)


def can_be_looked_up(words: str) -> bool:
    shortest = 1 if connection.vendor == "sqlite" else SHORTEST
    return any(len(term) >= shortest for term in TERM.findall(words))


def among(rows: QuerySet[Trace], words: str, ids: str, params: Sequence[object]) -> QuerySet[Trace]:
    """SQLite's index knows words, and not how they stand together."""
    rows = containing(rows, words) if connection.vendor == "sqlite" else rows
    return rows.filter(pk__in=RawSQL(ids, params))  # noqa: S611 - one of the texts below


def finds(workspace: Workspace, words: str, order: str = "") -> tuple[str, Sequence[object]]:
    """A query for the IDs, and its parameters."""
    if connection.vendor == "sqlite":
        return f"{FULL_TEXT} {order}", [" AND ".join(f'"{term}"*' for term in TERM.findall(words))]
    wanted = words.split()
    patterns = [f"%{connection.ops.prep_for_like_query(word)}%" for word in wanted for _ in range(2)]
    return TRIGRAMS.format(" AND ".join([CONTAINS] * len(wanted)), order.replace("+trace", "id")), [workspace.pk, *patterns]


FULL_TEXT = "SELECT trace FROM traces_search_key WHERE number IN (SELECT rowid FROM traces_search WHERE traces_search MATCH %s)"
CONTAINS = "(UPPER(input_preview::text) LIKE UPPER(%s) OR UPPER(output_preview::text) LIKE UPPER(%s))"
# OFFSET 0 keeps the planner from walking along the date in it, the array from reading all traces where it expects many finds.
TRIGRAMS = "SELECT UNNEST(ARRAY(SELECT id FROM (SELECT id FROM traces_trace WHERE workspace_id = %s AND {} OFFSET 0) AS found {}))"
