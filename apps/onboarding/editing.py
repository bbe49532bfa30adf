"""Editing a model: which page does it, and the small one of easy models."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import require
from apps.core.egress import check_url
from apps.core.htmx import redirect, render_page, toast
from apps.core.outbound import Failure, OutboundError
from apps.egress import rules
from apps.external_models.actions import Author, EditConflict, NameTaken
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel, IntegrationType
from apps.external_models.queries import get_model
from apps.inference.actions import record_refusal
from apps.onboarding.actions import AlreadyHere, Saved, update_easy_model
from apps.onboarding.bedrock_views import edit_bedrock
from apps.onboarding.easy import easy_provider
from apps.onboarding.easy_forms import EasyEditForm
from apps.providers.address import fill_url, url_parameters
from apps.providers.errors import ProviderError

# By how a model was added, unless its provider's models have a page of their own.
EDIT_PAGES: Final = {IntegrationType.API: "onboarding:custom_edit", IntegrationType.EASY: "onboarding:easy_edit"}
OWN_PAGES: Final[dict[str, Callable[[WorkspaceRequest, ExternalModel], HttpResponse]]] = {"bedrock": edit_bedrock}


@require_GET
@require(Permission.EDIT_MODELS)
def edit(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """The page on which this model is edited, or the way to it."""
    model = get_model(request.workspace, model_id)
    if show := OWN_PAGES.get(model.provider):
        return show(request, model)
    page = EDIT_PAGES[IntegrationType(model.integration_type)]
    return redirect(request, reverse(page, args=[request.workspace.slug, model_id]))


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
def easy_edit(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    """Name, base URL and features of an easy model."""
    model = get_model(request.workspace, model_id)
    if not model.easy_key:
        raise Http404("This model is edited on another page.")
    provider, setup = easy_provider(model.provider)
    before = model.definition
    initial = {"name": model.name, "base_url": setup.base_of(before.url, before.model), "features": list(before.features)}
    data = request.POST if request.method == "POST" else None
    form = EasyEditForm(data, setup=setup, initial=initial)
    version, status = model.version, 200
    if data is not None:
        status = 422
        if form.is_valid() and (after := changed(request, model, form)):
            version = int(text) if (text := data.get("version", "")).isdecimal() and len(text) < 9 else 0
            try:
                saved = update_easy_model(
                    model,
                    name=form.cleaned_data["name"],
                    definition=after,
                    by=Author(request.user, actor_of(request)),
                    expected_version=version,
                )
            except NameTaken as error:
                form.add_error("name", str(error))
            except AlreadyHere as error:
                form.add_error("base_url", str(error))
            except EditConflict as conflict:
                form.add_error(None, f"{conflict} Save again to replace that change by yours.")
                version, status = conflict.model.version, 409
            else:
                return after_edit(request, saved)
    context = {"model": model, "form": form, "provider": provider, "version": version}
    return render_page(request, "onboarding/easy_edit.html", context, status=status)


def changed(request: WorkspaceRequest, model: ExternalModel, form: EasyEditForm) -> Definition | None:
    """The definition that the form asks for; None, with the reason at its field, where calls could not go to it."""
    _, setup = easy_provider(model.provider)
    url = setup.endpoint(form.cleaned_data["base_url"], model.definition.model)
    try:
        check_url(fill_url(url, dict.fromkeys(url_parameters(url), "x")), rules.current())
    except OutboundError as error:
        if error.code is Failure.URL_NOT_ALLOWED:
            record_refusal(request.workspace, model=model, name=model.name, url=url, actor=actor_of(request))
        form.add_error("base_url", f"{error.message} {error.hint}".strip())
        return None
    except ProviderError as error:
        form.add_error("base_url", f"{error.message} {error.hint}".strip())
        return None
    return replace(model.definition, url=url, features=tuple(form.cleaned_data["features"]))


def after_edit(request: WorkspaceRequest, saved: Saved) -> HttpResponse:
    names = ", ".join(connection.name for connection in saved.cleared)
    if names:
        detail = f"The host changed, so these connections need their key again: {names}."
        toast(request, f"{saved.model.name} is saved", level="error", detail=detail)
    else:
        toast(request, f"{saved.model.name} is saved", detail="Calls use the new definition from now on.")
    return redirect(request, reverse("connections:connection_list", args=[request.workspace.slug, saved.model.pk]))
