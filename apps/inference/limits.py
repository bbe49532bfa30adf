"""Limits per minute of API keys and of connections, counted by all processes together (spec 04, Gateway; spec 07 D10).

With the cache in memory there is one process, and counting is all there is to it. With a shared cache each process takes permits for
requests in blocks, and counts those down by itself, so that few calls wait for the cache; no more permits than the limit are given out in a
minute. Tokens are known after the call: they are added up in the background, and a minute whose sum has reached the limit takes no further
call. While the cache is away every process counts for itself, which is said once in the log.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.cache.backends.base import BaseCache

from apps.core.shared_cache import failures, shared_cache
from apps.providers.errors import ErrorKind, ProviderError

WINDOW = 60  # seconds, from full minute to full minute
KEPT_SECONDS = 2 * WINDOW
BLOCK_SHARE = 10  # a block is this part of what is left
FRESH_SECONDS = 0.5  # how old the sum of all processes' tokens may be
AWAY_SECONDS = 5.0  # until a cache that failed is asked again
MOST_NAMES = 20_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Minute:
    """What is counted under one name in one minute."""

    number: int
    used: int = 0  # permits used here; or tokens of all processes as far as they are known
    granted: int = 0  # permits that this process has got
    asked_for: int = 0  # permits that all processes had asked for when this one last did
    spent: bool = False  # nobody gets any more
    pending: int = 0  # tokens that the others have not been told of
    asked_at: float = float("-inf")
    asking: "dict[asyncio.AbstractEventLoop, asyncio.Future[None]]" = field(default_factory=dict)


class Limiter:
    """One process's counts. There is one (`limiter`); tests make several, as several processes would. `clock` is time.time()."""

    def __init__(self, shared: BaseCache | None, *, clock: Callable[[], float] = time.time) -> None:
        self._shared = shared
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}
        self._away_until = 0.0
        self._said = False

    async def admit(self, whose: str, words: str, *, requests: int | None, tokens: int | None) -> None:
        """Take a permit for one call. Raises ProviderError(RATE_LIMITED) saying which limit, its size, and when it starts anew.

        `whose` names the counters, `words` say whose they are. None means no limit, and costs nothing.
        """
        if tokens is not None and not await self._has_tokens(f"{whose}:tokens", tokens):
            raise self._refusal(words, tokens, "tokens")
        if requests is not None and not await self._take(f"{whose}:requests", requests):
            raise self._refusal(words, requests, "requests")

    def settle(self, whose: str, tokens: int) -> None:
        """Count what a call has taken of a limit of tokens."""
        minute = self._minute(f"{whose}:tokens")
        minute.used += tokens
        if self._shared is not None:
            minute.pending += tokens
            self._soon(f"{whose}:tokens", minute)

    async def _take(self, name: str, limit: int) -> bool:
        while True:
            minute = self._minute(name)
            if self._counts_alone():
                minute.granted = limit
            if minute.used < min(minute.granted, limit):
                minute.used += 1
                return True
            if minute.spent or minute.granted >= limit:
                return False
            await self._once(minute, self._lease, name, minute, limit)

    async def _has_tokens(self, name: str, limit: int) -> bool:
        minute = self._minute(name)
        if not self._counts_alone() and minute.used < limit:
            if minute.asked_at == float("-inf"):
                await self._once(minute, self._exchange, name, minute)
            elif self._clock() - minute.asked_at > FRESH_SECONDS:
                self._soon(name, minute)
        return minute.used < limit

    def _minute(self, name: str) -> _Minute:
        number = int(self._clock() // WINDOW)
        minute = self._minutes.get(name)
        if minute is None or minute.number != number:
            if len(self._minutes) >= MOST_NAMES:
                self._minutes = {each: kept for each, kept in self._minutes.items() if kept.number == number}
            minute = self._minutes[name] = _Minute(number)
        return minute

    def _counts_alone(self) -> bool:
        return self._shared is None or self._clock() < self._away_until

    async def _once(self, minute: _Minute, ask: Callable[..., None], *about: object) -> None:
        """Ask the cache in a thread, one caller for all who need it now."""
        loop = asyncio.get_running_loop()
        asking = minute.asking.get(loop)
        if asking is None:
            asking = minute.asking[loop] = asyncio.ensure_future(asyncio.to_thread(ask, *about))
            asking.add_done_callback(lambda _: minute.asking.pop(loop, None))
        await asyncio.shield(asking)

    def _soon(self, name: str, minute: _Minute) -> None:
        """The same without waiting for it."""
        loop = asyncio.get_running_loop()
        if loop not in minute.asking and not self._counts_alone():
            asking = minute.asking[loop] = asyncio.ensure_future(asyncio.to_thread(self._exchange, name, minute))
            asking.add_done_callback(lambda _: minute.asking.pop(loop, None))

    def _lease(self, name: str, minute: _Minute, limit: int) -> None:
        """Get a block of permits, in a thread."""
        left = max(1, limit - minute.asked_for)
        block = max(1, left // BLOCK_SHARE)
        total = self._add(name, minute.number, block)
        if total is None:
            return
        minute.asked_for = total
        got = block - max(0, total - limit)
        minute.granted += max(0, got)
        minute.spent = got <= 0

    def _exchange(self, name: str, minute: _Minute) -> None:
        """Tell the others what was used here, and learn what they used, in a thread."""
        pending = minute.pending
        total = self._add(name, minute.number, pending)
        minute.asked_at = self._clock()
        if total is not None:
            minute.pending -= pending
            minute.used = total + minute.pending

    def _add(self, name: str, number: int, amount: int) -> int | None:
        """The new sum of all processes; None when the cache is away."""
        key = f"limit:{name}:{number}"
        assert self._shared is not None  # noqa: S101 - who counts alone does not ask
        try:
            self._shared.add(key, 0, KEPT_SECONDS)
            total: int = self._shared.incr(key, amount)
        except failures(ValueError) as error:
            self._away_until = self._clock() + AWAY_SECONDS
            if not self._said:
                self._said = True
                _log.warning("the shared cache is away, each process counts its limits for itself: %s", type(error).__name__)
            return None
        self._said = False
        return total

    def _refusal(self, words: str, limit: int, of_what: str) -> ProviderError:
        wait = WINDOW - self._clock() % WINDOW
        message = f"{words} has used up its limit of {limit:,} {of_what} per minute."
        return ProviderError(ErrorKind.RATE_LIMITED, message, f"It starts anew in {wait:.0f} seconds.", retry_after=wait)


limiter = Limiter(shared_cache())
