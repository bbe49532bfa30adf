"""The log for platform staff: to look at, never to change (spec 06, spec 07 D7)."""

import json
from typing import TYPE_CHECKING

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from apps.audit.models import AuditCheckpoint, AuditEvent
from apps.core.text import visible

if TYPE_CHECKING:  # generic for the type checker only
    type Row = AuditEvent | AuditCheckpoint
    BaseAdmin = admin.ModelAdmin[Row]
    BasePaginator = Paginator[Row]
else:
    BaseAdmin, BasePaginator = admin.ModelAdmin, Paginator

MAX_LISTED = 10_000


class CappedPaginator(BasePaginator):
    """Counts and shows the newest rows only: at ten million events an exact count costs more than the page. Filters reach the others."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:MAX_LISTED].count() if isinstance(rows, QuerySet) else min(len(rows), MAX_LISTED)


class ReadOnlyAdmin(BaseAdmin):
    """A list and a detail page without a way to change anything."""

    actions = None
    ordering = ["-pk"]
    paginator = CappedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: "Row | None" = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: "Row | None" = None) -> bool:
        return False


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
