"""Spec 06: budgets reserve before a call and settle after it, correct across processes; two ledgers stand for two processes."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache

from apps.accounts.budgets import Budget
from apps.accounts.models import Workspace
from apps.core.database import release_connection
from apps.usage.accounts import Account, Kind, periods_of
from apps.usage.ledgers import LEASE_SECONDS, READ_SECONDS, SPARE_LEASE_SECONDS, Ledger, Ledgers
from tests.inference.conftest import shared
from tests.support.calls import entry, keep
from tests.support.cast import Cast
from tests.support.catalog import fill, offer

__all__ = ["shared"]

pytestmark = pytest.mark.django_db(transaction=True)

CENT = 10_000_000  # billionths


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(hour=12).timestamp()

    def __call__(self) -> float:
        return self.now


@dataclass
class Process:
    """One process's ledgers, and one account of them: a dollar for each day."""

    ledgers: Ledgers
    account: Account

    async def ledger(self) -> Ledger:
        [period] = periods_of(self.account.budget, self.ledgers.clock())
        return await self.ledgers.ledger(self.account, period)

    async def taken(self, calls: int, cents: int) -> int:
        """How many calls that may cost so much are let in."""
        ledger = await self.ledger()
        return sum(await asyncio.gather(*(self.ledgers.take(ledger, cents * CENT) for _ in range(calls))))

    async def settle(self, calls: int, cents: int, cost: int) -> None:
        """So many calls end; the shared cache has heard of it when this returns."""
        ledger = await self.ledger()
        for _ in range(calls):
            self.ledgers.settle(ledger, cents * CENT, cost * CENT)
        while asking := list(ledger.asking.values()):
            await asyncio.wait(asking)


def account(workspace: Workspace | None = None, kind: Kind = Kind.KEY, of: str = "") -> Account:
    return Account(kind, of or uuid4().hex[:16], workspace.pk if workspace else uuid4(), "Batch", Budget(budget_per_day=Decimal(1)))


def process(cache: BaseCache | None = None, clock: Clock | None = None, of: Account | None = None) -> Process:
    return Process(Ledgers(cache, clock=clock or Clock()), of or account())


async def test_what_a_call_may_cost_is_reserved_until_it_ends() -> None:
    one = process()
    assert await one.taken(5, cents=30) == 3
    await one.settle(1, cents=30, cost=5)
    assert await one.taken(5, cents=30) == 1
    await one.settle(3, cents=30, cost=40)  # more than was thought
    assert await one.taken(5, cents=0) == 0
    assert (await one.ledger()).known == 125 * CENT


async def test_another_day_begins_anew_and_late_calls_count_for_theirs() -> None:
    clock = Clock()
    one = process(clock=clock)
    before = await one.ledger()
    assert await one.taken(1, cents=100) == 1
    clock.now += 86_400
    assert await one.taken(2, cents=100) == 1
    one.ledgers.settle(before, 100 * CENT, 90 * CENT)
    assert (before.known, (await one.ledger()).known) == (90 * CENT, 0)


async def test_two_processes_together_never_spend_more(shared: BaseCache) -> None:
    clock, of = Clock(), account()
    both = [process(shared, clock, of), process(shared, clock, of)]
    taken = await asyncio.gather(*(each.taken(80, cents=1) for each in both))
    for each in both:
        await each.settle(0, cents=0, cost=0)  # what was asked for in vain is given back by now
    clock.now += SPARE_LEASE_SECONDS + 1  # what one of them held ahead is free again
    assert sum(taken) + sum(await asyncio.gather(*(each.taken(80, cents=1) for each in both))) == 100
    busy = both[taken.index(max(taken))]
    await busy.settle(30, cents=1, cost=1)
    await busy.settle(10, cents=1, cost=0)
    clock.now += 1
    assert sum(await asyncio.gather(*(each.taken(80, cents=1) for each in both))) == 10


async def test_one_large_call_is_not_refused_because_others_are_small(shared: BaseCache) -> None:
    """What a process asks for ahead is less than this call: it asks again although it has just asked."""
    one = process(shared)
    assert await one.taken(1, cents=1) == 1
    assert await one.taken(1, cents=90) == 1
    assert await one.taken(1, cents=10) == 0


async def test_a_call_that_is_too_large_holds_nothing_that_others_could_use(shared: BaseCache) -> None:
    clock, of = Clock(), account()
    one, other = process(shared, clock, of), process(shared, clock, of)
    assert await one.taken(1, cents=200) == 0
    assert await other.taken(1, cents=50) == 1
    clock.now += SPARE_LEASE_SECONDS + 1
    assert await one.taken(1, cents=80) == 0  # only for now
    await one.settle(0, cents=0, cost=0)
    assert await other.taken(1, cents=40) == 1


async def test_few_calls_ask_the_shared_cache(shared: BaseCache) -> None:
    one = process(shared)
    client = shared._cache.get_client(write=True)  # type: ignore[attr-defined]
    before = client.info("commandstats").get("cmdstat_eval", {}).get("calls", 0)
    ledger = await one.ledger()
    for _ in range(400):
        assert await one.ledgers.take(ledger, CENT // 10)
    assert client.info("commandstats")["cmdstat_eval"]["calls"] - before < 60


async def test_what_a_process_holds_ahead_it_holds_for_a_moment(shared: BaseCache) -> None:
    clock, of = Clock(), account()
    one, other = process(shared, clock, of), process(shared, clock, of)
    assert await one.taken(1, cents=1) == 1
    assert await other.taken(1, cents=99) == 0  # a twentieth is held for the next calls of the first
    await other.settle(0, cents=0, cost=0)  # what was asked for in vain is given back by now
    clock.now += SPARE_LEASE_SECONDS + 1
    assert await other.taken(1, cents=99) == 1
    assert await one.taken(1, cents=1) == 0


async def test_a_process_that_dies_lets_go_in_the_end(shared: BaseCache) -> None:
    clock, of = Clock(), account()
    assert await process(shared, clock, of).taken(1, cents=100) == 1
    other = process(shared, clock, of)
    assert await other.taken(1, cents=50) == 0
    await other.settle(0, cents=0, cost=0)  # and this one has given back what it asked for in vain
    clock.now += LEASE_SECONDS + 1
    assert await other.taken(1, cents=50) == 1


async def test_a_cache_that_forgets_is_told(shared: BaseCache) -> None:
    clock, of = Clock(), account()
    one = process(shared, clock, of)
    assert await one.taken(1, cents=60) == 1
    await one.settle(1, cents=60, cost=60)
    shared.clear()
    clock.now += 2
    assert await one.taken(1, cents=50) == 0
    assert await process(shared, clock, of).taken(1, cents=50) == 0


async def test_a_cache_that_is_away_stops_nobody_and_hears_of_it_later(shared: BaseCache, caplog: pytest.LogCaptureFixture) -> None:
    clock, of = Clock(), account()
    away = RedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 1}})
    one = process(away, clock, of)
    with caplog.at_level(logging.WARNING):
        assert await one.taken(5, cents=30) == 3
        await one.settle(3, cents=30, cost=30)
        assert await one.taken(1, cents=11) == 0
    assert [record.message for record in caplog.records if "shared cache is away" in record.message] == [
        "the shared cache is away, each process counts budgets for itself: ConnectionError"
    ]
    one.ledgers._shared = shared  # it is back
    clock.now += 6
    assert await one.taken(1, cents=10) == 1
    assert await process(shared, clock, of).taken(1, cents=1) == 0


def spend(workspace: Workspace, key: str, *, days_ago: int = 0) -> None:
    """40 cents, half of it on a saved prompt."""
    costs = {"provider": "openai", "provider_model": "gpt-6-sol", "input_tokens": 0, "output_tokens": 20_000}
    at = datetime.now(UTC) - timedelta(days=days_ago)
    keep(entry(workspace, at=at, source_type="api_key", source_id=key, **costs))
    keep(entry(workspace, at=at, source_type="prompt", source_id=uuid4().hex, key_id=key, **costs))
    release_connection()


@pytest.fixture
def spent(transactional_cast: Cast) -> Account:
    """A key that has spent 40 cents today, and as much the day before."""
    fill(offer(price=("2", "10")))
    of = account(transactional_cast.harbor)
    for key, days_ago in ((of.id, 0), (of.id, 1), ("0123456789abcdef", 0)):
        spend(transactional_cast.harbor, key, days_ago=days_ago)
    return of


@pytest.mark.parametrize("with_cache", [False, True])
async def test_a_process_begins_with_what_the_database_says(spent: Account, shared: BaseCache, with_cache: bool) -> None:
    one = process(shared if with_cache else None, of=spent)
    assert await one.taken(9, cents=10) == 6


async def test_without_a_shared_cache_the_database_is_asked_again_beside_the_calls(spent: Account, transactional_cast: Cast) -> None:
    """What other processes have spent, and what was still on its way when this one began."""
    clock = Clock()
    one = process(clock=clock, of=spent)
    assert await one.taken(1, cents=60) == 1
    await asyncio.to_thread(spend, transactional_cast.harbor, spent.id)
    clock.now += READ_SECONDS + 1
    await one.settle(1, cents=60, cost=1)
    assert (await one.ledger()).known == 80 * CENT
