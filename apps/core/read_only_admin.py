"""Pages of the platform admin that only show (spec 06, Platform staff)."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

if TYPE_CHECKING:  # generic for the type checker only
    BaseAdmin = admin.ModelAdmin[Any]
    BasePaginator = Paginator[Any]
else:
    BaseAdmin, BasePaginator = admin.ModelAdmin, Paginator

MAX_LISTED = 10_000


class CappedPaginator(BasePaginator):
    """Counts and shows the newest rows only: at ten million rows an exact count costs more than the page. Filters reach the others."""

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

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
