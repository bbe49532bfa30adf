"""*Amazon Bedrock*: what its page has of its own. Saving, testing, paths and variables are the views of the integration page."""

from dataclasses import replace
from uuid import uuid4

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.external_models.models import ExternalModel
from apps.inference.queries import last_test
from apps.onboarding.bedrock_builder import bedrock_data
from apps.onboarding.bedrock_page import BedrockPage
from apps.onboarding.forms import Mode
from apps.onboarding.reading import first_connection, read_builder, rebuilt
from apps.onboarding.showing import show
from apps.providers.aws import REGIONS

CHANGED = ("region", "reading", "call", "mapping", "request", "paths", "status")


@require_GET
@require(Permission.EDIT_MODELS)
def bedrock_new(request: WorkspaceRequest) -> HttpResponse:
    """An empty page; `?model=` names a model of the catalogue."""
    data = {"creation_key": str(uuid4()), "h-0-key": "Content-Type", "h-0-value": "application/json"}
    data |= {"region": settings.PATCHBAY_AWS_DEFAULT_REGION, "model_id": request.GET.get("model", "")[:300]}
    return show(request, BedrockPage(data, Mode.KEEP, request.workspace, request.user))


def edit_bedrock(request: WorkspaceRequest, model: ExternalModel) -> HttpResponse:
    """The page of a model that is there, with its last test. The caller has checked the permission."""
    connection = first_connection(model)
    data = bedrock_data(model.definition, name=model.name, parameters=connection.parameters if connection else {})
    data |= {"model": str(model.pk), "version": str(model.version), "creation_key": str(model.creation_key)}
    page = BedrockPage(data, Mode.KEEP, request.workspace, request.user, model=model, connection=connection)
    tested = replace(page, run=last_test(model.pk, request.user))
    return show(request, page if tested.has_unsaved_secrets else tested)


@require_POST
@require(Permission.EDIT_MODELS)
def bedrock_model(request: WorkspaceRequest) -> HttpResponse:
    """The model ID was typed: say what was made of it, and fill in what its family takes. `use_region` takes the ARN's region over."""
    page = read_builder(request, Mode.KEEP, BedrockPage)
    region = request.POST.get("use_region", "")
    if region in REGIONS:
        page = rebuilt(page, {**page.data, "region": region})
    return show(request, page, regions=CHANGED)


@require_POST
@require(Permission.EDIT_MODELS)
def bedrock_role(request: WorkspaceRequest) -> HttpResponse:
    """Another role was typed, or somebody looks whether staff have decided: show how its registration stands."""
    return show(request, read_builder(request, Mode.KEEP, BedrockPage), regions=("role",))


@require_POST
@require(Permission.EDIT_MODELS)
def bedrock_register(request: WorkspaceRequest) -> HttpResponse:
    """Ask for the role's registration."""
    return show(request, read_builder(request, Mode.KEEP, BedrockPage), regions=("role",))
