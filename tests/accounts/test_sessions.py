"""Session limits of administrators: 30 minutes idle, 12 hours in all (spec 07 D6, settings)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session

from tests.conftest import ClientFor
from tests.support.cast import Cast

START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("person", "idle", "stays"),
    [
        ("alice", timedelta(minutes=29), True),
        ("alice", timedelta(minutes=31), False),
        ("adam", timedelta(minutes=31), False),
        ("bob", timedelta(hours=3), True),
        ("bob", timedelta(hours=13), False),
    ],
)
def test_idle(cast: Cast, client_for: ClientFor, person: str, idle: timedelta, stays: bool) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = client_for(getattr(cast, person))
        clock.shift(idle)
        response = client.get("/w/harbor/")
        assert ("sign-in" not in response.headers.get("Location", "")) == stays


def test_staff_have_the_limits_of_administrators(cast: Cast, client_for: ClientFor) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = client_for(cast.pat)
        clock.shift(timedelta(minutes=31))
        assert "sign-in" in client.get("/account/").headers["Location"]


def test_twelve_hours_however_busy(cast: Cast, client_for: ClientFor) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = client_for(cast.alice)
        for _ in range(35):
            clock.shift(timedelta(minutes=20))
            assert "sign-in" not in client.get("/w/harbor/").headers.get("Location", "")
        clock.shift(timedelta(minutes=21))
        assert "sign-in" in client.get("/w/harbor/").headers["Location"]


def test_a_session_is_not_written_on_every_request(cast: Cast, client_for: ClientFor) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = client_for(cast.alice)
        before = Session.objects.get().session_data
        clock.shift(timedelta(seconds=30))
        client.get("/w/harbor/")
        assert Session.objects.get().session_data == before
        clock.shift(timedelta(seconds=31))
        client.get("/w/harbor/")
        assert Session.objects.get().session_data != before
