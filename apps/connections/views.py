"""The Connections tab of a model: add, edit, switch, delete. Testing one needs the pipeline and is in apps/inference."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect as see_other
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.budgets import Budget
from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.catalog.queries import find
from apps.connections import actions
from apps.connections.forms import CredentialsForm
from apps.connections.models import Connection
from apps.connections.role_fields import give_roles
from apps.connections.routing import Routing
from apps.core.access import require
from apps.core.htmx import is_fragment_request, redirect, render_fragment, render_page, toast
from apps.external_models.actions import Author
from apps.external_models.models import ExternalModel
from apps.external_models.queries import get_model

PAGE = "connections/connection_list.html"


def get_connection(model: ExternalModel, connection_id: UUID) -> Connection:
    """Through its model only: foreign and missing are the same 404 (spec 07 D2)."""
    connection = (
        model.connections.select_related("authorization_profile")
        .prefetch_related("secrets", "authorization_profile__secrets")
        .filter(pk=connection_id)
        .first()
    )
    if connection is None:
        raise Http404("No such connection of this model.")
    connection.model = model
    return connection


def list_connections(model: ExternalModel) -> list[Connection]:
    connections = list(
        model.connections.select_related("authorization_profile")
        .prefetch_related("secrets", "authorization_profile__secrets")
        .order_by("created_at", "id")
    )
    for connection in connections:
        connection.model = model
    give_roles(model, connections)
    return connections


@require_GET
@require(Permission.VIEW_MODELS)
def connection_list(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = get_model(request.workspace, model_id)
    connections = list_connections(model)
    has_budgets = any(each.budget for each in connections)
    known = find(model.provider, model.definition.model) if model.definition.model else None
    context = {"model": model, "connections": connections, "has_budgets": has_budgets, "known": known, "tab": "connections"}
    return render_page(request, PAGE, context, partial="table")


def list_url(request: WorkspaceRequest, model: ExternalModel) -> str:
    return reverse("connections:connection_list", args=[request.workspace.slug, model.pk])


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def add_connection(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = get_model(request.workspace, model_id)
    form = CredentialsForm(request.POST or None, model=model, budgets=Permission.MANAGE_WORKSPACE in request.permissions)
    if request.method == "POST" and form.is_valid():
        try:
            connection = actions.add_connection(
                model,
                name=form.cleaned_data["name"],
                secrets=form.secrets,
                parameters=form.parameters,
                by=Author(request.user, actor_of(request)),
                authorization_profile=form.profile,
                routing=form.routing or Routing(),
                budget=form.budget or Budget(),
            )
        except actions.ConnectionNameTaken as error:
            form.add_error("name", str(error))
        except actions.ProfileUnknown as error:
            form.add_error("authorization_profile", str(error))
        except actions.KeyAlreadyUsed as error:
            form.blame_key(str(error))
        else:
            toast(request, f"{connection.name} is added", detail="Test it from its menu to see that it works.")
            return redirect(request, list_url(request, model))
    return show_form(request, "connections/connection_add.html", {"model": model, "form": form})


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def edit_connection(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    """Replace credentials; empty secret fields keep what is stored."""
    model = get_model(request.workspace, model_id)
    connection = get_connection(model, connection_id)
    may_budget = Permission.MANAGE_WORKSPACE in request.permissions
    form = CredentialsForm(request.POST or None, model=model, connection=connection, budgets=may_budget)
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        try:
            saved = actions.replace_credentials(
                connection,
                secrets=form.secrets,
                parameters=form.parameters,
                actor=actor_of(request),
                expected_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
                authorization_profile=form.authorization_profile,
                routing=form.routing,
                budget=form.budget,
            )
        except (actions.ConnectionEditConflict, actions.ProfileUnknown) as error:
            form.add_error(None, str(error))
        except actions.KeyAlreadyUsed as error:
            form.blame_key(str(error))
        else:
            other_profile = saved.authorization_profile_id != connection.authorization_profile_id
            say_saved(request, saved, entered=bool(form.secrets), because="authorization profile" if other_profile else "host")
            return redirect(request, list_url(request, model))
    return show_form(request, "connections/connection_edit.html", {"model": model, "connection": connection, "form": form})


def say_saved(request: WorkspaceRequest, connection: Connection, *, entered: bool, because: str) -> None:
    """A stored key does not follow to another host or profile (spec 07 A8): who changed the host by a parameter has to hear of it."""
    if connection.missing_secrets():
        detail = f"Its key was removed, because the {because} changed. Enter it again."
        toast(request, f"{connection.name} is saved and needs its key again", level="error", detail=detail)
    else:
        toast(request, f"{connection.name} is saved", detail="The next call uses the new credentials." if entered else "")


def show_form(request: WorkspaceRequest, template: str, context: dict[str, object]) -> HttpResponse:
    form = context["form"]
    status = 422 if isinstance(form, CredentialsForm) and form.is_bound and form.errors else 200
    return render_page(request, template, {**context, "tab": "connections"}, partial="dialog", status=status)


@require_POST
@require(Permission.SWITCH_INFERENCING)
def switch_connection(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    model = get_model(request.workspace, model_id)
    connection = get_connection(model, connection_id)
    on = (request.POST.get("on") or request.GET.get("on")) == "1"
    actions.switch_connection(connection, on=on, actor=actor_of(request))
    undo = reverse("connections:switch_connection", args=[request.workspace.slug, model.pk, connection.pk])
    effect = "Calls may go through it again." if on else "No call goes through it from now on."
    toast(request, f"{connection.name} is {'on' if on else 'off'}", undo_url=f"{undo}?on={int(not on)}", detail=effect)
    if not is_fragment_request(request):
        return see_other(list_url(request, model))
    fresh = get_connection(model, connection_id)
    return render_fragment(request, "connections/_connection_row.html", {"model": model, "connection": fresh})


@require_http_methods(["GET", "POST"])
@require(Permission.DELETE_MODELS)
def delete_connection(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    model = get_model(request.workspace, model_id)
    connection = get_connection(model, connection_id)
    if request.method == "POST":
        actions.delete_connection(connection, actor=actor_of(request))
        toast(request, f"{connection.name} was deleted", detail="Its audit events are kept.")
        return redirect(request, list_url(request, model))
    is_last = model.connections.count() == 1
    context = {"model": model, "connection": connection, "is_last": is_last, "tab": "connections"}
    return render_page(request, "connections/connection_delete.html", context, partial="dialog")
