"""Traces for platform staff: what calls took and how they ended. What was said in them stays with the workspace (spec 06; spec 07 A9)."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.read_only_admin import ReadOnlyAdmin
from apps.core.text import visible
from apps.traces.conditions import read_request_id
from apps.traces.models import Trace

TEXTS = ("input_preview", "output_preview")


@admin.register(Trace)
class TraceAdmin(ReadOnlyAdmin):
    list_display = [
        "started_at", "workspace", "status", "source_type", "source_shown", "model_shown", "connection_shown", "response_ms", "error_code",
    ]  # fmt: skip
    list_filter = ["status", "source_type"]
    list_select_related = ["workspace"]
    search_fields = ["pk"]
    search_help_text = "A whole request ID"
    fields = [
        "request_id", "workspace", "started_at", "status", "error_code", "source_type", "source_shown", "user_shown", "model_shown",
        "connection_shown", "api", "streamed", "attempts", "response_ms", "first_token_ms", "input_tokens", "output_tokens",
        "cached_tokens", "cache_write_tokens", "cost", "currency",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trace]:
        return super().get_queryset(request).defer(*TEXTS)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Trace], search_term: str) -> tuple[QuerySet[Trace], bool]:
        if not search_term:
            return queryset, False
        found = read_request_id(search_term)
        return (queryset.filter(pk=found) if found else queryset.none()), False

    @admin.display(description="Source")
    def source_shown(self, trace: Trace) -> str:
        return visible(trace.source_name)

    @admin.display(description="User")
    def user_shown(self, trace: Trace) -> str:
        return visible(trace.user_name)

    @admin.display(description="Model")
    def model_shown(self, trace: Trace) -> str:
        """Not the name of one that there is not: that is text of the caller's."""
        return visible(trace.model_name) if trace.model_id else ""

    @admin.display(description="Connection")
    def connection_shown(self, trace: Trace) -> str:
        return visible(trace.connection_name)
