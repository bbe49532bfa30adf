"""What programs may ask of a workspace's models."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.connections.models import Connection
from apps.external_models.models import ExternalModel, Status


def callable_models(workspace_id: UUID) -> QuerySet[ExternalModel]:
    """What a call may name now: the workspace's own models and the platform's visible ones that are on, with a connection that is on.

    A name that both have is the workspace's.
    """
    own = ExternalModel.objects.filter(workspace=workspace_id)
    shared = Q(workspace=None, is_visible=True) & ~Q(name_key__in=own.values("name_key"))
    with_connection = Exists(Connection.objects.filter(model=OuterRef("pk"), inferencing_enabled=True))
    models = ExternalModel.objects.filter(Q(workspace=workspace_id) | shared, with_connection)
    return models.filter(status=Status.ACTIVE, inferencing_enabled=True).order_by("name_key", "id")
