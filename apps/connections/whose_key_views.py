"""*Whose key is this?*: an admin pastes a key that turned up somewhere, and learns which connection to rotate."""

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.actions import record_key_lookup
from apps.connections.whose_key import WhoseKeyForm, connections_with_key
from apps.core.access import require
from apps.core.htmx import render_page


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
@sensitive_post_parameters("key")
def whose_key(request: WorkspaceRequest) -> HttpResponse:
    form = WhoseKeyForm(request.POST or None)
    context: dict[str, object] = {"form": form, "asked": False}
    if request.method == "POST" and form.is_valid():
        found = connections_with_key(request.workspace, form.secret)
        record_key_lookup(request.workspace, found=found, actor=actor_of(request))
        context |= {"asked": True, "found": found, "form": WhoseKeyForm()}
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "connections/whose_key.html", context, partial="answer", status=status)
