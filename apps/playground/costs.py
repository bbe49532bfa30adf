"""What a lane's answer cost, reckoned as its trace will say it: tokens times the price in force (spec 06)."""

from dataclasses import replace

from django.utils import timezone

from apps.catalog.models import Price
from apps.playground.outcome import Outcome
from apps.traces.cost import counts, lines_of, total


def priced(outcome: Outcome) -> Outcome:
    """With its cost, where the price and the counts are known. Unknown is not 0."""
    read, written = outcome.input_tokens, outcome.output_tokens
    if read is None or written is None or not outcome.provider_model:
        return outcome
    prices = Price.objects.in_force(timezone.now()).filter(model__provider=outcome.provider, model__model_id=outcome.provider_model)
    price = prices.order_by("-valid_from").first()
    lines = lines_of(price, counts(read, written, outcome.cached_tokens, outcome.cache_write_tokens)) if price else None
    if price is None or lines is None:
        return outcome
    return replace(outcome, cost=str(total(lines)), currency=price.currency)
