"""Reads the installed price package, genai-prices, into offers.

It is an extra ("prices"): nothing else of the product needs it, it brings eight packages more, takes most of a second to import and 90 MB
of memory. So it is loaded when an update asks for it, and by a process that goes on serving only in another one (apart.py). This module
needs no Django, so that the other process is a light one.
"""

import importlib
import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from apps.catalog.known import CALLABLE_ID, NAMES, known_of, why_not_chat
from apps.catalog.naming import tidy_name
from apps.catalog.offers import DatedRates, Facts, Offer, Rates, Snapshot, Tier

GENAI_PRICES = "genai-prices"
INSTALL = "The price package is not installed. Install it with `uv sync --extra prices` (or `pip install genai-prices`), then update again."
OWN_MODELS = {"openai": "openai", "anthropic": "anthropic", "google": "google", "cohere": "cohere", "bedrock": "aws"}
RATE_KEYS = {"input": "input_mtok", "output": "output_mtok", "cached_read": "cache_read_mtok", "cached_write": "cache_write_mtok"}
# Prefixes of Bedrock's inference profiles, which the package gathers under "regional."; it names those that it knows in its match rules.
GEOGRAPHIES = {
    "us": "US",
    "eu": "EU",
    "apac": "Asia Pacific",
    "jp": "Japan",
    "au": "Australia",
    "in": "India",
    "us-gov": "US GovCloud",
}


class NotInstalled(Exception):
    """The price package is missing; the text says what to do."""


def read_package() -> Snapshot:
    """What the installed package offers for chat. Raises NotInstalled."""
    try:
        data = importlib.import_module("genai_prices.data")
    except ModuleNotFoundError:
        raise NotInstalled(INSTALL) from None
    providers = {provider.id: provider for provider in data.providers}
    return snapshot_of({key: provider.models for key, provider in providers.items()}, importlib.metadata.version(GENAI_PRICES))


def snapshot_of(models: Mapping[str, Iterable[Any]], version: str) -> Snapshot:
    """The snapshot of the package's models by its provider IDs."""
    offers: dict[tuple[str, str], Offer] = {}
    left_out: dict[str, list[str]] = {}
    for provider, model in package_models(models):
        reason = why_not_chat(provider, model.id)
        if reason:
            left_out.setdefault(reason, []).append(f"{provider}/{model.id}")
            continue
        for model_id, name in ids_and_names(provider, model, models):
            offer = Offer(provider, model_id, facts_of(provider, model_id, name, model.context_window, model.deprecated), prices_of(model))
            offers[offer.key] = offer
    return Snapshot(GENAI_PRICES, version, tuple(offers.values()), {reason: tuple(ids) for reason, ids in left_out.items()})


def package_models(models: Mapping[str, Iterable[Any]]) -> Iterator[tuple[str, Any]]:
    """Each of the package's models with our provider. Azure runs OpenAI's, at OpenAI's price where the package has none of its own."""
    for provider, package_id in OWN_MODELS.items():
        for model in models.get(package_id, ()):
            yield provider, model
    own = {model.id: model for model in models.get("azure", ())}
    for model in models.get("openai", ()):
        if not why_not_chat("openai", model.id):
            yield "azure", own.get(model.id, model)


def ids_and_names(provider: str, model: Any, models: Mapping[str, Iterable[Any]]) -> Iterator[tuple[str, str]]:
    """The IDs that the provider's API takes for this model, with a name for each: one, but for Bedrock's inference profiles."""
    bare = model.id.removeprefix("regional.").removeprefix("global.")
    model_id = CALLABLE_ID.get(provider, {}).get(bare, bare)
    name = NAMES.get(provider, {}).get(bare) or tidy_name(model.name or name_of_maker(bare, models) or model_id)
    if bare == model.id:
        yield model_id, name
    elif model.id.startswith("global."):
        yield f"global.{model_id}", with_place(name, "global")
    else:
        places = [place for place in GEOGRAPHIES if f"'{place}.{stem_of(bare)}" in repr(model.match)]
        yield from ((f"{place}.{model_id}", with_place(name, GEOGRAPHIES[place])) for place in places)
        if not places:
            yield model_id, name


def stem_of(bedrock_id: str) -> str:
    """The ID without its version: "anthropic.claude-opus-4-6" of "anthropic.claude-opus-4-6-v1:0"."""
    return re.sub(r"-v\d+(:\d+)?$", "", bedrock_id)


def with_place(name: str, place: str) -> str:
    """As "Claude Opus 5.5 (EU)", in place of the package's own "(regional)"."""
    return f"{re.sub(r' \((global|regional)\)$', '', name)} ({place})"


def name_of_maker(bedrock_id: str, models: Mapping[str, Iterable[Any]]) -> str:
    """What its maker calls a model that Bedrock resells; "" where the package does not say."""
    maker, _, rest = bedrock_id.partition(".")
    return next((model.name for model in models.get(maker, ()) if model.name and model.is_match(stem_of(rest))), "")


def facts_of(provider: str, model_id: str, name: str, context_window: int | None, deprecated: bool | None) -> Facts:
    """The package's facts with what known.py adds."""
    said: dict[str, Any] = {"name": name, "context_window": context_window, "deprecated": bool(deprecated)}
    for known in known_of(provider, model_id):
        more = {
            "context_window": said["context_window"] or known.context_window,  # the package is newer than our table
            "max_output": known.max_output,
            "input_words": known.input,
            "output_words": known.output,
            "feature_words": known.features,
            "deprecated": known.deprecated or bool(known.retires_on),
            "retires_on": known.retires_on,
        }
        said |= {field: value for field, value in more.items() if value}
    return Facts(**said)


def prices_of(model: Any) -> tuple[DatedRates, ...]:
    """The model's prices in the order of their dates. Prices for hours of the day are left out: the catalogue has none."""
    if not isinstance(model.prices, list):
        return dated(None, model.prices)
    found: list[DatedRates] = []
    for entry in model.prices:
        start = getattr(entry.constraint, "start_date", None)
        if entry.constraint is None or start is not None:
            found += dated(datetime.combine(start, time(), UTC) if start else None, entry.prices)
    return tuple(found)


def dated(since: datetime | None, price: Any) -> tuple[DatedRates, ...]:
    """One price, none where the package has no rate at all."""
    values = {key: value for key, value in vars(price).items() if value is not None and not key.startswith("_")}
    if not values:
        return ()
    base = {name: base_of(values.get(key)) for name, key in RATE_KEYS.items()}
    other = {key: text_of(value) for key, value in sorted(values.items()) if key not in RATE_KEYS.values()}
    return (DatedRates(since, Rates(**base, tiers=tiers_of(values), other=other)),)


def base_of(value: Any) -> Decimal | None:
    """The rate below any tier."""
    base: Decimal | None = getattr(value, "base", value)
    return base


def tiers_of(values: Mapping[str, Any]) -> tuple[Tier, ...]:
    """The package keeps tiers per rate; here they are gathered by where they start."""
    found: dict[int, dict[str, Decimal]] = {}
    for name, key in RATE_KEYS.items():
        for tier in getattr(values.get(key), "tiers", ()):
            found.setdefault(tier.start, {})[name] = tier.price
    return tuple(Tier(start, **rates) for start, rates in sorted(found.items()))


def text_of(value: Any) -> str:
    """A rate of the package's other kinds as text: "10", or "20; 40 above 100000" with tiers."""
    tiers = "".join(f"; {tier.price} above {tier.start}" for tier in getattr(value, "tiers", ()))
    return f"{base_of(value)}{tiers}"
