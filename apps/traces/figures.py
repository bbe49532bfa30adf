"""Figures over any number of calls (spec 06): totals and percentiles of a period, from the sums; counts by model, connection and source.

A period is cut at hours and days of UTC: whole days and hours come from TraceFigure, what is left at its ends (less than an hour each)
from the traces themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, FloatField, IntegerField, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, Floor, Greatest, Least, Ln
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.traces.latency import LAST, LOG_WIDTH, percentile
from apps.traces.models import NONE, Span, Status, Trace, TraceFigure, TraceHour

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
COUNTED = ("requests", "failed", "cancelled", "input_tokens", "output_tokens", "cached_tokens", "cost", "cost_unknown")
type Row = tuple[Any, ...]  # the bucket, then COUNTED

SPENT = Q(status=Status.SUCCESS) | Q(input_tokens__gt=0) | Q(output_tokens__gt=0)


@dataclass(frozen=True, slots=True)
class Figures:
    """`p50` and so on are milliseconds of the calls that succeeded, 2.5 % off at most; None where none did.

    `cost` is what is known of it, None where nothing is; `cost_unknown` calls come on top of it, at no known price.
    """

    requests: int = 0
    failed: int = 0
    cancelled: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: Decimal | None = None
    cost_unknown: int = 0
    currency: str = "USD"

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def figures(
    workspace: Workspace,
    model: UUID | None = None,
    connection: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Figures:
    """Of the calls from `start` on and before `end`; None is from the beginning, and until now. One query, or two where the period does
    not begin and end with an hour."""
    period = _bounded(start, end)
    if period is None:
        return Figures()
    sums = TraceFigure.objects.filter(workspace=workspace, subject_id=connection or model or NONE)
    traces = Trace.objects.filter(workspace=workspace)
    if connection:
        traces = traces.filter(connection_id=connection)
    if model:
        traces = traces.filter(model_id=model)
    if connection and model:  # a connection's sums are those of its model
        sums = sums.filter(Exists(TraceHour.objects.filter(workspace=workspace, model_id=model, connection_id=connection)))
    rows: list[Row] = []
    whole, ends = Q(), Q()
    for kind, since, until in pieces(*period):
        if kind is None:
            ends |= Q(started_at__gte=since, started_at__lt=until)
        else:
            whole |= Q(span=kind, start__gte=since, start__lt=until)
    if whole:
        rows += by_bucket(sums.filter(whole))
    if ends:
        rows += by_bucket_of_traces(traces.filter(ends))
    return _figures(rows)


def figures_of_traces(traces: QuerySet[Trace]) -> Figures:
    """From the rows themselves, for few of them: the calls of one person, which no sums are kept of."""
    return _figures(by_bucket_of_traces(traces))


def _bounded(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime] | None:
    """The period in UTC. An open end is one at a day's end, which needs no cutting."""
    later = ceiling(timezone.now().astimezone(UTC), DAY) + DAY
    since = start.astimezone(UTC) if start else BEGINNING
    until = end.astimezone(UTC) if end and end < timezone.now() else later
    return (since, until) if since < until else None


def pieces(start: datetime, end: datetime) -> Iterator[tuple[Span | None, datetime, datetime]]:
    """The period from end to end: whole days, whole hours, and None for less than an hour."""
    hours = ceiling(start, HOUR), floored(end, HOUR)
    if hours[0] >= hours[1]:
        yield None, start, end  # within two hours, none of them whole
        return
    days = ceiling(hours[0], DAY), floored(hours[1], DAY)
    yield from _nonempty(None, start, hours[0])
    if days[0] < days[1]:
        yield from _nonempty(Span.HOUR, hours[0], days[0])
        yield Span.DAY, days[0], days[1]
        yield from _nonempty(Span.HOUR, days[1], hours[1])
    else:
        yield Span.HOUR, hours[0], hours[1]
    yield from _nonempty(None, hours[1], end)


def _nonempty(kind: Span | None, start: datetime, end: datetime) -> list[tuple[Span | None, datetime, datetime]]:
    return [(kind, start, end)] if start < end else []


def floored(moment: datetime, step: timedelta) -> datetime:
    """The beginning of its hour or day of UTC."""
    return moment - (moment - BEGINNING) % step


def ceiling(moment: datetime, step: timedelta) -> datetime:
    down = floored(moment, step)
    return down if down == moment else down + step


def by_bucket(sums: QuerySet[TraceFigure]) -> list[Row]:
    # By the names of the columns: two annotations may not be called like a field.
    added = {f"{name}_sum": Sum(name) for name in COUNTED}
    return [tuple(row) for row in sums.values("bucket").annotate(**added).values_list("bucket", *added)]


def by_bucket_of_traces(traces: QuerySet[Trace]) -> list[Row]:
    """The same from the rows themselves."""
    size = Floor(Ln(Greatest(F("response_ms"), Value(1.0), output_field=FloatField())) / Value(LOG_WIDTH), output_field=FloatField())
    bucket = Least(Cast(size, IntegerField()), Value(LAST), output_field=IntegerField())
    added = {
        "requests": Count("id"),
        "failed": Count("id", filter=Q(status=Status.FAILED)),
        "cancelled": Count("id", filter=Q(status=Status.CANCELLED)),
        "input": Coalesce(Sum("input_tokens"), 0),
        "output": Coalesce(Sum("output_tokens"), 0),
        "cached": Coalesce(Sum("cached_tokens"), 0),
        "spent": Sum("cost"),
        "unknown": Count("id", filter=Q(cost=None) & SPENT),
    }
    return [tuple(row) for row in traces.annotate(bucket=bucket).values("bucket").annotate(**added).values_list("bucket", *added)]


def _figures(rows: list[Row]) -> Figures:
    counts: dict[int, int] = {}
    totals: list[Any] = [0, 0, 0, 0, 0, 0, Decimal(0), 0]
    for bucket, *values in rows:
        totals = [total + (value or 0) for total, value in zip(totals, values, strict=True)]
        counts[bucket] = counts.get(bucket, 0) + values[0] - values[1] - values[2]
    requests, failed, cancelled, read, written, cached, cost, unknown = totals
    known = cost if cost or (requests and not unknown) else None
    p50, p90, p99 = (percentile(counts, share) for share in (0.5, 0.9, 0.99))
    return Figures(requests, failed, cancelled, p50, p90, p99, read, written, cached, known, unknown)


def requests_by_model(workspace: Workspace, days: int = 7) -> dict[UUID, int]:
    """How many calls each model has had since so many days ago, to the hour."""
    return {key: count for key, count in _requests_by(workspace, "model_id", days) if key != NONE}


def requests_by_connection(workspace: Workspace, model: UUID, days: int = 7) -> dict[UUID, int]:
    """The same for the connections of a model; NONE for calls that came to none."""
    return dict(_requests_by(workspace, "connection_id", days, model_id=model))


@dataclass(frozen=True, slots=True)
class SourceCount:
    """`name` is the source's newest name."""

    source_type: str
    source_id: str
    name: str
    requests: int


def requests_by_source(workspace: Workspace, model: UUID, days: int = 7) -> list[SourceCount]:
    """Who has called a model, most calls first."""
    rows = _hours(workspace, days).filter(model_id=model).values_list("source_type", "source_id")
    found = rows.annotate(name=Max("source_name"), count=Sum("requests")).order_by("-count", "source_id")
    return [SourceCount(*row) for row in found]


def _requests_by(workspace: Workspace, column: str, days: int, **only: UUID) -> QuerySet[TraceHour, tuple[UUID, int]]:
    return _hours(workspace, days).filter(**only).values_list(column).annotate(count=Sum("requests")).order_by()


def _hours(workspace: Workspace, days: int) -> QuerySet[TraceHour]:
    return TraceHour.objects.filter(workspace=workspace, hour__gte=floored(timezone.now(), HOUR) - days * DAY)
