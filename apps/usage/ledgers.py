"""What has been spent of budgets, and what calls under way may yet cost, counted by all processes together (spec 06).

With the cache in memory there is one process; it begins with what the database says, and asks that again once a minute, beside the
calls. With a shared cache the sum is kept there, and each process holds a lease of what its calls under way may cost, with a little more
for the next ones, so that few calls wait for the cache. What one holds no other gives out. A process that dies leaves its lease to run
out. While the cache is away every process counts for itself, from what it knew.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

from django.core.cache.backends.base import BaseCache
from django.db import Error

from apps.core.database import release_connection
from apps.core.shared_cache import failures
from apps.usage.accounts import Account, Period, spent_since
from apps.usage.estimate import billionths

LEASE_SECONDS = 3_600  # the longest that a call may take: until then a process that died holds what its calls might have cost
FRESH_SECONDS = 0.1  # how long an answer of the cache holds
SPARE_SECONDS = 1.0  # how long a process uses what it got beyond its calls under way,
SPARE_LEASE_SECONDS = 5  # and how long the others leave it alone: clocks differ
READ_SECONDS = 60.0  # how old the database's sum may be where no cache is shared
AWAY_SECONDS = 5.0  # until a cache, or database, that failed is asked again
KEPT_SECONDS = 32 * 86_400
MOST_LEDGERS = 50_000
NEVER = float("-inf")

# One hash for each budget and period: `spent`, and by process what it holds: "amount, until; spare, until".
# Tells what was spent and asks for `hold` and some more, a twentieth of what is left. Gives the sum, what is granted, and what is not.
_EXCHANGE = """
local spent, others, now = 0, 0, tonumber(ARGV[5])
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'spent' then
    spent = tonumber(fields[i + 1])
  elseif fields[i] ~= ARGV[1] then
    local held, till, spare, spare_till = string.match(fields[i + 1], '(%d+) (%d+) (%d+) (%d+)')
    if tonumber(spare_till) >= now then others = others + spare end
    if tonumber(till) >= now then others = others + held else redis.call('HDEL', KEYS[1], fields[i]) end
  end
end
spent = math.max(spent, tonumber(ARGV[4])) + tonumber(ARGV[2])
local left = math.max(0, tonumber(ARGV[6]) - spent - others)
local held = math.min(tonumber(ARGV[3]), left)
local spare = math.floor((left - held) / 20)
redis.call('HSET', KEYS[1], 'spent', string.format('%.0f', spent),
  ARGV[1], string.format('%.0f %.0f %.0f %.0f', held, now + ARGV[7], spare, now + ARGV[8]))
redis.call('EXPIRE', KEYS[1], ARGV[9])
local free = left - held - spare
return {string.format('%.0f', spent), string.format('%.0f', held), string.format('%.0f', spare), string.format('%.0f', free)}
"""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Ledger:
    """One budget in one period, as one process sees it. Amounts are billionths."""

    account: Account
    period: Period
    limit: int = 0
    spent: int = 0  # of all processes, as far as it is known, without `pending`
    pending: int = 0  # spent here; a shared cache has not been told
    reserved: int = 0  # what calls under way here may cost
    waiting: int = 0  # and those that wait to be let in
    held: int = 0  # of the lease: what this process may spend and reserve,
    spare: int = 0  # and what comes on top of it for a moment
    free: int = 0  # what was left then for whoever asks next
    asked_at: float = NEVER
    read_at: float = NEVER
    reached: int | None = None  # the limit for which that was noted
    telling: Lock = field(default_factory=Lock)
    asking: "dict[asyncio.AbstractEventLoop, asyncio.Future[None]]" = field(default_factory=dict)

    @property
    def known(self) -> int:
        """All that is known to be spent."""
        return self.spent + self.pending


class Ledgers:
    """One process's. There is one (budgets.py); tests make several, as several processes would. `clock` is time.time()."""

    def __init__(self, shared: BaseCache | None, *, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._shared = shared
        self._process = uuid4().hex
        self._ledgers: dict[tuple[str, str, str], Ledger] = {}
        self._lock = Lock()  # for sums: calls may run in several loops
        self._away_until = 0.0
        self._said = False

    async def ledger(self, account: Account, period: Period) -> Ledger:
        """With what was spent before: the database is asked by the first who needs it."""
        key = (account.kind, account.id, period.word)
        ledger = self._ledgers.get(key)
        if ledger is None or ledger.period.start != period.start:
            ledger = self._begun(key, account, period)
        ledger.account, ledger.period, ledger.limit = account, period, billionths(period.amount)
        while ledger.read_at == NEVER:
            await self._once(ledger, self._read)
        if self._shared is None and self.clock() - ledger.read_at > READ_SECONDS:
            self._soon(ledger, self._read)
        return ledger

    def _begun(self, key: tuple[str, str, str], account: Account, period: Period) -> Ledger:
        with self._lock:
            ledger = self._ledgers.get(key)
            if ledger is not None and ledger.period.start == period.start:
                return ledger  # by another loop
            if len(self._ledgers) >= MOST_LEDGERS:
                now = self.clock()
                self._ledgers = {each: kept for each, kept in self._ledgers.items() if kept.period.end.timestamp() > now}
            ledger = self._ledgers[key] = Ledger(account, period)
            return ledger

    async def take(self, ledger: Ledger, amount: int) -> bool:
        """Reserve the amount, if so much is left."""
        asked = False
        while not self._fits(ledger, amount):
            if self._counts_alone() or self._is_hopeless(ledger, amount):
                if asked:
                    self._soon(ledger, self._exchange)  # what was got for it is others' to use
                return False
            asked = True
            wanted = amount if amount <= ledger.limit - ledger.known else 0  # else others would go without, for nothing
            with self._lock:
                ledger.waiting += wanted
            try:
                await self._once(ledger, self._exchange)
            finally:
                with self._lock:
                    ledger.waiting -= wanted
        return True

    def settle(self, ledger: Ledger, reserved: int, spent: int) -> None:
        """Give back what `take` reserved, and count what was spent."""
        with self._lock:
            ledger.reserved -= reserved
            if self._shared is None:
                ledger.spent += spent
            else:
                ledger.pending += spent
        if spent:
            self._soon(ledger, self._exchange)

    def left(self, ledger: Ledger) -> int:
        """What may still be reserved; negative where more was spent than there was."""
        used = ledger.pending + ledger.reserved
        if self._counts_alone():
            return ledger.limit - ledger.spent - used
        fresh = self.clock() - ledger.asked_at < SPARE_SECONDS
        return min(ledger.held + (ledger.spare if fresh else 0), ledger.limit - ledger.spent) - used

    def _is_hopeless(self, ledger: Ledger, amount: int) -> bool:
        """Whether the cache has said just now that so much is not left."""
        return self.clock() - ledger.asked_at < FRESH_SECONDS and amount >= max(1, self.left(ledger) + ledger.free + 1)

    def _fits(self, ledger: Ledger, amount: int) -> bool:
        with self._lock:
            left = self.left(ledger)
            if left <= 0 or amount > left:
                return False
            ledger.reserved += amount
            return True

    def _counts_alone(self) -> bool:
        return self._shared is None or self.clock() < self._away_until

    async def _once(self, ledger: Ledger, ask: Callable[[Ledger], None]) -> None:
        """Ask in a thread, one caller for all who need it now."""
        await asyncio.shield(self._begin(ledger, ask))

    def _soon(self, ledger: Ledger, ask: Callable[[Ledger], None]) -> None:
        """The same without waiting for it."""
        if ask == self._read or not self._counts_alone():
            self._begin(ledger, ask)

    def _begin(self, ledger: Ledger, ask: Callable[[Ledger], None]) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        asking = ledger.asking.get(loop)
        if asking is None:
            asking = ledger.asking[loop] = loop.run_in_executor(None, ask, ledger)
            asking.add_done_callback(lambda done: self._ended(ledger, loop, done))
        return asking

    def _ended(self, ledger: Ledger, loop: asyncio.AbstractEventLoop, asking: "asyncio.Future[None]") -> None:
        ledger.asking.pop(loop, None)
        if ledger.pending and not asking.cancelled():  # spent while the others were told of something else
            self._soon(ledger, self._exchange)

    def _read(self, ledger: Ledger) -> None:
        """What the database says was spent, in a thread. A database that is away stops nobody."""
        account, now = ledger.account, self.clock()
        try:
            found = spent_since(account.kind, [account.id], account.workspace_id, ledger.period.start)
        except Error:
            _log.warning("what was spent of a budget could not be read: it is counted from what is known")
            ledger.read_at = now - READ_SECONDS + AWAY_SECONDS
            return
        finally:
            release_connection()
        with self._lock:
            # Calls whose traces are on their way are counted here and not there; those of others the other way round.
            ledger.spent = max(ledger.spent, billionths(found[account.id]) - ledger.pending if account.id in found else 0)
            ledger.read_at = now

    def _exchange(self, ledger: Ledger) -> None:
        """Tell the others what was spent here, and learn what they spent and what is left, in a thread."""
        with ledger.telling:
            with self._lock:
                told, hold = ledger.pending, ledger.reserved + ledger.waiting
                ledger.held, ledger.spare = ledger.reserved + told, 0  # what was free is asked for anew
            said = self._ask(ledger, told, hold)
            if said is None:
                return
            with self._lock:
                ledger.pending -= told
                ledger.spent, ledger.held, ledger.spare, ledger.free = said
                ledger.asked_at = self.clock()

    def _ask(self, ledger: Ledger, told: int, hold: int) -> tuple[int, int, int, int] | None:
        """None when the cache is away. What was told then is told again: rather twice than not at all."""
        account, period, now = ledger.account, ledger.period, self.clock()
        assert self._shared is not None  # noqa: S101 - who counts alone does not ask
        key = self._shared.make_key(f"budget:{account.kind}:{account.id}:{period.word}:{period.start:%Y-%m-%d}")
        numbers = (told, hold, ledger.spent, int(now), ledger.limit, LEASE_SECONDS, SPARE_LEASE_SECONDS, KEPT_SECONDS)
        try:
            said: list[Any] = _client_of(self._shared).eval(_EXCHANGE, 1, key, self._process, *numbers)
        except failures() as error:
            self._away_until = now + AWAY_SECONDS
            if not self._said:
                self._said = True
                _log.warning("the shared cache is away, each process counts budgets for itself: %s", type(error).__name__)
            return None
        self._said = False
        spent, held, spare, free = (int(each) for each in said)
        return spent, held, spare, free


def _client_of(cache: BaseCache) -> Any:
    """The client behind Django's Redis cache, which knows nothing of scripts."""
    return cache._cache.get_client(write=True)  # type: ignore[attr-defined]
