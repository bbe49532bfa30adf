"""*Custom API integration*: one page, many buttons. Each button posts the whole form to its own URL; with htmx only the regions that
changed come back, without scripts the whole page does."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBadRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.actions import ConnectionNameTaken, KeyAlreadyUsed, ProfileUnknown
from apps.core.access import require
from apps.core.htmx import is_fragment_request, redirect, toast
from apps.core.limits import limit_calls_out
from apps.external_models.actions import Author, EditConflict, NameTaken
from apps.external_models.models import ExternalModel
from apps.inference import pipeline
from apps.inference.models import TestRun
from apps.inference.queries import last_test
from apps.onboarding import proposing
from apps.onboarding.actions import Integration, save_integration
from apps.onboarding.builder import Builder, data_of
from apps.onboarding.forms import Mode, VariableForm, variable_initial
from apps.onboarding.page import Page
from apps.onboarding.reading import first_connection, get_editable, read_builder, rebuilt
from apps.onboarding.sample import sample_fields
from apps.onboarding.showing import note_refusal, show
from apps.onboarding.slots import slots_of
from apps.onboarding.structures import HeaderOffer
from apps.onboarding.testing import finish_test, prepare_test

# A body is no JSON before its variables are filled in: this reads `"model": "gpt-4.1"` out of it, and no placeholder.
NAMED_MODEL = re.compile(r'"model"\s*:\s*"([^"\\{}<>$\s]{1,200})"')

# The page


@require_GET
@require(Permission.EDIT_MODELS)
def custom_new(request: WorkspaceRequest) -> HttpResponse:
    data = {"creation_key": str(uuid4()), "method": "POST", "h-0-key": "Content-Type", "h-0-value": "application/json"}
    return show(request, Builder(data, Mode.KEEP, request.workspace, request.user))


@require_GET
@require(Permission.EDIT_MODELS)
def custom_edit(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    model = get_editable(request, model_id)
    connection = first_connection(model)
    data = data_of(model.definition, name=model.name, parameters=connection.parameters if connection else {})
    data["authorization_profile"] = str((connection and connection.authorization_profile_id) or "")
    data |= {"model": str(model.pk), "version": str(model.version), "creation_key": str(model.creation_key)}
    builder = Builder(data, Mode.KEEP, request.workspace, request.user, model=model, connection=connection)
    tested = replace(builder, run=last_test(model.pk, request.user))
    # A key that was tried and given up must not come back with the test, and be saved with whatever is edited next.
    return show(request, builder if tested.has_unsaved_secrets else tested)


# Saving


@require_POST
@require(Permission.EDIT_MODELS)
def save(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """Save as draft, Confirm, or Confirm without a test."""
    action = request.POST.get("action", "draft")
    if action not in {"draft", "confirm", "untested"}:
        return HttpResponseBadRequest("Unknown action.")
    builder = read_builder(request, Mode.KEEP if action == "draft" else Mode.CONFIRM, page)
    if action == "draft" and builder.model and not builder.model.is_draft:
        # The page was opened before somebody confirmed the draft: what people can call is never half done.
        action, builder = "confirm", read_builder(request, Mode.CONFIRM, page)
    valid = builder.check()
    needs_test = valid and action == "confirm" and not builder.tested_digest
    if action == "confirm" and valid and not needs_test:
        valid = proposing.check_paths(builder)
    if not valid or needs_test:
        note_refusal(request, builder)
        return show(request, builder, regions=("errors", "status"), status=422, needs_test=needs_test)
    try:
        saved = save_integration(
            integration_of(builder, action),
            workspace=request.workspace,
            model=builder.model,
            by=Author(request.user, actor_of(request)),
            expected_version=builder.version,
            creation_key=builder.creation_key,
            confirm=action != "draft",
        )
    except EditConflict as conflict:
        return show_conflict(request, builder, conflict)
    except NameTaken as error:
        builder.form.add_error("name", str(error))
    except ConnectionNameTaken as error:
        builder.form.add_error("connection_name", str(error))
    except ProfileUnknown as error:
        builder.form.add_error("authorization_profile", str(error))
    except KeyAlreadyUsed as error:
        blame_secret(builder, str(error))
    else:
        return after_save(request, builder, saved.model, [connection.name for connection in saved.cleared])
    return show(request, builder, regions=("errors", "status"), status=422)


def integration_of(builder: Builder, action: str) -> Integration:
    return Integration(
        name=builder.name,
        # What nobody uses is kept as long as it may be gone back to: in a draft.
        definition=builder.definition if action == "draft" else builder.definition.without_unused(),
        secrets=builder.new_secrets,
        parameters=builder.parameters,
        connection_name=" ".join(str(builder.form["connection_name"].value() or "").split()),
        tested_digest="" if action == "untested" else builder.tested_digest,
        origin=builder.model_origin,
        authorization_profile=builder.profile,
    )


def after_save(request: WorkspaceRequest, builder: Builder, model: ExternalModel, cleared: list[str]) -> HttpResponse:
    if builder.run:
        # Stored on the connection by now. Kept here, they would come back with a later save of a page that names this test.
        builder.run.typed_secrets.all().delete()
        if builder.run.model_id is None:
            TestRun.objects.filter(pk=builder.run.pk).exclude(digest="").update(model=model)
    detail = f"The endpoint's host changed, so these connections need their key again: {', '.join(cleared)}." if cleared else ""
    if model.is_draft:
        toast(request, f"{model.name} is saved as a draft", detail=detail or "Nobody can call it until you confirm it.")
    elif builder.model and not builder.model.is_draft:
        toast(request, f"{model.name} is saved", detail=detail or "Calls use the new definition from now on.")
    else:
        toast(request, f"{model.name} is active", detail=detail or "It can be called from now on.")
    return redirect(request, reverse("external_models:model_list", args=[request.workspace.slug]))


def show_conflict(request: WorkspaceRequest, builder: Builder, conflict: EditConflict) -> HttpResponse:
    """What was typed stays; the next save replaces the other person's change, knowingly."""
    builder.data = {**builder.data, "version": str(conflict.model.version)}
    builder.model = conflict.model
    return show(request, builder, regions=("errors", "status", "identity"), status=409, conflict=conflict)


def blame_secret(builder: Builder, message: str) -> None:
    rows = [row for row in builder.headers if row.is_secret]
    if rows:
        rows[0].add_error("value", message)


# Testing


@require_POST
@require(Permission.EDIT_MODELS)
def sample(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """Open *Sample input*, if the request can be built at all."""
    builder = read_builder(request, Mode.TEST, page)
    if not builder.check():
        note_refusal(request, builder)
        return show(request, builder, regions=("errors", "status"), status=422)
    return show(request, builder, regions=("errors",), dialog="_sample_dialog", fields=sample_fields(builder))


@require_POST
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def test(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:  # noqa: PT028 - no test, a view
    """Send the request exactly as it would be sent at run time. Async, so that a closed browser cancels the upstream call."""
    ready = await sync_to_async(prepare_test)(request, page)
    if isinstance(ready, HttpResponse):
        return ready
    result = await pipeline.run(ready.target, ready.values, rules=ready.builder.rules, trail=ready.trail)
    return await sync_to_async(finish_test)(request, ready, result)


@require_POST
@require(Permission.EDIT_MODELS)
def preview(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """What a path, as it is being typed, picks out of the last response."""
    builder = read_builder(request, Mode.KEEP, page)
    wanted = request.GET.get("slot", "")
    slot = next((slot for slot in slots_of(builder) if slot.key == wanted), None)
    if slot is None or not is_fragment_request(request):
        return show(request, builder)
    return HttpResponse(render_to_string("onboarding/_path_value.html", {"slot": slot}, request))


@require_POST
@require(Permission.EDIT_MODELS)
def pick(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """A value of the response was clicked: its path goes into the armed slot, and the next empty slot is armed."""
    builder = read_builder(request, Mode.KEEP, page)
    builder = rebuilt(builder, proposing.picked(builder, request.POST.get("pick", "")))
    return show(request, builder, regions=("result", "paths", "status"))


# Address parameters and variables


@require_POST
@require(Permission.EDIT_MODELS)
def address(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """The endpoint changed: show a field for each `{name}` in it."""
    return show(request, read_builder(request, Mode.KEEP, page), regions=("parameters", "advice", "request"))


@require_POST
@require(Permission.EDIT_MODELS)
def configure(request: WorkspaceRequest) -> HttpResponse:
    """The configuration, or something of a provider's structure, was changed; `offer` adds a header that its API asks for."""
    builder = read_builder(request, Mode.KEEP, Builder)
    # Nothing with a button in it: one that is swapped out while its own request is under way never sees the answer.
    regions: tuple[str, ...] = ("advice", "profile", "request", "mapped")
    extra: dict[str, Any] = {}
    if identifier := identifier_to_propose(request, builder):
        builder, regions = rebuilt(builder, {**builder.data, "model_identifier": identifier}), (*regions, "identifier")
    if wanted := request.POST.get("offer"):
        offer = next((offer for offer in Page(builder).offers if offer.name == wanted), None)
        builder = with_header(builder, offer) if offer else builder
        regions = (*regions, "new_header", "offer_taken") if offer else (*regions, "offer_taken")
        extra = {"new_row": builder.headers[-1] if offer else None, "taken": f"{builder.structure}-{wanted}"}
    response = show(request, builder, regions=regions, **extra)
    return trigger_client_event(response, "teststate", {"state": builder.test_state})


def identifier_to_propose(request: WorkspaceRequest, builder: Builder) -> str:
    """The model that the body names, when the configuration was changed over and no identifier is there yet; "" for none."""
    changed_over = request.headers.get("HX-Trigger-Name", "configuration") == "configuration"
    if not (changed_over and builder.form.follows_structure) or builder.definition.model:
        return ""
    named = NAMED_MODEL.search(builder.definition.body)
    return named[1] if named else ""


def with_header(builder: Builder, offer: HeaderOffer) -> Builder:
    """The page with this header in a row of its own, below the others."""
    number = max((int(row.number) for row in builder.headers), default=-1) + 1
    row = {f"h-{number}-key": offer.name, f"h-{number}-value": offer.value, f"h-{number}-lead": offer.lead}
    row |= {f"h-{number}-secret": "on"} if offer.secret else {}
    return rebuilt(builder, {**builder.data, **row})


@require_POST
@require(Permission.EDIT_MODELS)
def variable_dialog(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """Open the dialog for a new variable, or for the one named by `edit`."""
    builder = read_builder(request, Mode.KEEP, page)
    name = request.POST.get("edit") or ""
    variable = next((variable for variable in builder.variables if variable.name == name), None)
    form = VariableForm(prefix="nv", initial=variable_initial(variable) if variable else {"type": "string"})
    return show(request, builder, dialog="_variable_dialog", variable_form=form, editing=variable.name if variable else "")


@require_POST
@require(Permission.EDIT_MODELS)
def variable_save(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """Add the dialog's variable, or replace the one being edited."""
    builder = read_builder(request, Mode.KEEP, page)
    editing = request.POST.get("nv-editing", "")
    others = [variable for variable in builder.variables if variable.name != editing]
    form = VariableForm(builder.data, prefix="nv", taken=frozenset(variable.name for variable in others))
    if not form.is_valid():
        return show(request, builder, dialog="_variable_dialog", status=422, variable_form=form, editing=editing)
    variables = [form.variable if variable.name == editing else variable for variable in builder.variables]
    if editing not in {variable.name for variable in builder.variables}:
        variables.append(form.variable)
    return show(request, with_variables(builder, variables), regions=("mapping", "status"))


@require_POST
@require(Permission.EDIT_MODELS)
def variable_remove(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    builder = read_builder(request, Mode.KEEP, page)
    name = request.POST.get("remove", "")
    left = [variable for variable in builder.variables if variable.name != name]
    changed = with_variables(builder, left)
    if name in changed.used_names:
        toast(
            request,
            f"{name} is removed, but the body still uses it",
            level="error",
            detail="Take it out of the body, or add the variable again.",
        )
    return show(request, changed, regions=("mapping", "status"))


@require_POST
@require(Permission.EDIT_MODELS)
def variable_toggle(request: WorkspaceRequest, page: type[Builder] = Builder) -> HttpResponse:
    """Switch *System prompt* or *Examples* on or off."""
    builder = read_builder(request, Mode.KEEP, page)
    switch = request.POST.get("toggle", "")
    data = dict(builder.data)
    if switch in {"use_system_prompt", "use_examples"}:
        data[switch] = "" if data.get(switch) else "on"
    return show(request, rebuilt(builder, data), regions=("mapping", "status"))


def with_variables(builder: Builder, variables: list[Any]) -> Builder:
    """The page with these custom variables in place of its own."""
    data = {key: value for key, value in builder.data.items() if not key.startswith(("v-", "nv-"))}
    for number, variable in enumerate(variables):
        data |= {f"v-{number}-{key}": value for key, value in variable_initial(variable).items() if value not in (False, None)}
    return rebuilt(builder, data)
