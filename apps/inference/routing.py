"""Which connection a call takes, and what it does after a failure (spec 04; spec 07 F1, F2). Pure: times are given, dice are a seam."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from apps.inference.breaker import Health
from apps.providers.errors import AUTHORIZING, ErrorKind, ProviderError

MOST_RETRIES = 2  # in all, on whichever connection
FIRST_WAIT = 0.5  # seconds before the same connection is asked again, at most; doubling
LONGEST_WAIT = 8.0

# The provider has answered, and what it said is no sign of being sick.
_ANSWERED = frozenset({ErrorKind.UPSTREAM_REFUSED, ErrorKind.UPSTREAM_AUTH})
# Nothing was sent, for a reason that another connection need not have.
_ITS_OWN = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.BUDGET_EXCEEDED,
        ErrorKind.CONNECTION_RESTING,
        ErrorKind.NEEDS_CREDENTIALS,
        ErrorKind.URL_INVALID,
        ErrorKind.URL_NOT_ALLOWED,
        *AUTHORIZING,
    }
)
# Not one byte of the call has left for the provider: it cannot be paid twice.
_NOT_SENT = frozenset(
    {
        ErrorKind.NAME_NOT_RESOLVED,
        ErrorKind.CONNECTION_REFUSED,
        ErrorKind.CONNECT_FAILED,
        ErrorKind.CONNECT_TIMEOUT,
        ErrorKind.TLS_FAILED,
    }
)
_SICK = _NOT_SENT | {
    ErrorKind.DISCONNECTED,
    ErrorKind.FIRST_BYTE_TIMEOUT,
    ErrorKind.TIMEOUT,
    ErrorKind.PROTOCOL_ERROR,
    ErrorKind.HEADERS_TOO_LARGE,
    ErrorKind.UPSTREAM_ERROR,
    ErrorKind.UPSTREAM_RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure before any byte of the body means."""

    again: bool  # the same connection may be asked once more
    elsewhere: bool  # another one may be
    sick: bool  # the provider is not well: it counts for the breaker


def verdict(error: ProviderError, *, may_pay_twice: bool) -> Verdict:
    """A timeout while the answer is waited for may have been paid for: only who may pay twice goes on."""
    kind = error.kind
    waited = kind in {ErrorKind.FIRST_BYTE_TIMEOUT, ErrorKind.TIMEOUT}
    again = (error.retryable and kind in _SICK) or (waited and may_pay_twice)
    elsewhere = again or kind in _NOT_SENT or kind in _ITS_OWN or kind is ErrorKind.UPSTREAM_AUTH
    return Verdict(again, elsewhere, kind in _SICK)


def is_sick(error: ProviderError) -> bool:
    """Whether the failure says that the provider is not well."""
    return error.kind in _SICK


def was_answered(error: ProviderError) -> bool:
    """Whether the provider is well, although it refused."""
    return error.kind in _ANSWERED


class Candidate(Protocol):
    """What is asked of a connection here."""

    @property
    def priority(self) -> int: ...
    @property
    def weight(self) -> int: ...
    @property
    def health(self) -> Health: ...


def in_order[C: Candidate](candidates: Sequence[C], dice: Callable[[], float] = random.random) -> list[C]:
    """The lowest priority number first; among equals by weight, at random. `dice` gives numbers from 0 up to 1.

    Each takes a place with a chance of its weight among those that are left (Efraimidis and Spirakis). Weight 0 comes last.
    """
    if len(candidates) < 2:
        return list(candidates)
    drawn = [(each.priority, -(dice() ** (1.0 / each.weight)) if each.weight else 1.0, place) for place, each in enumerate(candidates)]
    return [candidates[place] for _, _, place in sorted(drawn)]


@dataclass(frozen=True, slots=True)
class Step[C]:
    """Send through this connection after so many seconds."""

    connection: C
    wait: float = 0.0


class Journey[C: Candidate]:
    """One call's way through its connections. Ask for the `next` step, say how it `failed`, until it went well or `next` gives None.

    `ends_at` by the same clock as the times that are given.
    """

    def __init__(
        self, candidates: Sequence[C], *, ends_at: float, may_pay_twice: bool = False, dice: Callable[[], float] = random.random
    ) -> None:
        self._left = in_order(candidates, dice)
        self._ends_at = ends_at
        self._may_pay_twice = may_pay_twice
        self._dice = dice
        self._sent = 0
        self._repeats = 0
        self._again: C | None = None
        self._retry_after = 0.0
        self._goes_on = True

    def next(self, now: float) -> Step[C] | None:
        """Where to send, None when nothing is left to try."""
        if not self._goes_on or self._sent > MOST_RETRIES or now >= self._ends_at:
            return None
        if self._left:
            return Step(self._left.pop(0))
        return self._repeat(now)

    def sent(self) -> None:
        """A call is made through it."""
        self._sent += 1

    def failed(self, connection: C, error: ProviderError) -> Verdict:
        """What the failure means; the next step follows from it."""
        said = verdict(error, may_pay_twice=self._may_pay_twice)
        self._goes_on = said.elsewhere
        if said.again:
            self._again, self._retry_after = connection, error.retry_after or 0.0
        elif self._again is connection:
            self._again = None
        return said

    def _repeat(self, now: float) -> Step[C] | None:
        """The connection that failed last in a way that may pass: after a while, if there is time and budget for it."""
        if self._again is None:
            return None
        wait = self._dice() * min(LONGEST_WAIT, FIRST_WAIT * 2**self._repeats)
        wait = max(wait, self._retry_after)
        health = self._again.health
        # Nobody waits for a retry that would be refused: its failure may have been the one that sent the connection to rest.
        if now + wait >= self._ends_at or health.rests_for(now + wait) or not health.may_retry():
            return None
        self._repeats += 1
        return Step(self._again, wait)
