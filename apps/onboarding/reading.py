"""The page out of a request: what was submitted, and whose it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404

from apps.accounts.requests import WorkspaceRequest
from apps.connections.models import Connection
from apps.egress import rules
from apps.external_models.models import ExternalModel
from apps.external_models.queries import get_model
from apps.inference.models import TestRun
from apps.onboarding.builder import Builder, as_uuid
from apps.onboarding.forms import Mode
from apps.providers.jsonread import storable


def read_builder(request: WorkspaceRequest, mode: Mode, page: type[Builder]) -> Builder:
    """The page as it was submitted. A model or test run of another workspace or person is not found."""
    data = {name: storable(text) for name, text in request.POST.dict().items()}  # PostgreSQL takes no U+0000
    model_id, run_id = as_uuid(data.get("model")), as_uuid(data.get("test_run"))
    model = get_editable(request, model_id) if model_id else None
    # With its secrets, before the model is looked for: the first click of a double click removes them once the model has them.
    runs = TestRun.objects.filter(workspace=request.workspace, created_by=request.user).prefetch_related("typed_secrets")
    run = runs.filter(pk=run_id).first() if run_id else None
    holder = model or made_before(request, data)
    return page(
        data,
        mode,
        request.workspace,
        request.user,
        rules=rules.current(),
        model=model,
        connection=first_connection(holder) if holder else None,
        run=run,
    )


def get_editable(request: WorkspaceRequest, model_id: UUID) -> ExternalModel:
    """A model of the workspace that has a body or a structure to edit; easy models have a page of their own. Raises Http404."""
    model = get_model(request.workspace, model_id)
    if model.easy_key:
        raise Http404("This model is edited on another page.")
    return model


def made_before(request: WorkspaceRequest, data: Mapping[str, str]) -> ExternalModel | None:
    """The model that this very page made when it was sent first (a double click, the browser's Back): its connection has the secrets."""
    key = as_uuid(data.get("creation_key"))
    return ExternalModel.objects.filter(workspace=request.workspace, created_by=request.user, creation_key=key).first() if key else None


def first_connection(model: ExternalModel) -> Connection | None:
    connection = model.connections.order_by("created_at", "id").prefetch_related("secrets").first()
    if connection:
        connection.model = model
    return connection


def rebuilt(builder: Builder, data: dict[str, Any]) -> Builder:
    """The same page with other field values."""
    return replace(builder, data=data, mode=Mode.KEEP)
