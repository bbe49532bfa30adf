"""The newest traces that match, quick at a million rows (spec 08): which way leads to few of them is found out before it is gone.

Databases choose by what is usual in a column. SQLite knows no more than averages, and both expect what is searched for to be spread evenly
over time. So the ways are given: a rare thing comes from its own index as a set of IDs, a common one is met soon along the date, and each
of several alternatives goes its own way as far as the page is long.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import chain, product
from operator import and_

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from apps.accounts.models import Workspace
from apps.traces import names
from apps.traces.conditions import Condition, combine, read_request_id
from apps.traces.filters import TraceFilters
from apps.traces.models import Kind, Trace
from apps.traces.search import containing, found_by_index, is_common, newest_by_index

FEW = 1000  # calls that are worth looking up one by one
MANY = 24  # parts that are worth going one by one
NAMED = {"model": Kind.MODEL, "connection": Kind.CONNECTION}
CHOSEN = ("status", "source_type")  # of few values, one of which nearly all calls have


def newest(rows: QuerySet[Trace], count: int, workspace: Workspace, filters: TraceFilters) -> list[Trace]:
    """`count` of `rows`, which are the workspace's, in order of date, and begin where the page does.

    At most two queries more for the words, and one for each response time and each name.
    """
    parts = ways(workspace, filters)
    if not parts:
        return []
    if len(parts) == 1:
        rows = rows.filter(parts[0])
    if found := read_request_id(filters.q):
        rows = rows.filter(pk=found)
    elif filters.q and is_common(rows, filters.q):
        rows = containing(rows, filters.q)
    elif filters.q:
        if not filters.conditions and is_newest_first(rows):
            near = list(newest_by_index(rows, workspace, filters.q)[:count])
            if len(near) == count:
                return near
        rows = found_by_index(rows, workspace, filters.q)
    if len(parts) > 1:
        rows = rows.filter(pk__in=any_of([rows.filter(each)[:count] for each in parts]))
    return list(rows[:count])


def ways(workspace: Workspace, filters: TraceFilters) -> list[Q]:
    """Conditions whose traces are together those that are asked for. None of them where there can be no such trace."""
    each = [ways_of(workspace, condition) for condition in filters.conditions]
    together = zip(chain.from_iterable(each)) if filters.match_any and each else product(*each)
    parts = [reduce(and_, parts, Q()) for parts in together]
    return parts if len(parts) <= MANY else [combine(filters.conditions, match_any=filters.match_any)]


def is_newest_first(rows: QuerySet[Trace]) -> bool:
    return str(rows.query.order_by[0]).startswith("-")


def ways_of(workspace: Workspace, condition: Condition) -> list[Q]:
    """The condition in as many parts as have indexes of their own; for response times of few calls, the set of these."""
    field, operator, value = condition.field, condition.operator, condition.value
    if field.key in NAMED:
        found = names.ways(workspace, NAMED[field.key], operator, value)
        return [condition.q] if found is None else found
    if field.key in CHOSEN and operator == "not":
        return [field.to_q("is", other) for other in field.choices if other != value]
    if field.key == "response_time":
        hits = Trace.objects.filter(condition.q, workspace=workspace).order_by("response_ms").values("pk")
        return [condition.q if hits[FEW : FEW + 1].exists() else Q(pk__in=hits[:FEW])]
    return [condition.q]


def any_of(parts: Sequence[QuerySet[Trace]]) -> RawSQL:
    """The IDs of all of them, in SQL that both databases take: SQLite wants no LIMIT beside a UNION."""
    texts, params = zip(*(part.values("pk").query.sql_with_params() for part in parts), strict=True)
    union = " UNION ALL ".join(f"SELECT * FROM ({text}) AS part" for text in texts)  # noqa: S608 - what Django made itself
    return RawSQL(union, [param for each in params for param in each])  # noqa: S611 - the same
