"""Whether the sums say the same as the traces (spec 06: to the token)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Coalesce, TruncHour

from apps.traces.figures import HOUR, ceiling
from apps.traces.models import NONE, Span, Status, Trace, TraceFigure, TraceHour

CENTS = 1e-6  # SQLite adds amounts up as floating-point numbers
NAMES = ("requests", "failed", "cancelled", "input_tokens", "output_tokens", "cached_tokens", "cost")


@dataclass(frozen=True, slots=True)
class Disagreement:
    hour: datetime
    table: str
    traces: tuple[float, ...]
    sums: tuple[float, ...]

    def __str__(self) -> str:
        said = [
            f"{name} {one:g} in traces, {other:g} in sums"
            for name, one, other in zip(NAMES, self.traces, self.sums, strict=True)
            if differ(one, other)
        ]
        return f"{self.hour:%Y-%m-%d %H}:00 {self.table}: {'; '.join(said)}"


def differ(one: float, other: float) -> bool:
    return abs(one - other) > CENTS


def disagreements(workspace_id: UUID) -> Iterator[Disagreement]:
    """Hour by hour, from the first whole hour that still has its traces: retention deletes traces, and leaves the sums."""
    first = Trace.objects.filter(workspace=workspace_id).aggregate(first=Min("started_at"))["first"]
    if first is None:
        return
    whole = ceiling(first, HOUR)
    traces = by_hour_of_traces(workspace_id, whole)
    figures = TraceFigure.objects.filter(workspace=workspace_id, subject_id=NONE, span=Span.HOUR, start__gte=whole)
    kinds = {
        "by source": TraceHour.objects.filter(workspace=workspace_id, hour__gte=whole).values_list("hour"),
        "figures": figures.values_list("start"),
    }
    for table, rows in kinds.items():
        added = rows.annotate(**{f"{name}_sum": Sum(name) for name in NAMES}).order_by()
        sums = {row[0]: tuple(map(float, row[1:])) for row in added}
        nothing = (0.0,) * len(NAMES)
        for hour in sorted(traces.keys() | sums.keys()):
            one, other = traces.get(hour, nothing), sums.get(hour, nothing)
            if any(map(differ, one, other)):
                yield Disagreement(hour, table, one, other)


def by_hour_of_traces(workspace_id: UUID, since: datetime) -> dict[datetime, tuple[float, ...]]:
    rows = (
        Trace.objects.filter(workspace=workspace_id, started_at__gte=since)
        .annotate(hour=TruncHour("started_at"))
        .values("hour")
        .annotate(
            count=Count("id"),
            failures=Count("id", filter=Q(status=Status.FAILED)),
            cancels=Count("id", filter=Q(status=Status.CANCELLED)),
            read=Coalesce(Sum("input_tokens"), 0),
            written=Coalesce(Sum("output_tokens"), 0),
            cached=Coalesce(Sum("cached_tokens"), 0),
            spent=Sum("cost"),
        )
        .values_list("hour", "count", "failures", "cancels", "read", "written", "cached", "spent")
        .order_by()
    )
    return {row[0]: tuple(float(value or 0) for value in row[1:]) for row in rows}
