"""What pages, wizards and receipts read of the catalogue. It belongs to the platform, so no workspace comes first."""

from datetime import datetime

from django.core.cache import cache
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from apps.catalog.models import CatalogModel, Price, today
from apps.catalog.naming import search_words

COUNT_KEY, COUNT_SECONDS = "catalog.offered", 60
ORDERING = ("position", "name_key", "id")  # for keyset pages: none is NULL, the last is unique


def list_catalog(provider: str = "", q: str = "", modality: str = "", retired: bool = False) -> QuerySet[CatalogModel]:
    """Models that match, newer generations first within their provider; `row.price` costs one query for all rows together.

    `q`: every word is in the name, the model ID or the provider's name. `modality`: goes in or comes out. Retired and withdrawn
    models are left out unless `retired`.
    """
    models = CatalogModel.objects.order_by(*ORDERING)
    if provider:
        models = models.filter(provider=provider)
    for word in search_words(q):
        models = models.filter(search_key__contains=word)
    if modality:
        models = models.filter(Q(input_words__contains=modality) | Q(output_words__contains=modality))
    if not retired:
        models = models.filter(Q(retires_on=None) | Q(retires_on__gt=today()), withdrawn_at=None)
    return with_prices(models)


def with_prices(models: QuerySet[CatalogModel]) -> QuerySet[CatalogModel]:
    """The same rows with `row.price` and `row.next_price` at hand."""
    prices = Price.objects.from_now_on(timezone.now())
    return models.prefetch_related(Prefetch("prices", queryset=prices, to_attr="prices_from_now"))


def find(provider: str, model_id: str) -> CatalogModel | None:
    """The row of exactly this ID, retired or not; None for a model that the catalogue does not know."""
    return with_prices(CatalogModel.objects.filter(provider=provider, model_id=model_id)).first()


def price_now(catalog_model: CatalogModel, at: datetime) -> Price | None:
    """The price in force at a moment; None where none was known then, which is not the same as free."""
    return Price.objects.in_force(at).filter(model=catalog_model).first()


def offered_count() -> int:
    """How many models can be connected, at most a minute old: it stands on the tab of pages that have no other use for the catalogue."""
    count: int | None = cache.get(COUNT_KEY)
    if count is None:
        count = list_catalog().count()
        cache.set(COUNT_KEY, count, COUNT_SECONDS)
    return count


def forget_count() -> None:
    """Count again at the next use. Called when an update is committed."""
    cache.delete(COUNT_KEY)
