"""The catalogue for platform staff: to look at, and to bring up to date from the installed price package (spec 06, spec 07 D7)."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.accounts.requests import actor_of
from apps.catalog.actions import Outdated, preview_catalog, update_catalog
from apps.catalog.apart import read_package_apart
from apps.catalog.difference import Difference, plain
from apps.catalog.genai import NotInstalled
from apps.catalog.models import CatalogModel, Price

if TYPE_CHECKING:  # generic for the type checker only
    BaseCatalogAdmin = admin.ModelAdmin[CatalogModel]
    BasePriceInline = admin.TabularInline[Price, CatalogModel]
else:
    BaseCatalogAdmin, BasePriceInline = admin.ModelAdmin, admin.TabularInline


class PriceInline(BasePriceInline):
    """Every price that the model has had, with the time for which it held."""

    model = Price
    fields = [
        "valid_from", "valid_to", "currency", "input", "output", "cached_read", "cached_write", "tiers", "other_rates", "source", "version",
    ]  # fmt: skip
    ordering = ["-valid_from"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CatalogModel)
class CatalogModelAdmin(BaseCatalogAdmin):
    list_display = ["name", "provider", "model_id", "context_window", "current_price", "deprecated", "retires_on", "withdrawn_at"]
    list_filter = ["provider", "deprecated", "retires_on", "withdrawn_at"]
    search_fields = ["name", "model_id"]
    show_full_result_count = False
    inlines = [PriceInline]
    actions = None
    change_list_template = "admin/catalog/change_list.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("prices")

    @admin.display(description="Input / output, per million tokens")
    def current_price(self, row: CatalogModel) -> str:
        price = row.price
        return f"{price.currency} {plain(price.input)} / {plain(price.output)}" if price else "not known"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # rows come from the update, and from nowhere else

    def has_change_permission(self, request: HttpRequest, obj: CatalogModel | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CatalogModel | None = None) -> bool:
        return False  # what a call cost must stay explainable

    def get_urls(self) -> list[URLPattern]:
        return [path("update/", self.admin_site.admin_view(self.update_view), name="catalog_catalogmodel_update"), *super().get_urls()]

    def update_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows what the installed package would change; POST applies exactly that, or shows what it has become."""
        try:
            snapshot = read_package_apart()
        except NotInstalled as error:
            return self.show(request, None, str(error))
        if request.method != "POST":
            return self.show(request, preview_catalog(snapshot))
        try:
            difference = update_catalog(snapshot=snapshot, actor=actor_of(request), seen=request.POST.get("seen", "-"))
        except Outdated as error:
            return self.show(request, error.difference, str(error))
        if difference.is_empty:
            messages.info(request, "The catalogue was up to date already.")
        else:
            messages.success(request, f"The catalogue is now as {snapshot.source} {snapshot.version} says.")
        return HttpResponseRedirect(reverse("admin:catalog_catalogmodel_changelist"))

    def show(self, request: HttpRequest, difference: Difference | None, problem: str = "") -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Update from the installed price package",
            "opts": self.model._meta,
            "difference": difference,
            "problem": problem,
        }
        return TemplateResponse(request, "admin/catalog/update.html", context, status=422 if problem else 200)
