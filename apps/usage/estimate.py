"""What a call may cost, before it is made: from the size of what is asked, the most that may be answered, and the price (spec 06)."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec

from apps.catalog.models import Price
from apps.providers.chat import Usage
from apps.traces.cost import counts, lines_of

BILLION: Final = 1_000_000_000  # sums are whole billionths of the currency, which every store counts exactly
BYTES_PER_TOKEN: Final = 3  # of English text rather 4, of JSON and of other scripts less
TOKENS_PER_IMAGE: Final = 1_500
LONG: Final = 2_000  # characters without a blank: no text, but an image in base64
USUAL_OUTPUT: Final = 2_000  # tokens, where the caller sets no limit


class _Limits(msgspec.Struct):
    """Of a request in OpenAI's or Anthropic's format."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None


_decoder = msgspec.json.Decoder(_Limits)


def estimate(price: Price, asked: str) -> int | None:
    """Billionths that the call may cost; None where the price does not say. Above what it will be, more often than not."""
    return _billionths(price, Usage(input_tokens=_input_tokens(asked), output_tokens=_output_tokens(asked)))


def cost(price: Price, usage: Usage) -> int:
    """Billionths that the call did cost: what its trace will say. 0 where that is not known."""
    return _billionths(price, usage) or 0


def so_far(usage: Usage, asked: str, output: str) -> Usage:
    """What is to be counted for a call that was cut, or that its provider did not count: no less than what is known of it.

    A caller who leaves before the last event, which has the counts, has been served all the same.
    """
    read = _input_tokens(asked) if usage.input_tokens is None else usage.input_tokens
    written = math.ceil(len(output.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
    return replace(usage, input_tokens=read, output_tokens=max(usage.output_tokens or 0, written))


def billionths(amount: Decimal) -> int:
    return math.ceil(amount * BILLION)


def _billionths(price: Price, usage: Usage) -> int | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    lines = lines_of(price, counts(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens))
    return None if lines is None else billionths(sum((line.amount for line in lines), Decimal(0)))


def _input_tokens(asked: str) -> int:
    return sum(
        TOKENS_PER_IMAGE
        if len(part) > LONG and part[:LONG].isascii() and " " not in part[:LONG]
        else len(part.encode("utf-8", "replace")) // BYTES_PER_TOKEN
        for part in asked.split('"')
    )


def _output_tokens(asked: str) -> int:
    try:
        limits = _decoder.decode(asked)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return USUAL_OUTPUT
    # The larger one: it is the provider's choice which it obeys.
    most = max(limits.max_completion_tokens or 0, limits.max_tokens or 0) or USUAL_OUTPUT
    return max(0, most) * max(1, limits.n or 1)
