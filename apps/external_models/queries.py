"""What the pages of external models read. The workspace always comes first."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.db.models.fields.json import KT
from django.http import Http404

from apps.accounts.models import Workspace
from apps.external_models.models import ExternalModel
from apps.external_models.names import name_key


@dataclass(frozen=True, slots=True)
class ModelFilters:
    """The list's filter bar; "" means any."""

    q: str = ""
    type: str = ""
    source: str = ""
    status: str = ""
    inferencing: str = ""

    @property
    def any(self) -> bool:
        return any((self.q, self.type, self.source, self.status, self.inferencing))


@dataclass(frozen=True, slots=True)
class Sort:
    """One way to order the list: fields for the database, ending in the key so that no two rows tie."""

    key: str
    fields: tuple[str, ...]
    descending: bool = False


SORTS = {
    "name": Sort("name", ("name_key", "id")),
    "-name": Sort("-name", ("name_key", "id"), descending=True),
    "source": Sort("source", ("provider", "name_key", "id")),
    "-source": Sort("-source", ("provider", "name_key", "id"), descending=True),
    "added": Sort("added", ("updated_at", "id")),
    "-added": Sort("-added", ("updated_at", "id"), descending=True),
}
DEFAULT_SORT = "-added"

STATUS_FILTERS = {
    "draft": Q(status="draft"),
    "active": Q(status="active", inferencing_enabled=True),
    "inactive": Q(status="active", inferencing_enabled=False),
}


def list_models(workspace: Workspace, filters: ModelFilters) -> QuerySet[ExternalModel]:
    """The workspace's models that match; unordered."""
    models = narrow(ExternalModel.objects.filter(workspace=workspace), filters)
    return models.filter(matches(workspace, filters.q)) if filters.q else models


def narrow(models: QuerySet[ExternalModel], filters: ModelFilters) -> QuerySet[ExternalModel]:
    """What the selects of the filter bar leave."""
    if filters.type:
        models = models.filter(integration_type=filters.type)
    if filters.source:
        models = models.filter(provider=filters.source)
    if filters.status:
        models = models.filter(STATUS_FILTERS[filters.status])
    if filters.inferencing:
        models = models.filter(inferencing_enabled=filters.inferencing == "on")
    return models


def matches(workspace: Workspace, text: str) -> Q:
    """Name, model ID, endpoint host, or the name of a connection contains the text, without case."""
    key = name_key(text)
    with_connection = ExternalModel.objects.filter(connections__workspace=workspace, connections__name_key__contains=key).values("pk")
    return Q(name_key__contains=key) | Q(model_id__icontains=text) | Q(endpoint_host__icontains=text) | Q(pk__in=with_connection)


def with_connections(models: QuerySet[ExternalModel]) -> QuerySet[ExternalModel]:
    """Two or three more queries whatever the number of rows: the connections, and what their state is read from."""
    return models.prefetch_related(*summarized_connections())


def summarized_connections() -> tuple[Any, ...]:
    """What `ExternalModel.connection_summary` reads. Each has `role_registered`: whether the role that it names may be assumed."""
    connections = ExternalModel.connections.rel.related_model._default_manager  # of the layer above, by their names
    roles = Workspace.bedrock_roles.rel.related_model._default_manager.filter(state="registered")
    same_role = roles.filter(workspace=OuterRef("workspace"), role_arn=OuterRef("named_role"))
    rows = connections.select_related("authorization_profile").alias(named_role=KT("parameters__role_arn"))
    rows = rows.annotate(role_registered=Exists(same_role))
    return Prefetch("connections", rows), "connections__secrets", "connections__authorization_profile__secrets"


def list_system_models(filters: ModelFilters) -> QuerySet[ExternalModel]:
    """Visible models that the platform provides to every workspace, as far as they match, by name."""
    models = narrow(ExternalModel.objects.filter(workspace=None, is_visible=True), filters).order_by("name_key", "id")
    return models.filter(Q(name_key__contains=name_key(filters.q)) | Q(model_id__icontains=filters.q)) if filters.q else models


def prompts_of(model: ExternalModel) -> list[str]:
    """The names of the saved prompts whose newest version is for the model."""
    newest = model.prompt_versions.filter(number=F("prompt__newest"))
    return list(newest.order_by("prompt__name_key").values_list("prompt__name", flat=True))


def find_example(workspace: Workspace) -> ExternalModel | None:
    """A model that a program could call just now: on, with a connection that is. Easy ones first: they need nothing but a prompt."""
    on = ExternalModel.objects.filter(STATUS_FILTERS["active"], workspace=workspace, connections__inferencing_enabled=True)
    return on.order_by("-integration_type", "name_key", "id").first()


def get_model(workspace: Workspace, model_id: UUID) -> ExternalModel:
    """One model of the workspace. Foreign and missing are the same 404 (spec 07 D2)."""
    try:
        return ExternalModel.objects.select_related("created_by", "updated_by").get(workspace=workspace, pk=model_id)
    except ExternalModel.DoesNotExist:
        raise Http404("No such model in this workspace.") from None
