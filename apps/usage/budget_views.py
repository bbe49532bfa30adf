"""What the pages of API keys and of models show of budgets: asked for by address, because those lie in layers below."""

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.accounts.api_queries import get_key
from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.core.htmx import render_page
from apps.external_models.queries import get_model
from apps.usage.accounts import Account, Kind
from apps.usage.meters import metered


@require_GET
@require(Permission.MANAGE_CREDENTIALS)
def key_budget(request: WorkspaceRequest, app_id: UUID, key_id: str) -> HttpResponse:
    """The card of a key's page; without htmx a page with the card."""
    key = get_key(request.workspace, app_id, key_id)
    account = Account(Kind.KEY, key.pk, request.workspace.pk, key.app.name, key.budget)
    context = {"app": key.app, "key": key, "metered": metered([account])}
    return render_page(request, "usage/key_budget.html", context, partial="card")


@require_GET
@require(Permission.READ_ALL_TRACES)
def model_budgets(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """The card of a model's page: the budgets of its connections; without htmx a page with the card."""
    model = get_model(request.workspace, model_id)
    found = [each for each in model.connections.order_by("created_at", "id") if each.budget]
    accounts = [Account(Kind.CONNECTION, str(each.pk), each.workspace_id, each.name, each.budget) for each in found]
    context = {"model": model, "metered": metered(accounts), "tab": "connections"}
    return render_page(request, "usage/model_budgets.html", context, partial="card")
