"""Catalogue rows as an update leaves them, and offers to update from."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from apps.audit.record import SYSTEM
from apps.catalog.actions import update_catalog
from apps.catalog.difference import Difference
from apps.catalog.models import CatalogModel
from apps.catalog.offers import DatedRates, Facts, Offer, Rates, Snapshot

SEES = {"input_words": "text image", "output_words": "text", "feature_words": "streaming tools"}


def rates(input: str, output: str, **more: Any) -> Rates:
    return Rates(Decimal(input), Decimal(output), **more)


def day(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)


def offer(provider: str = "openai", model_id: str = "gpt-6-sol", name: str = "GPT-6 Sol", **more: Any) -> Offer:
    """`price`: input and output of now; or `prices`, dated."""
    price = more.pop("price", ("2", "10"))
    prices = more.pop("prices", (DatedRates(None, rates(*price)),) if price else ())
    return Offer(provider, model_id, Facts(name, **more), prices)


def snapshot(*offers: Offer, version: str = "1.0") -> Snapshot:
    return Snapshot("genai-prices", version, offers)


def fill(*offers: Offer, version: str = "1.0") -> Difference:
    """One update, as the command does it."""
    return update_catalog(snapshot=snapshot(*offers, version=version), actor=SYSTEM)


def fill_many(count: int) -> None:
    """`Model 000` ... of OpenAI, all with a price."""
    fill(*(offer(model_id=f"model-{number:03}", name=f"Model {number:03}", context_window=128_000, **SEES) for number in range(count)))


def row(model_id: str, provider: str = "openai") -> CatalogModel:
    return CatalogModel.objects.get(provider=provider, model_id=model_id)
