"""*Traces and privacy*: what the workspace keeps of its calls, and for how long."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import require
from apps.core.htmx import redirect, render_page, toast
from apps.traces.capture_actions import change_capture_policy
from apps.traces.capture_forms import CaptureForm, stored
from apps.traces.models import CapturePolicy

PAGE = "traces/capture_settings.html"


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_WORKSPACE)
def capture_settings(request: WorkspaceRequest) -> HttpResponse:
    """Show the choice, try it on a text, or change it."""
    if request.method != "POST":
        policy = CapturePolicy.objects.filter(pk=request.workspace.pk).first() or CapturePolicy()
        return render_page(request, PAGE, {"form": CaptureForm(initial=stored(policy))}, partial="form")
    form = CaptureForm(request.POST)
    if not form.is_valid():
        return render_page(request, PAGE, {"form": form}, partial="form", status=422)
    if request.POST.get("action") == "try":
        return render_page(request, PAGE, {"form": form, "tried": form.tried, "asked": True}, partial="form")
    change_capture_policy(request.workspace, choice=form.choice, actor=actor_of(request))
    toast(request, "Saved", detail="Calls that end from now on are kept like this.")
    return redirect(request, reverse("capture:settings", args=[request.workspace.slug]))
