"""How a connection is doing, as this process has seen it: circuit breaker, retry budget, calls under way (spec 07 F1, F2, B6).

Each process keeps its own: what one has learned of a provider the others learn within a few calls, and no call waits to be told.
Pure: the time, by any clock that goes on evenly, is given with each question.
"""

from collections import deque

IN_A_ROW = 5  # failures that open the breaker
RECENT = 20  # calls, half of which failing opens it, too,
RECENT_SECONDS = 30.0  # if they were made within that time
REST_SECONDS = 30.0  # until one probe is let through
BUDGET_SECONDS = 60.0
BUDGET_SHARE = 0.2  # of a connection's calls may be retries,
BUDGET_LEAST = 3  # or that many


class Health:
    """One connection's. Not for two threads at once: calls are made on the event loop."""

    __slots__ = ("_budget_from", "_calls", "_in_a_row", "_opened_at", "_probing_since", "_recent", "_retries", "running")

    def __init__(self) -> None:
        self.running = 0  # calls under way
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] | None = None  # (when, whether it failed); none until something fails
        self._opened_at: float | None = None
        self._probing_since: float | None = None
        self._budget_from = float("-inf")
        self._calls = self._retries = 0

    def rests_for(self, now: float) -> float:
        """Seconds until the connection may be tried again; 0 while it is well, or when a probe is due."""
        if self._opened_at is None:
            return 0.0
        resting = self._opened_at + REST_SECONDS - now
        if resting > 0:
            return resting
        if self._probing_since is None:
            return 0.0
        # A probe that was never heard of again must not close the connection for ever.
        return max(0.0, self._probing_since + REST_SECONDS - now)

    def begin(self, now: float) -> None:
        """A call is sent; of one that rested it is the probe."""
        if self._opened_at is not None:
            self._probing_since = now
        if now - self._budget_from >= BUDGET_SECONDS:
            self._budget_from, self._calls, self._retries = now, 0, 0
        self._calls += 1

    def succeeded(self, now: float) -> None:
        """The provider answered, if only to say that the caller was wrong."""
        self._in_a_row = 0
        self._opened_at = self._probing_since = None
        if self._recent is not None:
            self._recent.append((now, False))

    def failed(self, now: float, began: float | None = None) -> bool:
        """The provider is sick. Whether this has opened the breaker. `began`: when the call was sent; None is just now.

        While the connection rests, only its probe says anything new: those from before fail one after the other, and would lengthen it.
        """
        if self._opened_at is not None and began is not None and began < self._opened_at:
            return False
        self._in_a_row += 1
        if self._recent is None:
            self._recent = deque(maxlen=RECENT)
        self._recent.append((now, True))
        was_closed = self._opened_at is None
        if not was_closed or self._in_a_row >= IN_A_ROW or self._half_failed(now):
            self._opened_at, self._probing_since = now, None
            self._recent = None
        return was_closed and self._opened_at is not None

    def abandoned(self) -> None:
        """The call ended without telling anything of the provider: the caller went away. A probe may be tried again."""
        self._probing_since = None

    def withdrawn(self, began: float) -> None:
        """Nothing was sent after all for the call that said begin() at that time."""
        self._calls = max(0, self._calls - 1)
        if self._probing_since == began:
            self._probing_since = None

    def may_retry(self) -> bool:
        """Take one retry from the budget, if there is one."""
        if self._retries >= max(BUDGET_LEAST, int(BUDGET_SHARE * self._calls)):
            return False
        self._retries += 1
        return True

    def _half_failed(self, now: float) -> bool:
        assert self._recent is not None  # noqa: S101 - a failure was just noted
        if len(self._recent) < RECENT or now - self._recent[0][0] > RECENT_SECONDS:
            return False
        return 2 * sum(failed for _, failed in self._recent) >= RECENT
