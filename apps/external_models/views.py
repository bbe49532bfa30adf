"""The list of external models, and what a row's menu does. The connections of a model are a page of the layer above."""

from dataclasses import asdict, dataclass
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect as see_other
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.audit.queries import events_for_target
from apps.catalog.queries import offered_count
from apps.core.access import require
from apps.core.htmx import is_fragment_request, redirect, render_fragment, render_page, toast
from apps.core.pagination import paginate
from apps.external_models import actions, queries
from apps.external_models.forms import ModelFilterForm
from apps.external_models.models import ExternalModel
from apps.external_models.queries import SORTS
from apps.external_models.time_limits import TimeLimits, TimeLimitsForm

LABEL = "external_models.externalmodel"


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    css: str = ""
    sort: str = ""
    aria_sort: str = ""


def columns(current: str, *, calls: bool) -> list[Column]:
    """The table's heads; a sortable one links to its order, the current one to the opposite. `calls`: may be seen."""
    return [
        sortable("Model name", "name", current),
        Column("Type", "p2"),
        sortable("Source", "source", current),
        Column("Connections"),
        *([Column("Requests, 7 days", "num")] if calls else []),
        Column("Status"),
        sortable("Added on", "added", current, "p2"),
        Column("Inferencing"),
    ]


def sortable(label: str, key: str, current: str, css: str = "") -> Column:
    if current.lstrip("-") != key:
        return Column(label, css, f"-{key}" if key == "added" else key)
    descending = current.startswith("-")
    return Column(label, css, key if descending else f"-{key}", "descending" if descending else "ascending")


@require_GET
@require(Permission.VIEW_MODELS)
def example(request: WorkspaceRequest) -> HttpResponse:
    """The name of a model for the snippets of a page in a layer below, put into them out of band; nothing where there is none.

    Without scripts a page that says it.
    """
    return render_page(request, "external_models/example.html", {"model": queries.find_example(request.workspace)}, partial="names")


@require_GET
@require(Permission.VIEW_MODELS)
def model_list(request: WorkspaceRequest) -> HttpResponse:
    form = ModelFilterForm(request.GET)
    filters, sort = form.values(), SORTS[form.sort_key]
    models = queries.list_models(request.workspace, filters)
    page = paginate(request, queries.with_connections(models), sort.fields, descending=sort.descending)
    # Counted only where one page does not say it: a search looks at every model of the workspace, and would do so twice.
    total = models.count() if page.has_next or page.has_previous else len(page.rows)
    system_models = [] if page.has_previous else list(queries.list_system_models(filters))
    context = {
        "values": filters,
        "selects": [form[name] for name in ("type", "source", "status", "inferencing")],
        "sort": sort.key,
        "columns": columns(sort.key, calls=Permission.READ_ALL_TRACES in request.permissions),
        "page": page,
        "total": total,
        "models_total": None if filters.any else total,  # for the tab; what a filter finds is not it
        "offered": offered_count(),
        "system_models": system_models,
        "has_any": bool(total or filters.any or system_models),
    }
    return render_page(request, "external_models/model_list.html", context, partial="results")


@require_POST
@require(Permission.SWITCH_INFERENCING)
def switch_inferencing(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = queries.get_model(request.workspace, model_id)
    on = (request.POST.get("on") or request.GET.get("on")) == "1"  # in the query when the toast's Undo posts
    try:
        actions.switch_inferencing(model, on=on, actor=actor_of(request))
    except actions.ModelIsDraft as error:
        toast(request, f"{model.name} stays off", level="error", detail=str(error))
    else:
        effect = "It can be called from now on." if on else "Calls are refused from now on. Nothing is deleted."
        undo = f"{reverse('external_models:switch_inferencing', args=[request.workspace.slug, model.pk])}?on={int(not on)}"
        toast(request, f"{model.name} is {'on' if on else 'off'}", undo_url=undo, detail=effect)
    return after_switch(request, model)


def after_switch(request: WorkspaceRequest, model: ExternalModel) -> HttpResponse:
    """The row (or the head of the model page) with the new state; without htmx, the page the switch was on."""
    if not is_fragment_request(request):
        return see_other(safe_next(request) or reverse("external_models:model_list", args=[request.workspace.slug]))
    fresh = queries.get_model(request.workspace, model.pk)
    prefetch_related_objects([fresh], *queries.summarized_connections())
    template = "external_models/_model_head.html" if request.headers.get("HX-Target") == "model-head" else "external_models/_row.html"
    return render_fragment(request, template, {"model": fresh})


def safe_next(request: HttpRequest) -> str:
    """The page of ours on which the form was: what it says, else where the browser came from."""
    if (target := request.POST.get("next", "")) and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    referer = request.headers.get("Referer", "")
    return referer if url_has_allowed_host_and_scheme(referer, {request.get_host()}) else ""


@require_GET
@require(Permission.VIEW_MODELS)
def definition(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = queries.get_model(request.workspace, model_id)
    return render_page(request, "external_models/definition.html", {"model": model, "definition": model.definition, "tab": "definition"})


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def time_limits(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = queries.get_model(request.workspace, model_id)
    form = TimeLimitsForm(request.POST or None, initial=asdict(TimeLimits.of(model)))
    version = request.POST.get("version", str(model.version))
    if request.method == "POST" and form.is_valid():
        expected = int(version) if version.isdecimal() and len(version) < 9 else 0
        by = actions.Author(request.user, actor_of(request))
        try:
            actions.set_time_limits(model, limits=form.limits, by=by, expected_version=expected)
        except actions.EditConflict as error:
            form.add_error(None, f"{error} Close this and open it again to see what is set now.")
        else:
            toast(request, "Time limits and retries are saved", detail="The next call goes by them.")
            return redirect(request, reverse("external_models:definition", args=[request.workspace.slug, model.pk]))
    context = {"model": model, "form": form, "version": version}
    return render_page(request, "external_models/time_limits.html", context, partial="dialog", status=422 if form.errors else 200)


@require_GET
@require(Permission.READ_AUDIT)
def model_audit(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = queries.get_model(request.workspace, model_id)
    events = events_for_target(request.workspace.id, LABEL, str(model.pk))
    page = paginate(request, events, ("sequence",), descending=True)
    return render_page(request, "external_models/model_audit.html", {"model": model, "page": page, "tab": "audit"}, partial="events")


@require_POST
@require(Permission.EDIT_MODELS)
def copy_model(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = queries.get_model(request.workspace, model_id)
    try:
        copy = actions.copy_model(model, by=actions.Author(request.user, actor_of(request)), workspace=request.workspace)
    except (actions.NameTaken, actions.CannotCopy) as error:
        toast(request, f"{model.name} was not copied", level="error", detail=str(error))
        return redirect(request, reverse("external_models:model_list", args=[request.workspace.slug]))
    toast(request, f"Copied to “{copy.name}”", detail="Everything but the secrets: enter them here, then test and confirm.")
    return redirect(request, reverse("onboarding:edit", args=[request.workspace.slug, copy.pk]))


@require_http_methods(["GET", "POST"])
@require(Permission.DELETE_MODELS)
def delete_model(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """First what depends on the model; with any of it, its name must be typed."""
    model = queries.get_model(request.workspace, model_id)
    connections = list(model.connections.values_list("name", flat=True))
    prompts = queries.prompts_of(model)
    typed = request.POST.get("confirm", "")
    if request.method == "POST" and (not (connections or prompts) or typed.strip() == model.name):
        actions.delete_model(model, actor=actor_of(request))
        toast(request, f"{model.name} was deleted", detail="Its audit events are kept.")
        return redirect(request, reverse("external_models:model_list", args=[request.workspace.slug]))
    error = f"Type the name exactly as it is: {model.name}" if request.method == "POST" else ""
    context = {"model": model, "connections": connections, "prompts": prompts, "typed": typed, "error": error}
    return render_page(request, "external_models/model_delete.html", context, partial="dialog", status=422 if error else 200)
