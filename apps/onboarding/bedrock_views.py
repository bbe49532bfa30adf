"""*Amazon Bedrock*: what its page has of its own. Saving, testing, paths and variables are the views of the integration page."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.actions import request_registration
from apps.connections.bedrock import RoleCheck
from apps.connections.bedrock_parameters import ROLE, STS_REGION, complete, problems_with
from apps.connections.models import RoleState
from apps.connections.views import get_connection
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.egress import EgressRule
from apps.core.htmx import redirect, toast
from apps.core.limits import limit_calls_out
from apps.egress import rules
from apps.external_models.actions import Author
from apps.external_models.models import ExternalModel
from apps.external_models.queries import get_model
from apps.inference.queries import last_test
from apps.inference.role_checks import Trial, plan_trial, try_role
from apps.onboarding.bedrock_builder import MAX_MODEL_ID, bedrock_data
from apps.onboarding.bedrock_page import BedrockPage
from apps.onboarding.easy import model_name
from apps.onboarding.forms import Mode
from apps.onboarding.reading import first_connection, read_builder
from apps.onboarding.showing import show
from apps.providers.aws import REGIONS
from apps.providers.jsonread import storable

CHANGED = ("region", "reading", "call", "mapping", "request", "paths", "status")
ROLE_CHANGED = ("errors", "role", "policies")


@require_GET
@require(Permission.EDIT_MODELS)
def bedrock_new(request: WorkspaceRequest) -> HttpResponse:
    """An empty page; `?model=` names a model of the catalogue."""
    data = {"creation_key": str(uuid4()), "h-0-key": "Content-Type", "h-0-value": "application/json"}
    data |= {"region": settings.PATCHBAY_AWS_DEFAULT_REGION, "model_id": storable(request.GET.get("model", ""))[:MAX_MODEL_ID]}
    page = BedrockPage(data, Mode.KEEP, request.workspace, request.user)
    if page.catalog_row:
        page = replace(page, data={**page.data, "name": model_name(page.model_id, page.catalog_row)})
    return show(request, page)


def edit_bedrock(request: WorkspaceRequest, model: ExternalModel) -> HttpResponse:
    """The page of a model that is there, with its last test. The caller has checked the permission."""
    connection = first_connection(model)
    data = bedrock_data(model.definition, name=model.name, parameters=connection.parameters if connection else {})
    data |= {"model": str(model.pk), "version": str(model.version), "creation_key": str(model.creation_key)}
    page = BedrockPage(data, Mode.KEEP, request.workspace, request.user, model=model, connection=connection)
    tested = replace(page, run=last_test(model.pk, request.user))
    return show(request, page if tested.has_unsaved_secrets else tested)


def read_page(request: WorkspaceRequest) -> BedrockPage:
    page = read_builder(request, Mode.KEEP, BedrockPage)
    assert isinstance(page, BedrockPage)  # noqa: S101 - the reader makes what it is asked for
    return page


@require_POST
@require(Permission.EDIT_MODELS)
def bedrock_model(request: WorkspaceRequest) -> HttpResponse:
    """The model ID was typed: say what was made of it, and fill in what its family takes. `use_region` takes the ARN's region over."""
    page = read_page(request)
    region = request.POST.get("use_region", "")
    if region in REGIONS:
        page = replace(page, data={**page.data, "region": region})
    return show(request, page, regions=CHANGED)


@require_POST
@require(Permission.EDIT_MODELS)
def bedrock_role(request: WorkspaceRequest) -> HttpResponse:
    """Another role was typed, or somebody looks whether staff have decided: show how its registration stands.

    Nothing was asked for yet: what is wrong with the ARN stands at its field, and no summary takes the focus away from whoever types on.
    """
    page = read_page(request)
    problem = problems_with(page.parameters, None).get(ROLE)
    if page.parameters[ROLE] and problem:
        page.form.add_error(ROLE, problem)
    return show(request, page, regions=ROLE_CHANGED, quiet=True)


@require_POST
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def bedrock_register(request: WorkspaceRequest) -> HttpResponse:
    """Ask for the typed role's registration. AWS is asked first whether the role is sound, outside of any transaction."""
    ready = await sync_to_async(prepare_registration)(request)
    if isinstance(ready, HttpResponse):
        return ready
    page, trial = ready
    check = await try_role(trial, rules=page.rules)
    return await sync_to_async(finish_registration)(request, page, check)


def prepare_registration(request: WorkspaceRequest) -> tuple[BedrockPage, Trial] | HttpResponse:
    page = read_page(request)
    problems = problems_with(page.parameters, None)
    for name in (ROLE, STS_REGION):
        if name in problems:
            page.form.add_error(name, problems[name])
    if page.form.errors:
        return show(request, page, regions=ROLE_CHANGED, status=422)
    if page.role and page.role.is_registered:
        return show(request, page, regions=ROLE_CHANGED)
    trial = plan_trial(request.workspace, role_arn=page.parameters[ROLE], sts_region=page.parameters[STS_REGION])
    release_connection()
    return page, trial


def finish_registration(request: WorkspaceRequest, page: BedrockPage, check: RoleCheck) -> HttpResponse:
    ask_for_registration(request, page.parameters, check)
    return show(request, replace(page, mode=Mode.KEEP), regions=ROLE_CHANGED)


def ask_for_registration(request: WorkspaceRequest, parameters: Mapping[str, str], check: RoleCheck) -> None:
    """Keep the request with what AWS said of the role, and say what came of it."""
    role = request_registration(
        request.workspace,
        role_arn=parameters[ROLE],
        sts_region=parameters[STS_REGION],
        check=check,
        automatic=settings.PATCHBAY_AWS_AUTO_REGISTER_ROLES,
        by=Author(request.user, actor_of(request)),
    )
    if role.state == RoleState.REFUSED:
        toast(request, "The registration was refused", level="error", detail="The reason stands beside the role.")
    elif role.is_registered:
        toast(request, "The role is registered", detail="It can be used from now on.")
    else:
        toast(request, "The registration is requested", detail="Platform staff decide; until then the role is not assumed.")


@require_POST
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def bedrock_register_connection(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    """The same for the role of a connection, from its menu."""
    ready = await sync_to_async(prepare_connection)(request, model_id, connection_id)
    if isinstance(ready, HttpResponse):
        return ready
    parameters, trial, in_force = ready
    check = await try_role(trial, rules=in_force)
    await sync_to_async(ask_for_registration)(request, parameters, check)
    return to_connections(request, model_id)


def prepare_connection(
    request: WorkspaceRequest, model_id: UUID, connection_id: UUID
) -> tuple[dict[str, str], Trial, tuple[EgressRule, ...]] | HttpResponse:
    """The connection's parameters and how to try its role, unless they are not right."""
    connection = get_connection(get_model(request.workspace, model_id), connection_id)
    parameters = complete(connection.parameters)
    problems = problems_with(parameters, None)
    if problem := problems.get(ROLE) or problems.get(STS_REGION):
        toast(request, "The registration was not requested", level="error", detail=problem)
        return to_connections(request, model_id)
    ready = parameters, plan_trial(request.workspace, role_arn=parameters[ROLE], sts_region=parameters[STS_REGION]), rules.current()
    release_connection()
    return ready


def to_connections(request: WorkspaceRequest, model_id: UUID) -> HttpResponse:
    return redirect(request, reverse("connections:connection_list", args=[request.workspace.slug, model_id]))
