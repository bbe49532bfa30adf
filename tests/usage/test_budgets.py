"""Spec 04, spec 06: calls reserve what they may cost, and are refused when a budget has not that much left. With the demo provider."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.cache.backends.base import BaseCache
from django.db.backends.signals import connection_created

from apps.accounts.budgets import Budget
from apps.audit.models import AuditEvent
from apps.audit.watch import announce
from apps.catalog.models import Price
from apps.connections.models import Connection
from apps.inference import chatting
from apps.inference.calls import Call, Caller
from apps.providers.errors import ErrorKind, ProviderError
from apps.traces.models import SourceType, Trace
from apps.traces.record import Api
from apps.traces.store import flush
from apps.usage.budgets import ledgers
from apps.usage.estimate import BILLION, estimate
from tests.inference.conftest import allow, connect, provider, provider_server, shared
from tests.inference.test_calls import KEYS, NAME, SAID, chat_definition, spare
from tests.support.cast import Cast
from tests.support.catalog import fill, offer
from tests.support.provider import RunningProvider
from tests.support.together import at_once

__all__ = ["provider", "provider_server", "shared"]

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = '{"model": "Claims triage", "max_tokens": 50, "messages": [{"role": "user", "content": "Hail on a parked car"}]}'
DOLLAR_A_TOKEN = ("0", "1000000")


@pytest.fixture
def connection(transactional_cast: Cast, provider: RunningProvider) -> Connection:
    """Of a model whose output costs a dollar a token: a call may cost 50 dollars, and costs some 20 to 30."""
    allow(provider)
    fill(offer(model_id="gpt-4o-mini", price=DOLLAR_A_TOKEN))
    connection = connect(transactional_cast.harbor, transactional_cast.adam, chat_definition(provider.url), key=KEYS.accepted)
    type(connection.model).objects.update(provider="openai")
    return connection


def caller_of(cast: Cast, *, name: str = "Batch", key: str = "", **budget: Any) -> Caller:
    """A key with a budget, of its own unless it is named."""
    return Caller(cast.harbor.pk, SourceType.API_KEY, key or uuid4().hex[:16], name, budget=Budget(**budget) or None)


def calling(caller: Caller, asked: str = NAME) -> Call:
    call = Call(caller, asked, api=Api.OPENAI)
    call.input = ASKED
    return call


async def ask(call: Call) -> None:
    async with call:
        await call.resolve()
        answer = await chatting.ask(call, SAID)
        call.succeed(answer.text, answer.usage)


def asking(caller: Caller, asked: str = NAME) -> Trace:
    """The trace of a call that went well."""
    call = calling(caller, asked)
    async_to_sync(ask)(call)
    flush()
    return Trace.objects.get(pk=call.id)


def refusal(caller: Caller, asked: str = NAME) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        async_to_sync(ask)(calling(caller, asked))
    assert caught.value.kind is ErrorKind.BUDGET_EXCEEDED
    return caught.value


def reached() -> list[AuditEvent]:
    """The events, once there is one: it is written beside the calls."""
    events = AuditEvent.objects.filter(event="budget.reached")
    deadline = time.monotonic() + 60
    while not events.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(events)


def test_a_key_spends_its_budget(transactional_cast: Cast, connection: Connection) -> None:
    caller = caller_of(transactional_cast, budget_per_day=Decimal(60))
    cost = asking(caller).cost
    assert cost is not None
    assert 10 < cost < 50
    error = refusal(caller)
    left = "The API key of Batch has ${} left of its budget of ${} per day, and this call may cost $50.00."
    assert error.message == left.format(f"{60 - cost:.2f}", "60.00")
    assert error.hint.endswith(" at 00:00 UTC.")
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 86_400
    smaller = replace(caller, budget=Budget(budget_per_day=Decimal(50)))  # lowered: it holds at once
    assert refusal(smaller).message == left.format(f"{50 - cost:.2f}", "50.00")
    assert asking(replace(caller, budget=Budget(budget_per_day=Decimal(1000)))).status == "success"
    flush()
    assert list(Trace.objects.filter(status="failed").values_list("error_code", flat=True)) == ["budget_exceeded"] * 2


def test_a_month_is_longer_than_a_day(transactional_cast: Cast, connection: Connection) -> None:
    caller = caller_of(transactional_cast, budget_per_day=Decimal(1000), budget_per_month=Decimal(60))
    asking(caller)
    error = refusal(caller)
    assert "of its budget of $60.00 per month" in error.message
    now = datetime.now(UTC)
    month = (now.year + now.month // 12, now.month % 12 + 1)
    assert error.hint == f"It starts anew on 1 {datetime(*month, 1, tzinfo=UTC):%B %Y} at 00:00 UTC."


def test_what_is_spent_says_so_and_is_noted_once(transactional_cast: Cast, connection: Connection) -> None:
    caller = caller_of(transactional_cast, budget_per_day=Decimal(60))
    cost = asking(caller).cost
    lower = replace(caller, budget=Budget(budget_per_day=Decimal(10)))
    messages = {refusal(lower).message for _ in range(3)}
    assert messages == {"The API key of Batch has spent its budget of $10.00 per day."}
    [event] = reached()
    said = {name: each["after"] for name, each in event.changes.items()}
    assert (said["period"], said["budget"], Decimal(said["spent"]), said["currency"]) == ("day", "10", cost, "USD")
    assert (event.target_id, event.actor_kind) == (caller.source_id, "system")


def test_only_warning_stops_nobody(transactional_cast: Cast, connection: Connection) -> None:
    caller = caller_of(transactional_cast, budget_per_day=Decimal(10), budget_only_warns=True)
    for _ in range(3):
        asking(caller)
    [event] = reached()
    assert event.description.endswith("Calls go on: it only warns.")


def test_a_connection_whose_budget_is_spent_makes_way_for_the_next(transactional_cast: Cast, connection: Connection) -> None:
    cast = transactional_cast
    other = spare(connection.model, cast)
    Connection.objects.filter(pk=connection.pk).update(budget_per_day=60)
    caller = caller_of(cast)
    assert [asking(caller).connection_name for _ in range(3)] == ["production", "spare", "spare"]
    assert refusal(caller, f"{NAME}@production").message.startswith("The connection production has $")
    Connection.objects.filter(pk=other.pk).update(budget_per_month=1)
    announce(str(cast.harbor.pk))
    assert refusal(caller).message.startswith("The connection production has $")  # the first reason of all


def test_calls_without_a_price_are_not_counted(transactional_cast: Cast, connection: Connection) -> None:
    type(connection.model).objects.update(provider="custom")
    caller = caller_of(transactional_cast, budget_per_day=Decimal("0.01"))
    assert [asking(caller).cost for _ in range(2)] == [None, None]


@pytest.mark.parametrize("fault", ["/fault/422", "/fault/truncated"])
def test_a_call_that_fails_gives_back_what_it_reserved(transactional_cast: Cast, provider: RunningProvider, fault: str) -> None:
    cast = transactional_cast
    allow(provider)
    fill(offer(model_id="gpt-4o-mini", price=DOLLAR_A_TOKEN))
    bad = connect(cast.harbor, cast.adam, chat_definition(provider.url, fault=fault), key=KEYS.accepted)
    type(bad.model).objects.update(provider="openai")
    Connection.objects.update(budget_per_day=60)
    caller = caller_of(cast, budget_per_day=Decimal(60))
    for _ in range(3):
        assert refused_kind(caller) is not ErrorKind.BUDGET_EXCEEDED


def refused_kind(caller: Caller) -> ErrorKind:
    with pytest.raises(ProviderError) as caught:
        async_to_sync(ask)(calling(caller))
    return caught.value.kind


def test_one_whose_caller_leaves_gives_back_but_what_it_has_said(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    fill(offer(model_id="gpt-4o-mini", price=DOLLAR_A_TOKEN))
    connect(cast.harbor, cast.adam, chat_definition(provider.url, fault="/fault/stall"), key=KEYS.accepted)
    type(Connection.objects.get().model).objects.update(provider="openai")
    caller = caller_of(cast, budget_per_day=Decimal(99))

    async def leave() -> None:
        begun = asyncio.Event()

        async def read() -> None:
            async with (call := calling(caller)):
                await call.resolve()
                async with aclosing(chatting.stream(call, SAID)) as events:
                    async for _ in events:
                        begun.set()

        task = asyncio.ensure_future(read())
        async with asyncio.timeout(60):
            await begun.wait()
        with pytest.raises(ProviderError):  # while it runs nobody else gets what it holds
            await ask(calling(caller))
        task.cancel()
        await asyncio.wait([task])

    for _ in range(2):
        async_to_sync(leave)()
    refusal(replace(caller, budget=Budget(budget_per_day=Decimal(50))))  # what they had been told is paid for, although nobody counted it


@pytest.mark.parametrize(
    ("limits", "may_cost"),
    [({"max_tokens": 50, "max_completion_tokens": 1}, 50), ({"max_tokens": -5}, 2000), ({"max_tokens": 7, "n": 3}, 21)],
)
def test_the_larger_limit_is_what_a_call_may_cost(limits: dict[str, int], may_cost: int) -> None:
    price = Price(input=Decimal(0), output=Decimal(1_000_000))
    assert estimate(price, json.dumps(limits)) == may_cost * BILLION


@contextmanager
def connections_opened() -> Iterator[list[object]]:
    opened: list[object] = []

    def note(connection: Any, **more: object) -> None:
        opened.append(connection)

    connection_created.connect(note)
    try:
        yield opened
    finally:
        connection_created.disconnect(note)


def test_the_steady_state_asks_no_database(transactional_cast: Cast, connection: Connection) -> None:
    """Neither with budgets nor without: threads that ask would open a connection, and give it back."""
    Connection.objects.update(budget_per_month=100_000)
    caller = caller_of(transactional_cast, budget_per_day=Decimal(10_000), budget_per_month=Decimal(100_000))

    async def some(calls: int) -> None:
        for _ in range(calls):
            await ask(calling(caller))

    async_to_sync(some)(1)
    with connections_opened() as opened:
        async_to_sync(some)(3)
    assert opened == []


@pytest.mark.parametrize("with_cache", [False, True])
def test_crowds_in_several_threads_spend_no_more_than_there_is(
    transactional_cast: Cast, connection: Connection, shared: BaseCache, monkeypatch: pytest.MonkeyPatch, with_cache: bool
) -> None:
    monkeypatch.setattr(ledgers, "_shared", shared if with_cache else None)
    caller = caller_of(transactional_cast, budget_per_day=Decimal(200))  # four at once

    async def crowd() -> list[object]:
        return list(await asyncio.gather(*(ask(calling(caller)) for _ in range(6)), return_exceptions=True))

    found = [each for crowd_found in at_once([async_to_sync(crowd)] * 3) for each in crowd_found]
    assert {each.kind for each in found if isinstance(each, ProviderError)} == {ErrorKind.BUDGET_EXCEEDED}
    assert {type(each) for each in found} == {ProviderError, type(None)}
    flush()
    costs = Trace.objects.filter(source_id=caller.source_id, status="success").values_list("cost", flat=True)
    assert len(costs) >= 4
    assert sum(cost or 0 for cost in costs) <= 200
