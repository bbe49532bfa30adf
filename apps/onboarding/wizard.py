"""*Add a model*: its first three steps (spec 02). Each has its own address, which carries all that was chosen; nothing is stored yet.

Without scripts a step is a page. With htmx it is a dialog over the page it was opened from, and the address moves along, so that a
refresh or the browser's Back shows the step again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect as see_other
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.catalog.models import CatalogModel
from apps.catalog.queries import ORDERING, find, list_catalog
from apps.core.access import require
from apps.core.htmx import current_path, is_fragment_request, redirect, render_page
from apps.core.pagination import paginate
from apps.external_models.models import ExternalModel, IntegrationType
from apps.onboarding.easy import OWN_PAGES, carried, check_model_id, easy_provider, has_typed, offered, step_url, way_out
from apps.providers.registry import PROVIDERS

KINDS: Final = {"easy": "onboarding:easy_provider", "custom": "onboarding:custom_new"}
MAX_SEARCH = 200  # characters


@dataclass(frozen=True, slots=True)
class Step:
    """One bead of the progress line. `is_done` ones lead back."""

    key: str
    label: str
    is_done: bool
    is_current: bool


STEPS: Final = (("integration", "Integration"), ("provider", "Provider"), ("model", "Model"), ("credentials", "Credentials"))


def steps(current: str) -> list[Step]:
    keys = [key for key, _ in STEPS]
    return [Step(key, label, keys.index(key) < keys.index(current), key == current) for key, label in STEPS]


def show_step(
    request: WorkspaceRequest, template: str, current: str, context: Mapping[str, Any], *, status: int = 200, partial: str = "dialog"
) -> HttpResponse:
    """The step as a page, or for htmx as a dialog, with the address to go with it."""
    away = way_out(request.workspace.slug, request.GET.get("away", ""))
    key = request.resolver_match.kwargs.get("provider") if request.resolver_match else ""
    provider = PROVIDERS.get(key or request.GET.get("provider", ""))
    is_dirty = has_typed(request.GET, provider.easy if provider else None)
    is_next = "/models/new/" in current_path(request) if is_fragment_request(request) else False
    shown = {"steps": steps(current), "away": away, "is_next": is_next, "is_dirty": is_dirty, **context}
    response = render_page(request, template, shown, partial=partial, status=status)
    if is_fragment_request(request) and request.method == "GET":
        response.headers["HX-Push-Url" if partial == "dialog" else "HX-Replace-Url"] = request.get_full_path()
    return response


def earlier(request: WorkspaceRequest, step: str, provider: str, query: Mapping[str, str]) -> HttpResponse | None:
    """The answer to *Back* and to a bead of the progress line; None for any other button."""
    slug = request.workspace.slug
    match step:
        case "integration":
            return see_other(step_url("add_model", slug, kind="easy", provider=provider, **query))
        case "provider":
            return see_other(step_url("easy_provider", slug, provider=provider, **query))
        case "model":
            return see_other(step_url("easy_model", slug, provider, **query))
        case _:
            return None


def chosen(request: WorkspaceRequest) -> tuple[str, dict[str, str]]:
    """The provider that the address names ("" for none that is offered), and what it carries for the later steps."""
    key = request.GET.get("provider", "")
    provider = PROVIDERS.get(key) if key in {each.key for each in offered()} else None
    return (key, carried(request.GET, provider.easy)) if provider else ("", carried(request.GET, None))


# Step 1: which way


@require_GET
@require(Permission.EDIT_MODELS)
def add_model(request: WorkspaceRequest) -> HttpResponse:
    provider, query = chosen(request)
    kind, step = request.GET.get("kind", "easy"), request.GET.get("step", "")
    if step == "next" and kind == "custom":
        return redirect(request, reverse(KINDS[kind], args=[request.workspace.slug]))
    if step == "next" and kind in KINDS:
        return see_other(step_url("easy_provider", request.workspace.slug, provider=provider, **query))
    error = "Choose one of the two." if step == "next" else ""
    hidden = {"provider": provider, **query}
    context = {"kind": kind if kind in KINDS else "easy", "hidden": hidden, "error": error}
    return show_step(request, "onboarding/add_model.html", "integration", context, status=422 if error else 200)


# Step 2: which provider


@require_GET
@require(Permission.EDIT_MODELS)
def choose_provider(request: WorkspaceRequest) -> HttpResponse:
    """`was` is the provider that the carried values belong to: they do not go along to another one."""
    provider, query = chosen(request)
    step, slug = request.GET.get("step", ""), request.workspace.slug
    if step == "integration":
        return see_other(step_url("add_model", slug, kind="easy", provider=provider, **query))
    if step == "next" and provider in OWN_PAGES:
        return redirect(request, reverse(OWN_PAGES[provider], args=[slug]))
    if step == "next" and provider:
        same = request.GET.get("was", provider) == provider
        kept = query if same else {name: query.get(name, "") for name in ("name", "away")}
        return see_other(step_url("easy_model", slug, provider, **kept))
    error = "Choose a provider." if step == "next" else ""
    counts = models_by_provider()
    context = {
        "choices": [(each, counts.get(each.key, 0)) for each in offered()],
        "provider": provider or offered()[0].key,
        "hidden": query | ({"was": provider} if provider else {}),
        "error": error,
    }
    return show_step(request, "onboarding/easy_provider.html", "provider", context, status=422 if error else 200)


def models_by_provider() -> dict[str, int]:
    counted = list_catalog().order_by().values_list("provider").annotate(Count("pk"))
    return dict(counted)


# Step 3: which model


@dataclass(frozen=True, slots=True)
class Option:
    """A model of the catalogue to choose."""

    row: CatalogModel
    is_chosen: bool
    is_added: bool  # the workspace has it: choosing it adds a connection


@require_GET
@require(Permission.EDIT_MODELS)
def choose_model(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """From the catalogue, or typed in where it does not know the model (`typed`, or nothing to choose from)."""
    found, setup = easy_provider(provider)
    query = carried(request.GET, setup)
    step, model_id, error = request.GET.get("step", ""), query.pop("model", ""), ""
    q = query.pop("q", "")[:MAX_SEARCH]
    if back := earlier(request, step, provider, query | {"model": model_id, "q": q}):
        return back
    if step == "next":
        try:
            query_on = query | {"model": check_model_id(model_id), "q": q}
            return see_other(step_url("easy_credentials", request.workspace.slug, provider, **query_on))
        except ValueError as problem:
            error = str(problem)
    total = list_catalog(provider=provider).count()
    row = find(provider, model_id) if model_id else None
    is_typed = not total or (request.GET.get("typed") == "1" if "typed" in request.GET else bool(model_id and row is None))
    page = paginate(request, list_catalog(provider=provider, q=q), ORDERING)
    options = [] if is_typed else options_of(request, provider, page.rows, pinned=None if q or page.has_previous else row, chosen=model_id)
    context = {
        "provider": found,
        "typed": is_typed,
        "total": total,
        "q": q,
        "model": model_id,
        "options": options,
        "page": page,
        "hidden": query,
        "error": error,
        "lede": "Name the model as its provider does." if is_typed else "Prices are per million tokens, from the built-in price list.",
    }
    partial = "options" if request.headers.get("HX-Target") == "model-options" else "dialog"
    return show_step(request, "onboarding/easy_model.html", "model", context, status=422 if error else 200, partial=partial)


def options_of(
    request: WorkspaceRequest, provider: str, rows: Iterable[CatalogModel], *, pinned: CatalogModel | None, chosen: str
) -> list[Option]:
    """The page's rows, with the one that was chosen before (`pinned`) at the top where it is not among them."""
    models = ExternalModel.objects.filter(workspace=request.workspace, integration_type=IntegrationType.EASY, provider=provider)
    here = set(models.values_list("model_id", flat=True))
    listed = list(rows)
    if pinned and pinned.pk not in {row.pk for row in listed}:
        listed.insert(0, pinned)
    return [Option(row, row.model_id == chosen, row.model_id in here) for row in listed]
