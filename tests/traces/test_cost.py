"""What calls cost, and their receipts (spec 06, Usage and cost)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.catalog.models import Price
from apps.catalog.offers import DatedRates, Tier
from apps.traces.cost import receipt_of
from apps.traces.models import Trace, TraceHour
from apps.traces.store import flush, record
from tests.support.cast import Cast
from tests.support.catalog import day, fill, offer, rates
from tests.support.records import a_record

PRICED = {"provider": "openai", "provider_model": "gpt-6-sol"}


def kept(cast: Cast, **changes: Any) -> Trace:
    entry = a_record(cast.harbor.pk, **PRICED | changes)
    record(entry)
    flush()
    return Trace.objects.get(pk=entry.id)


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [
        ({"input_tokens": 1000, "output_tokens": 200}, "0.004"),
        ({"input_tokens": 0, "output_tokens": 0}, "0"),  # known and nothing: free
        ({"input_tokens": 1000, "output_tokens": 200, "cached_tokens": 400}, "0.0034"),
        ({"input_tokens": 1000, "output_tokens": 200, "cached_tokens": 400, "cache_write_tokens": 100}, "0.00345"),
        ({"input_tokens": 1000, "output_tokens": 200, "cached_tokens": 5000}, "0.0025"),  # more than there was: no more than all
        ({"input_tokens": 200_000, "output_tokens": 200}, "0.402"),
        ({"input_tokens": 200_001, "output_tokens": 200}, "0.803004"),  # beyond the tier all of the call costs more
        ({"input_tokens": None, "output_tokens": 200}, None),
        ({"input_tokens": 1000, "output_tokens": None}, None),
        ({"provider_model": "gpt-unheard-of"}, None),
        ({"provider": "azure"}, None),
        ({"provider": "", "provider_model": ""}, None),
        ({"provider_model": "priceless"}, None),
    ],
)
def test_cost_is_tokens_times_the_price(cast: Cast, tokens: dict[str, Any], cost: str | None) -> None:
    price = rates(
        "2", "10", cached_read=Decimal("0.5"), cached_write=Decimal("2.5"), tiers=(Tier(200_000, input=Decimal(4), output=Decimal(15)),)
    )
    fill(offer(prices=(DatedRates(None, price),)), offer(model_id="priceless", price=None))
    trace = kept(cast, **tokens)
    receipt = receipt_of(trace)
    if cost is None:
        assert (trace.cost, trace.price_id, receipt) == (None, None, None)
        assert TraceHour.objects.get().cost_unknown == 1
        return
    assert trace.cost == Decimal(cost)
    assert trace.currency == "USD"
    assert receipt is not None
    assert receipt.total == trace.cost
    assert sum(line.amount for line in receipt.lines) == trace.cost
    assert sum(line.tokens for line in receipt.lines) == trace.input_tokens + trace.output_tokens  # type: ignore[operator]
    assert (receipt.price.source, receipt.price.version) == ("genai-prices", "1.0")
    assert receipt.above == (200_000 if trace.input_tokens == 200_001 else None)


def test_the_price_is_the_one_of_the_call_s_time(cast: Cast) -> None:
    fill(offer(price=("2", "10")))
    Price.objects.update(valid_from=day("2026-01-01"), valid_to=day("2026-06-01"))
    later = Price.objects.get()
    later.pk, later.valid_from, later.valid_to, later.input, later.output = None, day("2026-06-01"), None, Decimal(1), Decimal(5)
    later.save()
    assert kept(cast, started_at=day("2026-03-01").timestamp()).cost == Decimal("0.004")
    assert kept(cast, started_at=day("2026-07-01").timestamp()).cost == Decimal("0.002")
    assert kept(cast, started_at=day("2025-12-31").timestamp()).cost is None


def test_a_receipt_stays_when_the_price_has_changed(cast: Cast) -> None:
    fill(offer(price=("2", "10")))
    trace = kept(cast)
    fill(offer(price=("20", "100")), version="2.0")
    receipt = receipt_of(trace)
    assert receipt is not None
    assert receipt.total == trace.cost == Decimal("0.004")
    assert receipt.price.version == "1.0"


def test_cached_input_without_a_rate_of_its_own_is_paid_as_input(cast: Cast) -> None:
    fill(offer(price=("2", "10")))
    trace = kept(cast, cached_tokens=400)
    receipt = receipt_of(trace)
    assert receipt is not None
    assert trace.cost == Decimal("0.004")
    assert [(line.kind, line.tokens, line.rate_of) for line in receipt.lines][1] == ("cached_read", 400, "Input")


def test_a_missing_rate_of_used_tokens_makes_the_cost_unknown(cast: Cast) -> None:
    fill(offer(price=("2", "10")))
    Price.objects.update(output=None)
    assert kept(cast).cost is None
    assert kept(cast, output_tokens=0).cost == Decimal("0.002")


def test_a_failed_call_without_tokens_costs_nothing_unknown(cast: Cast) -> None:
    trace = kept(cast, status="failed", input_tokens=None, output_tokens=None, started_at=(timezone.now() - timedelta(hours=2)).timestamp())
    assert trace.cost is None
    assert TraceHour.objects.get().cost_unknown == 0
