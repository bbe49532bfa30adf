"""*Supported models*: what the six providers are known to run, with a way to connect each."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.catalog import queries
from apps.catalog.forms import CatalogFilterForm
from apps.catalog.models import CatalogModel
from apps.core.access import require
from apps.core.htmx import render_page
from apps.core.pagination import paginate
from apps.providers.registry import get_provider


@require_GET
@require(Permission.VIEW_MODELS)
def catalog_list(request: WorkspaceRequest) -> HttpResponse:
    form = CatalogFilterForm(request.GET)
    filters = form.values()
    models = queries.list_catalog(filters.provider, filters.q, filters.modality, retired=bool(filters.retired))
    page = paginate(request, models, queries.ORDERING)
    away = request.get_full_path()  # also of a fragment: a filter replaces the page's address by its own
    for row in page.rows:
        row.has_dialog = get_provider(row.provider).easy is not None  # type: ignore[attr-defined]
        row.connect_url = connect_url(request.workspace.slug, row, away=away)  # type: ignore[attr-defined]
    context = {
        "values": filters,
        "selects": [form[name] for name in ("provider", "modality", "retired")],
        "page": page,
        "total": models.count() if page.has_next or page.has_previous else len(page.rows),
        "has_any": bool(page.rows or filters.any or page.has_previous),
        "add_url": f"{wizard_url('add_model', request.workspace.slug)}?{urlencode({'away': away})}",
        "offered": queries.offered_count(),
    }
    return render_page(request, "catalog/catalog_list.html", context, partial="results")


def connect_url(workspace: str, row: CatalogModel, *, away: str) -> str:
    """Where *Connect* leads: the wizard of the layers above, with this model chosen; `away` is where its *Cancel* leads."""
    if get_provider(row.provider).easy is None:
        return f"{wizard_url('bedrock_new', workspace)}?{urlencode({'model': row.model_id})}"
    return f"{wizard_url('easy_credentials', workspace, row.provider)}?{urlencode({'model': row.model_id, 'away': away})}"


def wizard_url(name: str, *args: str) -> str:
    """A page of onboarding by name, as it lies above this app; the custom integration until that page is there."""
    try:
        return reverse(f"onboarding:{name}", args=args)
    except NoReverseMatch:
        return reverse("onboarding:custom_new", args=args[:1])
