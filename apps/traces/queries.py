"""What the pages of traces read. The workspace always comes first; `own` is the person whose calls alone may be seen."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.pagination import Page, paginate
from apps.external_models.models import ExternalModel
from apps.traces.conditions import combine, read_request_id
from apps.traces.figures import Figures, figures, figures_of_traces
from apps.traces.filters import TraceFilters
from apps.traces.models import CapturePolicy, Trace
from apps.traces.newest import newest
from apps.traces.periods import Period
from apps.traces.search import containing

MAX_CHOICES = 400  # connections with their models that the selects list; others are found by *Add filter*
NEWEST_FIRST = ("-started_at", "-id")


def own_only(request: WorkspaceRequest) -> UUID | None:
    """The person whose calls alone may be seen, None for who may see everybody's."""
    return None if Permission.READ_ALL_TRACES in request.permissions else request.user.pk


def page_of_traces(request: HttpRequest, workspace: Workspace, filters: TraceFilters, *, own: UUID | None) -> Page[Trace]:
    """The page that the address asks for, newest first."""
    read = partial(newest, workspace=workspace, filters=filters)
    return paginate(request, in_bar(workspace, filters, own=own), NEWEST_FIRST, read=read)


def list_traces(workspace: Workspace, filters: TraceFilters, *, own: UUID | None) -> QuerySet[Trace]:
    """All of the workspace's traces that match; unordered. For who reads to the end: a page is found quicker by page_of_traces."""
    traces = in_bar(workspace, filters, own=own)
    if filters.q:
        found = read_request_id(filters.q)
        traces = traces.filter(pk=found) if found else containing(traces, filters.q)
    return traces.filter(combine(filters.conditions, match_any=filters.match_any))


def in_bar(workspace: Workspace, filters: TraceFilters, *, own: UUID | None) -> QuerySet[Trace]:
    """Those of the period, the model and the connection."""
    return of_subject(of_period(visible_traces(workspace, own=own), filters.period), filters)


def figures_of(workspace: Workspace, filters: TraceFilters, *, own: UUID | None) -> Figures:
    """For the chosen model, connection and period, whatever else is filtered by."""
    if own is None:
        return figures(workspace, filters.model, filters.connection, filters.period.start, filters.period.end)
    return figures_of_traces(in_bar(workspace, filters, own=own))


def of_subject(traces: QuerySet[Trace], filters: TraceFilters) -> QuerySet[Trace]:
    if filters.model:
        traces = traces.filter(model_id=filters.model)
    return traces.filter(connection_id=filters.connection) if filters.connection else traces


def visible_traces(workspace: Workspace, *, own: UUID | None) -> QuerySet[Trace]:
    traces = Trace.objects.filter(workspace=workspace)
    return traces.filter(user_id=own) if own else traces


def of_period(traces: QuerySet[Trace], period: Period) -> QuerySet[Trace]:
    if period.start:
        traces = traces.filter(started_at__gte=period.start)
    return traces.filter(started_at__lt=period.end) if period.end else traces


def get_trace(workspace: Workspace, trace_id: UUID, *, own: UUID | None) -> Trace:
    """One trace with its body. Foreign, missing and another person's are the same 404 (spec 07 D2)."""
    trace = visible_traces(workspace, own=own).select_related("body").filter(pk=trace_id).first()
    if trace is None:
        raise Http404("No such trace in this workspace.")
    return trace


def texts_kept_until(trace: Trace) -> datetime | None:
    """When the days of a trace's texts were over, by the policy of now; None where that is still to come: it has been changed since."""
    policy = CapturePolicy.objects.filter(pk=trace.workspace_id).first() or CapturePolicy()
    until = trace.started_at + timedelta(days=policy.body_days)
    return until if until < timezone.now() else None


def subjects(workspace: Workspace) -> tuple[dict[UUID, str], dict[UUID, str]]:
    """The names of models and of connections, for the two selects of the filter bar: one query for both."""
    models = ExternalModel.objects.filter(Q(workspace=workspace) | Q(workspace=None, is_visible=True))
    ordered = models.order_by("name_key", "id", "connections__name_key")
    rows = list(ordered.values_list("id", "name", "connections__id", "connections__name", "workspace_id")[:MAX_CHOICES])
    return {row[0]: row[1] for row in rows}, {row[2]: row[3] for row in rows if row[2] and row[4]}


def choices(found: dict[UUID, str], chosen: UUID | None, nothing: str, other: str) -> list[tuple[str, str]]:
    """The options of a select. What is chosen may be gone by now, or beyond those that are listed: then it has no name here."""
    missing = [(str(chosen), other)] if chosen and chosen not in found else []
    return [("", nothing), *((str(key), name) for key, name in found.items()), *missing]
