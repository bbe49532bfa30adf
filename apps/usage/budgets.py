"""Budgets of calls: what a call may cost is reserved before it, and what it did cost settled after it (spec 04, spec 06).

    held = await reserve(account, provider="openai", model="gpt-4o", asked=body)    # raises ProviderError(BUDGET_EXCEEDED)
    ...
    settle(held, usage)

Who has no budget comes by here not at all. A call of a model without a known price cannot be counted, and is let through.
"""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.db import Error
from django.utils.formats import date_format

from apps.accounts.budgets import CURRENCY
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.record import SYSTEM
from apps.catalog.models import Price
from apps.core.database import release_connection
from apps.core.shared_cache import shared_cache
from apps.providers.chat import Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.traces.cost import in_force, read_prices
from apps.traces.templatetags.traces import amount as money
from apps.usage.accounts import Account, periods_of
from apps.usage.actions import Reached, note_reached
from apps.usage.estimate import BILLION, cost, estimate
from apps.usage.ledgers import Ledger, Ledgers

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What is reserved for one call from one account: `amount` in each ledger."""

    price: Price
    amount: int
    ledgers: list[Ledger]


async def reserve(account: Account, *, provider: str, model: str, asked: str) -> Held | None:
    """Reserve what the call may cost; None where its price is not known.

    Raises ProviderError(BUDGET_EXCEEDED), which names the budget and says when it starts anew.
    """
    now = ledgers.clock()
    price = in_force(await _prices_of(provider, model), datetime.fromtimestamp(now, UTC))
    may_cost = estimate(price, asked) if price is not None and price.currency == CURRENCY else None
    if price is None or may_cost is None:
        return None
    held = Held(price, 0 if account.budget.budget_only_warns else may_cost, [])
    try:
        for period in periods_of(account.budget, now):
            ledger = await ledgers.ledger(account, period)
            if held.amount != may_cost or await ledgers.take(ledger, may_cost):
                held.ledgers.append(ledger)
                continue
            _reached(ledger)
            raise refusal(ledger, may_cost, now)
    except BaseException:
        release(held)
        raise
    return held


def settle(held: Held, usage: Usage) -> None:
    """The call is over: what it cost, as far as that is known, takes the place of what was reserved."""
    spent = cost(held.price, usage)
    for ledger in held.ledgers:
        ledgers.settle(ledger, held.amount, spent)
        if ledger.known >= ledger.limit:
            _reached(ledger)


def release(held: Held) -> None:
    """Nothing was sent after all."""
    for ledger in held.ledgers:
        ledgers.settle(ledger, held.amount, 0)


def refusal(ledger: Ledger, may_cost: int, now: float) -> ProviderError:
    period, left = ledger.period, max(0, ledgers.left(ledger))
    budget = f"its budget of {money(period.amount, CURRENCY)} per {period.word}"
    message = f"{ledger.account.words} has spent {budget}."
    if ledger.known < ledger.limit:
        message = f"{ledger.account.words} has {_shown(left)} left of {budget}, and this call may cost {_shown(may_cost)}."
    hint = f"It starts anew on {date_format(period.end, 'j F Y')} at 00:00 UTC."
    return ProviderError(ErrorKind.BUDGET_EXCEEDED, message, hint, retry_after=period.end.timestamp() - now)


def _shown(billionths: int) -> str:
    return money(Decimal(billionths) / BILLION, CURRENCY)


# Prices, read once and kept until the platform changes something

_prices: dict[tuple[str, str], list[Price]] = {}
_changes = 0
_changing = threading.Lock()


async def _prices_of(provider: str, model: str) -> list[Price]:
    """Empty where there are none; also while the database is away, for want of better."""
    prices = _prices.get((provider, model))
    return prices if prices is not None else await asyncio.to_thread(_read_prices, (provider, model))


def _read_prices(key: tuple[str, str]) -> list[Price]:
    read_at = _changes
    try:
        found = read_prices([key])
    except Error:
        _log.warning("prices could not be read: this call is not counted for budgets")
        return []
    finally:
        release_connection()
    with _changing:
        if read_at == _changes:
            _prices.update(found)
    return found[key]


def _forget_prices(chain: str) -> None:
    global _changes
    if chain == PLATFORM:
        with _changing:
            _changes += 1
            _prices.clear()


watch.on_change(_forget_prices)


# That a budget was reached, once in its period


def _reached(ledger: Ledger) -> None:
    """Have it written down, beside the calls."""
    if ledger.reached == ledger.limit:
        return
    ledger.reached = ledger.limit
    reached = Reached(ledger.account, ledger.period, Decimal(ledger.known) / BILLION)
    asyncio.get_running_loop().run_in_executor(None, _note, ledger, reached)


def _note(ledger: Ledger, reached: Reached) -> None:
    try:
        note_reached(reached, actor=SYSTEM)
    except Error:
        ledger.reached = None  # by a later call
        _log.warning("that a budget was reached could not be noted")
    finally:
        release_connection()


ledgers: Final = Ledgers(shared_cache())
