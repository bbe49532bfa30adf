"""*Export* of the traces that the filter finds: a dialog with the format, and the file itself."""

import math
import time

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import require
from apps.core.htmx import render_page
from apps.core.limits import has_room
from apps.traces.actions import record_export
from apps.traces.export import FORMATS, export
from apps.traces.forms import OF_PAGE, TraceFilterForm, without
from apps.traces.queries import list_traces, own_only

PER_MINUTE = 10  # exports that a person may begin
WINDOW = 60  # seconds


@require_http_methods(["GET", "POST"])
@require(Permission.READ_OWN_TRACES)
def trace_export(request: WorkspaceRequest) -> HttpResponseBase:
    """The address holds the filter. POST, because an export is audited: no link of another page can begin one."""
    kind = FORMATS.get(request.POST.get("format", ""))
    if request.method == "GET" or kind is None:
        return show_dialog(request)
    now = time.time()
    if not has_room(f"export:{request.user.pk}", PER_MINUTE, int(now // WINDOW)):
        return too_many(request, math.ceil(WINDOW - now % WINDOW))
    own, texts = own_only(request), request.POST.get("texts") == "1"
    filters = TraceFilterForm(request.GET, zone=request.user.zone).values()
    query = without(request.GET, OF_PAGE).urlencode()
    record_export(request.workspace, kind=kind.key, query=query, texts=texts, own=own is not None, actor=actor_of(request))
    traces = list_traces(request.workspace, filters, own=own)
    response = StreamingHttpResponse(export(traces, kind, texts=texts), content_type=kind.content_type)
    name = f"traces-{request.workspace.slug}-{timezone.now():%Y%m%d-%H%M%S}.{kind.key}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def show_dialog(request: WorkspaceRequest) -> HttpResponse:
    filters = TraceFilterForm(request.GET, zone=request.user.zone).values()
    context = {
        "filters": filters,
        "query": f"?{without(request.GET, OF_PAGE).urlencode()}",
        "formats": FORMATS.values(),
        "back": reverse("traces:trace_list", args=[request.workspace.slug]),
    }
    return render_page(request, "traces/trace_export.html", context, partial="dialog")


def too_many(request: WorkspaceRequest, seconds: int) -> HttpResponse:
    detail = f"At most {PER_MINUTE} exports within a minute. Wait {seconds} seconds, then export again."
    return HttpResponse(render_to_string("429.html", {"detail": detail}, request), status=429, headers={"Retry-After": str(seconds)})
