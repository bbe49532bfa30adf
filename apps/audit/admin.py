"""The log for platform staff: to look at, never to change (spec 06, spec 07 D7)."""

import json

from django.contrib import admin

from apps.audit.models import AuditCheckpoint, AuditEvent
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.core.text import visible


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "chain", "sequence", "event_label", "outcome", "actor", "target", "description_text"]
    list_filter = ["category", "outcome", "created_at"]
    search_fields = ["chain", "target_id", "request_id"]
    search_help_text = "The whole or part of a chain, a target's ID or a request ID"
    fields = [
        "created_at", "chain", "sequence", "event_label", "category", "outcome", "actor", "target", "changes_text", "description_text",
        "ip", "user_agent_text", "request_id", "previous_hash", "hash",
    ]  # fmt: skip

    @admin.display(description="Event")
    def event_label(self, event: AuditEvent) -> str:
        return event.label

    @admin.display(description="Actor")
    def actor(self, event: AuditEvent) -> str:
        return visible(f"{event.actor_name} ({event.actor_kind} {event.actor_id})" if event.actor_id else event.actor_name)

    @admin.display(description="Target")
    def target(self, event: AuditEvent) -> str:
        return visible(f"{event.target_name} ({event.target_type} {event.target_id})" if event.target_type else "")

    @admin.display(description="Changes")
    def changes_text(self, event: AuditEvent) -> str:
        return visible(json.dumps(event.changes, indent=2, ensure_ascii=False, sort_keys=True))

    @admin.display(description="Description")
    def description_text(self, event: AuditEvent) -> str:
        return visible(event.description)

    @admin.display(description="User agent")
    def user_agent_text(self, event: AuditEvent) -> str:
        return visible(event.user_agent)


@admin.register(AuditCheckpoint)
class AuditCheckpointAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "chain", "sequence", "hash", "key_id"]
    search_fields = ["chain"]
