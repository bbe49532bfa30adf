"""What a call cost: its tokens times the price in force when it began (spec 06). Unknown is None, never 0."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from apps.catalog.models import RATES, Price
from apps.traces.models import Trace
from apps.traces.record import TraceRecord

MILLION = Decimal(1_000_000)
CENT_PARTS = Decimal("0.0000000001")  # as Trace.cost is stored
FRESH_SECONDS = 60.0
KINDS = {"input": "Input", "cached_read": "Input read from the cache", "cached_write": "Input written to the cache", "output": "Output"}


@dataclass(frozen=True, slots=True)
class Cost:
    amount: Decimal | None = None
    currency: str = ""
    price_id: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of tokens. `rate` per million; `rate_of` says whose rate it is where the kind has none of its own."""

    kind: str
    label: str
    tokens: int
    rate: Decimal
    amount: Decimal
    rate_of: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the cost of a call came about. `above`: the tier that it fell into, by its input tokens."""

    lines: tuple[Line, ...]
    total: Decimal
    price: Price
    above: int | None = None


UNKNOWN = Cost()


class PriceBook:
    """Prices by provider and model ID, asked once a minute. Not for several threads at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, list[Price]]] = {}

    def forget(self) -> None:
        self._known.clear()

    def look_up(self, entries: Iterable[TraceRecord]) -> None:
        """Read what the entries need and is not known freshly. Outside a transaction that holds others up: it asks the database."""
        now = time.monotonic()
        asked = {(entry.provider, entry.provider_model) for entry in entries if entry.provider_model}
        missing = {key for key in asked if key not in self._known or now - self._known[key][0] > FRESH_SECONDS}
        if not missing:
            return
        self._known |= {key: (now, prices) for key, prices in read_prices(missing).items()}

    def cost_of(self, entry: TraceRecord) -> Cost:
        """UNKNOWN where the price, or one of the counts, is not known."""
        if entry.input_tokens is None or entry.output_tokens is None:
            return UNKNOWN
        _, prices = self._known.get((entry.provider, entry.provider_model), (0, []))
        if not prices:
            return UNKNOWN
        price = in_force(prices, datetime.fromtimestamp(entry.started_at, UTC))
        if price is None:
            return UNKNOWN
        amount = amount_of(price, counts(entry.input_tokens, entry.output_tokens, entry.cached_tokens, entry.cache_write_tokens))
        return UNKNOWN if amount is None else Cost(amount, price.currency, price.pk)


def read_prices(models: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Price]]:
    """All that these providers' models have ever cost, oldest first."""
    found: dict[tuple[str, str], list[Price]] = {key: [] for key in models}
    for price in Price.objects.filter(model__model_id__in={model for _, model in models}).select_related("model").order_by("valid_from"):
        key = (price.model.provider, price.model.model_id)
        if key in found:
            found[key].append(price)
    return found


def in_force(prices: Sequence[Price], at: datetime) -> Price | None:
    """The newest of a model's prices that holds at the moment."""
    return next((each for each in reversed(prices) if each.valid_from <= at and (each.valid_to is None or at < each.valid_to)), None)


def counts(read: int, written: int, cached: int | None, cache_written: int | None) -> dict[str, int]:
    """Tokens by kind. The input counts what came from the cache and went to it as well."""
    from_cache = min(cached or 0, read)
    to_cache = min(cache_written or 0, read - from_cache)
    return {"input": read - from_cache - to_cache, "cached_read": from_cache, "cached_write": to_cache, "output": written}


def lines_of(price: Price, tokens: Mapping[str, int]) -> tuple[Line, ...] | None:
    """None where a kind that was used has no price. Cached input without a rate of its own is paid as input."""
    rates = rates_for(price, sum(tokens[kind] for kind in KINDS if kind != "output"))
    lines = []
    for kind, label in KINDS.items():
        if not tokens[kind]:
            continue
        borrowed = rates[kind] is None and kind in ("cached_read", "cached_write")
        rate = rates["input"] if borrowed else rates[kind]
        if rate is None:
            return None
        lines.append(Line(kind, label, tokens[kind], rate, tokens[kind] * rate / MILLION, KINDS["input"] if borrowed else ""))
    return tuple(lines)


def amount_of(price: Price, tokens: Mapping[str, int]) -> Decimal | None:
    """The total of `lines_of` without the lines, which take as long to make as a row to write."""
    rates = rates_for(price, sum(tokens[kind] for kind in KINDS if kind != "output"))
    amount = Decimal(0)
    for kind, count in tokens.items():
        if count:
            rate = rates["input"] if rates[kind] is None and kind != "output" else rates[kind]
            if rate is None:
                return None
            amount += count * rate
    return (amount / MILLION).quantize(CENT_PARTS)


def total(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0)).quantize(CENT_PARTS)


def tier_of(price: Price, read: int) -> Mapping[str, object] | None:
    """The highest tier that so many input tokens go beyond."""
    passed = [tier for tier in price.tiers if read > tier["above"]]
    return max(passed, key=lambda tier: int(tier["above"]), default=None)


def rates_for(price: Price, read: int) -> dict[str, Decimal | None]:
    """The rates for a call with so many input tokens; a tier leaves the rates that it does not name."""
    rates: dict[str, Decimal | None] = {kind: getattr(price, kind) for kind in RATES}
    tier = tier_of(price, read) or {}
    return rates | {kind: Decimal(str(tier[kind])) for kind in RATES if kind in tier}


def receipt_of(trace: Trace) -> Receipt | None:
    """How the trace's cost came about; None where it is unknown."""
    price = Price.objects.select_related("model").filter(pk=trace.price_id).first() if trace.price_id else None
    if price is None or trace.input_tokens is None or trace.output_tokens is None:
        return None
    tokens = counts(trace.input_tokens, trace.output_tokens, trace.cached_tokens, trace.cache_write_tokens)
    lines = lines_of(price, tokens)
    if lines is None:
        return None
    tier = tier_of(price, trace.input_tokens)
    return Receipt(lines, total(lines), price, int(str(tier["above"])) if tier else None)
