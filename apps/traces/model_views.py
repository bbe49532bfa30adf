"""What the pages of models show of their calls: asked for by address, because models lie in a layer below."""

from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.core.htmx import is_fragment_request, redirect, render_fragment, render_page
from apps.external_models.queries import get_model
from apps.traces.model_figures import last_week, trends
from apps.traces.signal_path import programs_of
from apps.traces.signal_path import signal_path as path_of
from apps.traces.views import show_list

MOST_ROWS = 200  # models whose requests may be asked for at once


@require_GET
@require(Permission.READ_OWN_TRACES)
def activity(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """The tab Activity: the model's traces."""
    model = get_model(request.workspace, model_id)
    prefetch_related_objects([model], "connections")  # for the filter bar and for the number on the tab
    url = reverse("model_traces:activity", args=[request.workspace.slug, model.pk])
    return show_list(request, {"list_url": url, "tab": "activity"}, model)


@require_GET
@require(Permission.READ_ALL_TRACES)
def requests(request: WorkspaceRequest) -> HttpResponse:
    """*Requests, 7 days* of the models that a page of the list shows: one answer for all of its rows, put into them out of band."""
    models = [found for text in request.GET.getlist("model")[:MOST_ROWS] if (found := read_id(text))]
    return render_fragment(request, "traces/model_requests.html", {"trends": trends(request.workspace, models)})


@require_GET
@require(Permission.READ_ALL_TRACES)
def signal_path(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """The card of the model page, and the spend of its connections out of band; without htmx a page with the card."""
    model = get_model(request.workspace, model_id)
    path = path_of(request.workspace, model)
    context: dict[str, Any] = {"model": model, "path": path, "figures": last_week(request.workspace, model), "tab": "connections"}
    return render_page(request, "traces/signal_path.html", context, partial="card")


@require_GET
@require(Permission.READ_ALL_TRACES)
def programs(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """The programs that would feel it if the model were deleted, for the list of what depends on it; without htmx its calls."""
    model = get_model(request.workspace, model_id)
    if not is_fragment_request(request):
        return redirect(request, reverse("model_traces:activity", args=[request.workspace.slug, model.pk]))
    return render_fragment(request, "traces/model_programs.html", {"callers": programs_of(request.workspace, model)})


def read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
