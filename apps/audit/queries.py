"""Reading the log. Always one chain, newest first; text of others goes through the `visible` filter when shown (spec 07 C6)."""

from uuid import UUID

from django.db.models import QuerySet

from apps.audit.models import AuditEvent
from apps.audit.record import chain_of


def events_of(workspace_id: UUID | None) -> QuerySet[AuditEvent]:
    """A workspace's events, newest first; the platform's for None."""
    return AuditEvent.objects.filter(chain=chain_of(workspace_id)).order_by("-sequence")


def events_for_target(workspace_id: UUID | None, target_type: str, target_id: str) -> QuerySet[AuditEvent]:
    """What happened to one thing, newest first, by the index audit_event_target. `target_type` is a model's label in lower case."""
    return events_of(workspace_id).filter(target_type=target_type, target_id=target_id)
