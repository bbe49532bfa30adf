"""Spec 04, spec 07 F1 and F2: which connection a call takes and what it does after a failure. Pure tables; times and dice are given."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle

import pytest

from apps.inference.breaker import BUDGET_LEAST, IN_A_ROW, RECENT, REST_SECONDS, Health
from apps.inference.routing import Journey, in_order, verdict
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import explain_http_error


@dataclass
class Line:
    """As much of a connection as routing asks for."""

    name: str
    priority: int = 1
    weight: int = 1
    health: Health = field(default_factory=Health)


def status(code: int, retry_after: str = "") -> ProviderError:
    return explain_http_error(code, [("Retry-After", retry_after)] if retry_after else [], b"")


def failure(kind: ErrorKind, *, retryable: bool = False) -> ProviderError:
    return ProviderError(kind, "It failed.", retryable=retryable)


FAILURES = {  # again, elsewhere, sick
    "400": (status(400), (False, False, False)),
    "401": (status(401), (False, True, False)),
    "403": (status(403), (False, True, False)),
    "404": (status(404), (False, False, False)),
    "408": (status(408), (True, True, True)),
    "413": (status(413), (False, False, False)),
    "422": (status(422), (False, False, False)),
    "429": (status(429), (True, True, True)),
    "500": (status(500), (True, True, True)),
    "501": (status(501), (False, False, True)),
    "502": (status(502), (True, True, True)),
    "503": (status(503), (True, True, True)),
    "504": (status(504), (True, True, True)),
    "529": (status(529), (True, True, True)),
    "refused": (failure(ErrorKind.CONNECTION_REFUSED, retryable=True), (True, True, True)),
    "no such name": (failure(ErrorKind.NAME_NOT_RESOLVED), (False, True, True)),
    "bad certificate": (failure(ErrorKind.TLS_FAILED), (False, True, True)),
    "closed before a byte": (failure(ErrorKind.DISCONNECTED, retryable=True), (True, True, True)),
    "closed in the middle": (failure(ErrorKind.DISCONNECTED), (False, False, True)),
    "silence": (failure(ErrorKind.FIRST_BYTE_TIMEOUT), (False, False, True)),
    "key missing": (failure(ErrorKind.NEEDS_CREDENTIALS), (False, True, False)),
    "its limit": (failure(ErrorKind.RATE_LIMITED), (False, True, False)),
    "its budget": (failure(ErrorKind.BUDGET_EXCEEDED), (False, True, False)),
    "no token": (failure(ErrorKind.TOKEN_REFUSED), (False, True, False)),
    "caller's mistake": (failure(ErrorKind.UNSUPPORTED), (False, False, False)),
    "too large": (failure(ErrorKind.RESPONSE_TOO_LARGE), (False, False, False)),
}


@pytest.mark.parametrize(("error", "expected"), FAILURES.values(), ids=FAILURES)
def test_what_a_failure_means(error: ProviderError, expected: tuple[bool, bool, bool]) -> None:
    said = verdict(error, may_pay_twice=False)
    assert (said.again, said.elsewhere, said.sick) == expected


def test_silence_is_waited_for_again_only_where_paying_twice_is_allowed() -> None:
    said = verdict(failure(ErrorKind.FIRST_BYTE_TIMEOUT), may_pay_twice=True)
    assert said.again
    assert said.elsewhere


def test_priority_goes_before_weight() -> None:
    lines = [Line("spare", priority=2, weight=9), Line("first"), Line("also first")]
    for _ in range(20):
        assert {line.name for line in in_order(lines)[:2]} == {"first", "also first"}


def test_weights_share_the_calls() -> None:
    """A grid of dice instead of chance: 3 to 1 within a percent."""
    lines = [Line("heavy", weight=3), Line("light", weight=1), Line("never", weight=0)]
    steps = [(number + 0.5) / 200 for number in range(200)]
    first = Counter(in_order(lines, iter((a, b)).__next__)[0].name for a in steps for b in steps)
    assert first["heavy"] / first.total() == pytest.approx(0.75, abs=0.01)
    assert first["never"] == 0


def journey(*lines: Line, ends_at: float = 100.0, dice: float = 0.5, **more: bool) -> Journey[Line]:
    return Journey(lines, ends_at=ends_at, dice=cycle([dice]).__next__, **more)


def walk(way: Journey[Line], *errors: ProviderError, now: float = 0.0) -> list[tuple[str, float]]:
    """Fail with each of the errors in turn; the steps that were taken, the last of them after the last error."""
    taken = []
    for error in (*errors, None):
        step = way.next(now)
        if step is None:
            break
        taken.append((step.connection.name, step.wait))
        way.sent()
        step.connection.health.begin(now)
        if error is not None:
            way.failed(step.connection, error)
    return taken


def test_the_next_connection_is_asked_at_once() -> None:
    assert walk(journey(Line("a"), Line("b", 2)), status(401)) == [("a", 0.0), ("b", 0.0)]


def test_the_callers_own_mistake_is_told_at_once() -> None:
    assert walk(journey(Line("a"), Line("b", 2)), status(422)) == [("a", 0.0)]


def test_at_most_two_retries_whoever_is_left() -> None:
    lines = [Line(str(number), number) for number in range(1, 6)]
    assert walk(journey(*lines), *[status(503)] * 5) == [("1", 0.0), ("2", 0.0), ("3", 0.0)]


def test_the_same_connection_waits_with_jitter_that_doubles() -> None:
    assert walk(journey(Line("a")), *[status(500)] * 5) == [("a", 0.0), ("a", 0.25), ("a", 0.5)]


def test_retry_after_is_obeyed_when_it_fits() -> None:
    assert walk(journey(Line("a")), status(429, "7")) == [("a", 0.0), ("a", 7.0)]
    assert walk(journey(Line("a"), ends_at=5.0), status(429, "7")) == [("a", 0.0)]


def test_nothing_is_sent_after_the_deadline() -> None:
    way = journey(Line("a"), Line("b", 2), ends_at=10.0)
    assert walk(way, status(500))[0] == ("a", 0.0)
    assert way.next(10.0) is None


def test_the_budget_is_a_fifth_of_the_calls_and_at_least_three() -> None:
    health = Health()
    assert [health.may_retry() for _ in range(BUDGET_LEAST + 1)] == [True, True, True, False]
    for _ in range(50):
        health.begin(1.0)
    assert sum(health.may_retry() for _ in range(20)) == 10  # begin() started a new minute
    line = Line("a", health=health)
    assert walk(journey(line), status(500), now=2.0) == [("a", 0.0)]  # used up


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    health = Health()
    opened = [health.failed(float(second)) for second in range(IN_A_ROW)]
    assert opened == [False] * (IN_A_ROW - 1) + [True]
    now = IN_A_ROW - 1.0
    assert health.rests_for(now + 10) == REST_SECONDS - 10
    assert health.rests_for(now + REST_SECONDS) == 0
    health.begin(now + REST_SECONDS)
    assert health.rests_for(now + REST_SECONDS) > 0  # only one
    health.failed(now + REST_SECONDS + 1)
    assert health.rests_for(now + REST_SECONDS + 2) > 20  # and it rests again
    health.begin(now + 2 * REST_SECONDS + 1)
    health.succeeded(now + 2 * REST_SECONDS + 1)
    assert health.rests_for(now + 2 * REST_SECONDS + 1) == 0


def test_a_probe_whose_caller_leaves_makes_way_for_another() -> None:
    health = Health()
    for _ in range(IN_A_ROW):
        health.failed(0.0)
    health.begin(REST_SECONDS)
    health.abandoned()
    assert health.rests_for(REST_SECONDS) == 0


def test_calls_from_before_the_rest_do_not_lengthen_it() -> None:
    """Many that hang fail one after the other, long after the breaker has opened."""
    health = Health()
    for second in range(IN_A_ROW):
        health.failed(float(second), began=0.0)
    opened_at = IN_A_ROW - 1.0
    health.failed(opened_at + 20, began=1.0)
    assert health.rests_for(opened_at + REST_SECONDS) == 0
    health.begin(opened_at + REST_SECONDS)
    health.failed(opened_at + REST_SECONDS + 1, began=2.0)
    assert 0 < health.rests_for(opened_at + REST_SECONDS + 1) < REST_SECONDS, "the probe is still under way"
    health.failed(opened_at + REST_SECONDS + 2, began=opened_at + REST_SECONDS)
    assert health.rests_for(opened_at + REST_SECONDS + 2) == REST_SECONDS


@pytest.mark.parametrize(("apart", "opens"), [(1.0, True), (2.0, False)], ids=["within 30 s", "over 40 s"])
def test_half_of_the_recent_calls_open_it_too(apart: float, opens: bool) -> None:
    health = Health()
    opened = []
    for number in range(RECENT + 2):
        opened.append(health.failed(number * apart) if number % 2 else health.succeeded(number * apart))
    assert any(opened) is opens


def test_nobody_waits_for_a_connection_that_has_just_gone_to_rest() -> None:
    """The failure that opens the breaker is told at once; one before it is still worth a wait."""
    line = Line("only")
    for _ in range(IN_A_ROW - 2):
        line.health.failed(0.0)
    way = journey(line)
    for waits in (True, False):
        assert way.next(0.0) is not None
        way.sent()
        way.failed(line, status(503))
        assert line.health.failed(0.0) is not waits
    assert way.next(0.0) is None
    assert line.health.may_retry(), "a retry that is not made takes nothing from the budget"
