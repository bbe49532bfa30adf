"""Quicker ways into *Custom API integration* (spec 02): paste a cURL command, import an OpenAPI document. Both fill the page in."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.core.htmx import render_page
from apps.onboarding.builder import Builder
from apps.onboarding.forms import Mode
from apps.onboarding.import_forms import CurlForm, DocumentForm
from apps.onboarding.import_kept import kept_of
from apps.onboarding.import_page import data_of_import
from apps.onboarding.reading import read_builder, rebuilt
from apps.onboarding.showing import show
from apps.providers.imported import ImportedRequest
from apps.providers.jsonread import storable


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def paste_curl(request: WorkspaceRequest) -> HttpResponse:
    """The command, then its placeholders on the same form, then the page filled in."""
    form = CurlForm(None if is_opening(request) else request.POST)
    if form.is_bound and form.is_valid() and form.imported:
        return show_filled(request, form.imported, source="Taken over from the cURL command")
    return show_form(request, "onboarding/import_curl.html", form)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def import_openapi(request: WorkspaceRequest) -> HttpResponse:
    """The document, then the choice of an operation, then what is open in it, then the page filled in."""
    form = DocumentForm() if is_opening(request) else DocumentForm(request.POST, request.FILES or None)
    if form.is_bound and form.is_valid() and form.imported and form.parsed:
        title = f" of {form.parsed.title}" if form.parsed.title else ""
        return show_filled(request, form.imported, source=f"Taken over from {form.chosen}{title}")
    return show_form(request, "onboarding/import_openapi.html", form)


def is_opening(request: WorkspaceRequest) -> bool:
    """Whether the dialog is only opened: by its address, or by its button on the page, which posts what was typed there."""
    return not (request.POST or request.FILES) or "open" in request.POST


def show_form(request: WorkspaceRequest, template: str, form: CurlForm | DocumentForm) -> HttpResponse:
    """The dialog. An error is 422; a form that only asks for more is not one."""
    context = {"form": form, "kept": kept_of(request.POST.dict())}
    return render_page(request, template, context, partial="dialog", status=422 if form.errors else 200)


def show_filled(request: WorkspaceRequest, imported: ImportedRequest, *, source: str) -> HttpResponse:
    """The page as if somebody had typed it; secrets are sealed at once, as typed ones are."""
    data: dict[str, Any] = {name: storable(value) for name, value in data_of_import(imported, source=source).items()}
    data |= {name: storable(str(value).strip()) for name, value in request.POST.items() if name.startswith("p-") and name in data}
    data |= kept_of(request.POST.dict()).fields
    address = reverse("onboarding:custom_new", args=[request.workspace.slug])
    return show(request, Builder(data, Mode.KEEP, request.workspace, request.user), address=address)


@require_POST
@require(Permission.EDIT_MODELS)
def undo_import(request: WorkspaceRequest) -> HttpResponse:
    """Put the texts back into the body that were replaced by placeholders; everything else stays."""
    builder = read_builder(request, Mode.KEEP, Builder)
    literal = str(builder.data.get("import-literal") or "")
    data = {name: value for name, value in builder.data.items() if not name.startswith("import-")}
    if literal:
        data |= {"body": literal, "use_system_prompt": ""}
    return show(request, replace(rebuilt(builder, data)), regions=("imported", "mapping", "status"), focus_body=True)
