"""How figures of calls look: {% load traces %}.

{{ milliseconds|seconds }}  {{ failed|share:requests }}  {{ cost|amount:currency }}
{{ trace|cell:column }}  {{ trace|cost }}  {{ trace.request_id|short_id }}  {{ trace.error_code|in_words }}
"""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from django import template

from apps.catalog.templatetags.catalog import money
from apps.core.templatetags.ui import grouped
from apps.core.text import visible
from apps.providers.errors import in_words
from apps.traces.columns import Extra
from apps.traces.models import Trace

register = template.Library()
register.filter(in_words)

UNKNOWN = "\N{EN DASH}"
SMALL = Decimal("0.01")
SMALLEST = Decimal("0.00000001")


@register.filter
def seconds(milliseconds: float | None) -> str:
    """2060 as "2.06 s", 30000 as "30.0 s", 236000 as "236 s", 430.2 as "430 ms"."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    value = milliseconds / 1000
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} s"


@register.filter
def share(part: int, whole: int) -> str:
    """3 of 600 as "0.5%"; what happened at least once is never 0%."""
    if not whole:
        return UNKNOWN
    value = 100 * part / whole
    return "<0.1%" if 0 < value < 0.1 else f"{value:.1f}%".replace(".0%", "%")


@register.filter
def amount(value: Decimal | None, currency: str = "USD") -> str:
    """Money in cents, below one cent with two digits that say something; "unknown" where no price is known."""
    if value is None:
        return "unknown"
    places = SMALL if value >= SMALL or not value else max(SMALLEST, Decimal(1).scaleb(value.adjusted() - 1))
    return money(value.quantize(places, ROUND_HALF_UP), currency or "USD")


@register.filter
def short_id(request_id: str) -> str:
    """The end of a request ID: it begins with the time, so that calls of one hour begin alike."""
    return f"…{request_id[-8:]}"


@register.filter(name="cost")
def cost_of(trace: Trace) -> str:
    """A dash where there were no tokens, "unknown" where there were some at no known price."""
    return UNKNOWN if trace.cost is None and total_tokens(trace) is None else amount(trace.cost, trace.currency)


CELLS: dict[str, Callable[[Trace], str]] = {
    "model": lambda trace: visible(trace.model_name),
    "connection": lambda trace: visible(trace.connection_name) or UNKNOWN,
    "tokens": lambda trace: grouped(total_tokens(trace)),
    "cost": cost_of,
    "first_token": lambda trace: seconds(trace.first_token_ms),
    "attempts": lambda trace: str(trace.attempts),
    "error_code": lambda trace: trace.error_code or UNKNOWN,
}


def total_tokens(trace: Trace) -> int | None:
    known = [count for count in (trace.input_tokens, trace.output_tokens) if count is not None]
    return sum(known) if known else None


@register.filter
def cell(trace: Trace, column: Extra) -> str:
    """What an extra column says of a trace."""
    return CELLS[column.key](trace)
