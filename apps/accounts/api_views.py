"""Settings, API apps and keys: who may call from outside, with what (spec 01; spec 07 A11, D4, D5)."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts import api_actions as actions
from apps.accounts.api_forms import AppForm, KeyForm
from apps.accounts.api_queries import app_rows, get_app, get_key
from apps.accounts.confirmation import confirmed
from apps.accounts.models import ApiApp, ApiKey
from apps.accounts.permissions import Permission, Scope
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import require
from apps.core.htmx import redirect, render_page, toast


@require_GET
@require(Permission.MANAGE_CREDENTIALS)
def app_list(request: WorkspaceRequest) -> HttpResponse:
    return render_page(request, "accounts/api_app_list.html", {"apps": app_rows(request.workspace)})


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
@confirmed
def app_new(request: WorkspaceRequest) -> HttpResponse:
    """An app with its first key. The answer to the POST is the one page that shows the key."""
    data, given = posted(request), request.GET.dict()
    scopes = {"scopes": request.GET.getlist("scopes")} if "scopes" in request.GET else {}
    form = AppForm(data, held=request.permissions, initial=given | scopes)
    key_form = KeyForm(data, zone=request.user.zone, initial=given)
    if data is not None and form.is_valid() & key_form.is_valid():
        try:
            new = actions.create_app_with_key(
                request.workspace,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                scopes=form.scopes_given,
                terms=key_form.terms,
                creation_key=key_form.creation_key_given,
                maker=request.user,
                actor=actor_of(request),
            )
        except actions.KeyMadeAlready as error:
            return show_key(request, error.key)
        except actions.ApiAppNameTaken as error:
            form.add_error("name", str(error))
        except actions.ScopesRefused as error:
            form.add_error("scopes", str(error))
        else:
            return show_key(request, new.key, new.text.show())
    return render_form(request, {"form": form, "key_form": key_form}, bound=data is not None)


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def key_new(request: WorkspaceRequest, app_id: UUID) -> HttpResponse:
    """Another key of the app. A foreign app is missing before anybody is asked for a password."""
    return add_key(request, get_app(request.workspace, app_id))


@confirmed
def add_key(request: WorkspaceRequest, app: ApiApp) -> HttpResponse:
    data = posted(request)
    form = KeyForm(data, zone=request.user.zone, initial=request.GET.dict())
    if data is not None and form.is_valid():
        try:
            new = actions.create_api_key(
                app, terms=form.terms, creation_key=form.creation_key_given, maker=request.user, actor=actor_of(request)
            )
        except actions.KeyMadeAlready as error:
            return show_key(request, error.key)
        return show_key(request, new.key, new.text.show())
    return render_form(request, {"app": app, "key_form": form}, bound=data is not None)


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def app_edit(request: WorkspaceRequest, app_id: UUID) -> HttpResponse:
    app, data = get_app(request.workspace, app_id), posted(request)
    form = AppForm(data, held=request.permissions, app=app)
    if data is not None and form.is_valid():
        version = request.POST.get("version", "")
        try:
            saved = actions.update_api_app(
                app,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                scopes=form.scopes_given,
                expected_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
                by=request.user,
                actor=actor_of(request),
            )
        except actions.ApiAppEditConflict as error:
            form.add_error(None, str(error))
        except actions.ApiAppNameTaken as error:
            form.add_error("name", str(error))
        except actions.ScopesRefused as error:
            form.add_error("scopes", str(error))
        else:
            toast(request, f"{saved.name} is saved", detail="Its keys follow within a second.")
            return redirect(request, list_url(request))
    return render_form(request, {"app": app, "form": form}, bound=data is not None)


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def key_edit(request: WorkspaceRequest, app_id: UUID, key_id: str) -> HttpResponse:
    """Name, end and limits; the key itself stays."""
    key, data = get_key(request.workspace, app_id, key_id), posted(request)
    form = KeyForm(data, zone=request.user.zone, key=key)
    if data is not None and form.is_valid():
        try:
            saved = actions.update_api_key(key, terms=form.terms, actor=actor_of(request))
        except actions.KeyNotUsable as error:
            form.add_error(None, str(error))
        else:
            toast(request, f"{saved.name} is saved", detail="Limits hold within a second.")
            return redirect(request, list_url(request))
    return render_form(request, {"app": key.app, "key": key, "key_form": form}, bound=data is not None)


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def key_revoke(request: WorkspaceRequest, app_id: UUID, key_id: str) -> HttpResponse:
    key = get_key(request.workspace, app_id, key_id)
    if request.method == "POST":
        actions.revoke_api_key(key, actor=actor_of(request))
        toast(request, f"{key.name} is revoked", detail="Calls with it are refused within a second.")
        return redirect(request, list_url(request))
    others = [each for each in key.app.keys.exclude(pk=key.pk) if each.revoked_at is None]
    return render_page(request, "accounts/api_key_revoke.html", {"key": key, "others": others}, partial="dialog")


@require_http_methods(["GET", "POST"])
@require(Permission.MANAGE_CREDENTIALS)
def app_delete(request: WorkspaceRequest, app_id: UUID) -> HttpResponse:
    app = get_app(request.workspace, app_id)
    if request.method == "POST":
        actions.delete_api_app(app, actor=actor_of(request))
        toast(request, f"{app.name} was deleted", detail="Its traces and audit events are kept.")
        return redirect(request, list_url(request))
    keys = app.keys.filter(revoked_at=None)
    return render_page(request, "accounts/api_app_delete.html", {"app": app, "keys": keys}, partial="dialog")


def posted(request: WorkspaceRequest) -> Any:
    return request.POST if request.method == "POST" else None


def list_url(request: WorkspaceRequest) -> str:
    return reverse("api_apps:app_list", args=[request.workspace.slug])


def render_form(request: WorkspaceRequest, context: dict[str, object], *, bound: bool) -> HttpResponse:
    return render_page(request, "accounts/api_app_form.html", context, status=422 if bound else 200)


def show_key(request: WorkspaceRequest, key: ApiKey, text: str = "") -> HttpResponse:
    """The key this once; without `text`, where the same form came a second time, how to go on without it.

    An answer to a POST that browsers must not keep: going back or forward asks for the form again and cannot bring the key back.
    """
    context = {
        "key": key,
        "text": text,
        "base_url": (settings.PUBLIC_URL or request.build_absolute_uri("/")).rstrip("/"),
        "may_invoke": Scope.INFERENCE_INVOKE.value in key.app.scopes,
    }
    response = render_page(request, "accounts/api_key_made.html", context, status=200 if text else 409)
    response.headers["Cache-Control"] = "no-store"
    return response
