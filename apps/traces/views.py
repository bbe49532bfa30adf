"""The list of traces, one trace, and the choice of columns."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect as see_other
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.core.htmx import current_path, is_fragment_request, render_page
from apps.external_models.models import ExternalModel
from apps.traces import queries
from apps.traces.columns import EXTRAS, chosen_columns, remember_columns
from apps.traces.conditions import FIELDS, OPERATORS, ConditionInvalid
from apps.traces.cost import receipt_of
from apps.traces.detail import Detail
from apps.traces.filters import TraceFilters
from apps.traces.forms import BUILDER, OF_PAGE, TraceFilterForm, with_condition, without, without_condition
from apps.traces.periods import CUSTOM, PERIODS

PAGE = "traces/trace_list.html"


@require_GET
@require(Permission.READ_OWN_TRACES)
def trace_list(request: WorkspaceRequest) -> HttpResponse:
    return show_list(request, {"list_url": reverse("traces:trace_list", args=[request.workspace.slug])})


def show_list(request: WorkspaceRequest, context: dict[str, Any], model: ExternalModel | None = None) -> HttpResponse:
    """The table below whatever head the page has; `model` is the one that the page is about."""
    problem = ""
    if any(request.GET.get(name) for name in ("field", "value")):
        try:
            return see_other(context["list_url"] + with_condition(request.GET))
        except ConditionInvalid as error:
            problem = str(error)
    form = TraceFilterForm(request.GET, zone=request.user.zone, model=model.pk if model else None)
    filters = form.values()
    own = queries.own_only(request)
    page = queries.page_of_traces(request, request.workspace, filters, own=own)
    context |= {
        "page": page,
        "filters": filters,
        "figures": queries.figures_of(request.workspace, filters, own=own),
        "columns": chosen_columns(request),
        "own": own,
        "model": model,
        "problem": problem,
        "asked": {name: request.GET.get(name, "") for name in BUILDER if problem},
        "misread": form.misread(),
        "fragment": is_fragment_request(request),
        **bar(request, form, filters, model),
    }
    return render_page(request, PAGE, context, partial="results", status=422 if problem or form.is_wrong_way else 200)


def bar(request: WorkspaceRequest, form: TraceFilterForm, filters: TraceFilters, model: ExternalModel | None) -> dict[str, Any]:
    """What the filter bar, the chips and the builder show."""
    kept = without(request.GET, (*BUILDER, *OF_PAGE))
    models, connections = queries.subjects(request.workspace) if model is None else ({}, connections_of(model))
    return {
        "models": None if model else queries.choices(models, filters.model, "Any model", "One model"),
        "connections": queries.choices(connections, filters.connection, "Any connection", "One connection"),
        "chosen_model": str(filters.model or ""),
        "chosen_connection": str(filters.connection or ""),
        "periods": PERIODS.items(),
        "custom": CUSTOM,
        "dates": form.dates(),
        "extras": EXTRAS,
        "fields": FIELDS.values(),
        "operators": OPERATORS.items(),
        "chips": [(condition, without_condition(request.GET, condition)) for condition in filters.conditions],
        "kept": [(name, value) for name, values in kept.lists() for value in values],
        "export_query": export_query(kept, model),
        "clear_query": f"?{without(kept, ('q', 'model', 'connection', 'where', 'match')).urlencode()}",
    }


def connections_of(model: ExternalModel) -> dict[UUID, str]:
    return {connection.pk: connection.name for connection in model.connections.all()}


def export_query(kept: QueryDict, model: ExternalModel | None) -> str:
    params = kept.copy()
    if model:
        params["model"] = str(model.pk)
    return f"?{params.urlencode()}" if params else ""


@require_POST
@require(Permission.READ_OWN_TRACES)
def choose_columns(request: WorkspaceRequest) -> HttpResponse:
    """Remember the hidden columns that are asked for, and show the page that they were asked for on."""
    there = current_path(request) if is_fragment_request(request) else request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(there, allowed_hosts=None):
        there = reverse("traces:trace_list", args=[request.workspace.slug])
    response = see_other(there)
    remember_columns(request, response, request.POST.getlist("column"))
    return response


@require_GET
@require(Permission.READ_OWN_TRACES)
def trace_detail(request: WorkspaceRequest, trace_id: UUID) -> HttpResponse:
    trace = queries.get_trace(request.workspace, trace_id, own=queries.own_only(request))
    has_model = trace.model_id and ExternalModel.objects.filter(workspace=request.workspace, pk=trace.model_id).exists()
    detail = Detail(trace, request.GET.dict())
    context = {"trace": trace, "detail": detail, "has_model": has_model, "receipt": receipt_of(trace)}
    if detail.is_over:
        context["until"] = queries.texts_kept_until(trace)
    return render_page(request, "traces/trace_detail.html", context)
