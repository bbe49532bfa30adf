"""How catalogue rows look wherever they are listed: {% load catalog %}.

{% provider_tile "openai" size="sm" %}
{{ 1050000|tokens }}  {{ row|modalities }}  {% calendar_day row.retires_on %}
{{ row.price|rate:"input" }}  {% for above, amount in row.price|tier_rates:"input" %}
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.catalog.models import CatalogModel, Modality, Price
from apps.core.templatetags.ui import tile, tile_of
from apps.providers.registry import get_provider

register = template.Library()

NOT_KNOWN = "not known"
SYMBOLS = {"USD": "$"}


@register.simple_tag
def provider_tile(key: str, size: str = "") -> SafeString:
    """The tile of a provider by its key: its own letters and hue, so that the six are told apart."""
    provider = get_provider(key)
    return tile_of(provider.monogram, provider.hue, size) if provider.monogram else tile(provider.label, size)


@register.filter
def tokens(count: int | None) -> str:
    """128000 as "128K", 1050000 as "1.05M", 16385 as "16.4K"; the exact number belongs into a title."""
    if count is None:
        return NOT_KNOWN
    if count < 1_000:
        return f"{count}"
    size, unit, decimals = (1_000_000, "M", 2) if count >= 1_000_000 else (1_000, "K", 1 if count < 100_000 else 0)
    shown = f"{count / size:.{decimals}f}"
    return f"{shown.rstrip('0').rstrip('.') if decimals else shown}{unit}"


@register.filter
def rate(price: Price | None, name: str) -> str:
    """One rate with its currency, as "$2.50" or "$0.0375"; what a price does not say is not known."""
    return money(getattr(price, name), price.currency) if price else NOT_KNOWN


def money(value: Decimal | None, currency: str = "USD") -> str:
    """At least two decimals, more where the amount has them."""
    if value is None:
        return NOT_KNOWN
    whole, _, decimals = f"{value.normalize():f}".partition(".")
    return f"{SYMBOLS.get(currency, currency + ' ')}{int(whole):,}.{decimals:0<2}"


@register.filter
def tier_rates(price: Price | None, name: str) -> list[tuple[str, str]]:
    """Where the rate changes with the length of the input: [("272K", "$4.00")]."""
    tiers = price.tiers if price else []
    return [(tokens(tier["above"]), money(Decimal(tier[name]), price.currency)) for tier in tiers if price and tier.get(name)]


@register.filter
def modalities(row: CatalogModel) -> str:
    """As "Text, image in; text out"; what is not known is said to be."""
    if row.input_modalities is None or row.output_modalities is None:
        return NOT_KNOWN
    return f"{_words(row.input_modalities)} in; {_words(row.output_modalities).lower()} out"


def _words(found: Iterable[Modality]) -> str:
    labels = [modality.label for modality in found]
    return ", ".join([labels[0], *(label if label.isupper() else label.lower() for label in labels[1:])])


@register.simple_tag
def calendar_day(day: date | datetime) -> SafeString:
    """A day without a time, as "14 Jan 2027": no zone moves it."""
    text = f"{day.day} {day:%b %Y}"
    return format_html('<time datetime="{}">{}</time>', f"{day:%Y-%m-%d}", text)
