"""Spec 04, spec 07 D10: limits per minute, counted by all processes together; two limiters stand for two processes."""

import asyncio
import logging
from uuid import uuid4

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache

from apps.inference.limits import Limiter
from apps.providers.errors import ErrorKind, ProviderError
from tests.inference.conftest import REDIS


class Clock:
    now = 6000.0  # a full minute

    def __call__(self) -> float:
        return self.now


async def admitted(limiter: Limiter, calls: int, *, requests: int | None = None, tokens: int | None = None) -> int:
    async def one() -> bool:
        try:
            await limiter.admit("key:1", "The API key of Batch", requests=requests, tokens=tokens)
        except ProviderError as error:
            return error.kind is not ErrorKind.RATE_LIMITED
        return True

    return sum(await asyncio.gather(*(one() for _ in range(calls))))


async def test_one_process_counts_to_the_limit_and_starts_anew_with_the_minute() -> None:
    clock = Clock()
    limiter = Limiter(None, clock=clock)
    assert await admitted(limiter, 8, requests=5) == 5
    clock.now += 45
    with pytest.raises(ProviderError) as caught:
        await limiter.admit("key:1", "The API key of Batch", requests=5, tokens=None)
    assert caught.value.message == "The API key of Batch has used up its limit of 5 requests per minute."
    assert caught.value.hint == "It starts anew in 15 seconds."
    assert caught.value.retry_after == 15
    clock.now += 15
    assert await admitted(limiter, 8, requests=5) == 5


async def test_tokens_are_counted_after_the_call() -> None:
    limiter = Limiter(None, clock=Clock())
    assert await admitted(limiter, 1, tokens=1000) == 1
    limiter.settle("key:1", 999)
    assert await admitted(limiter, 1, tokens=1000) == 1
    limiter.settle("key:1", 1)
    assert await admitted(limiter, 1, tokens=1000) == 0


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_two_processes_together_never_go_over_the_limit(shared: BaseCache, limit: int) -> None:
    clock = Clock()
    limiters = [Limiter(shared, clock=clock), Limiter(shared, clock=clock)]
    for _ in range(2):
        counts = await asyncio.gather(*(admitted(each, 2 * limit, requests=limit) for each in limiters))
        assert sum(counts) == limit  # all permits were given out, and none twice
        clock.now += 60


async def test_few_calls_ask_the_shared_cache(shared: BaseCache) -> None:
    asked = 0

    class Counting(RedisCache):
        def incr(self, *about: object, **more: object) -> int:
            nonlocal asked
            asked += 1
            result: int = super().incr(*about, **more)
            return result

    counting = Counting(REDIS, {"KEY_PREFIX": f"test-{uuid4().hex}"})
    assert await admitted(Limiter(counting, clock=Clock()), 1000, requests=1000) == 1000
    assert asked < 60


async def has_asked(limiter: Limiter) -> None:
    """Until what it asks the shared cache beside the calls is answered."""
    await asyncio.gather(*(asking for minute in limiter._minutes.values() for asking in minute.asking.values()))


async def test_tokens_of_one_process_stop_the_other(shared: BaseCache) -> None:
    clock = Clock()
    one, other = Limiter(shared, clock=clock), Limiter(shared, clock=clock)
    assert await admitted(other, 1, tokens=100) == 1
    one.settle("key:1", 150)
    await has_asked(one)
    clock.now += 1  # what the other knows is old by now: it asks beside a call
    await admitted(other, 1, tokens=100)
    await has_asked(other)
    assert await admitted(other, 1, tokens=100) == 0


async def test_a_cache_that_is_away_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    away = RedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 1}})
    limiter = Limiter(away, clock=Clock())
    with caplog.at_level(logging.WARNING):
        assert await admitted(limiter, 30, requests=20) == 20
        limiter.settle("key:1", 50)
        assert await admitted(limiter, 1, tokens=50) == 0
    assert [record.message for record in caplog.records if "shared cache is away" in record.message] == [
        "the shared cache is away, each process counts its limits for itself: ConnectionError"
    ]
