"""The stretch of time that a page of records is about, in the reader's zone (spec 06)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DEFAULT_PERIOD = "30d"
CUSTOM = "custom"
FIRST_DAY, LAST_DAY = (
    date(1970, 1, 1),
    date(9000, 1, 1),
)  # further out, the hours of a time zone do not fit into the calendar

PERIODS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "This week",
    "month": "This month",
    "last-month": "Last month",
    DEFAULT_PERIOD: "Last 30 days",
    "90d": "Last 90 days",
    "year": "This year",
    "all": "All time",
    CUSTOM: "Two dates",
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to, not including, `end`; None is open. Both in UTC."""

    key: str
    start: datetime | None
    end: datetime | None


# First and last day, both included; None is open. A week begins on Monday.
DAYS: dict[str, Callable[[date], tuple[date | None, date | None]]] = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - timedelta(days=1), today - timedelta(days=1)),
    "week": lambda today: (today - timedelta(days=today.weekday()), None),
    "month": lambda today: (today.replace(day=1), None),
    "last-month": lambda today: ((today.replace(day=1) - timedelta(days=1)).replace(day=1), today.replace(day=1) - timedelta(days=1)),
    DEFAULT_PERIOD: lambda today: (today - timedelta(days=29), None),
    "90d": lambda today: (today - timedelta(days=89), None),
    "year": lambda today: (today.replace(month=1, day=1), None),
    "all": lambda today: (None, None),
}


def period_of(key: str, zone: tzinfo, now: datetime, first: date | None = None, last: date | None = None) -> Period:
    """The period that a page's address names; the default one for an unknown key. `first` and `last` are the two dates of CUSTOM."""
    if key == CUSTOM:
        days = (min(first, last), max(first, last)) if first and last else (first, last)
    else:
        key = key if key in DAYS else DEFAULT_PERIOD
        days = DAYS[key](now.astimezone(zone).date())
    start, end = days
    return Period(key, midnight(within(start), zone) if start else None, midnight(within(end) + timedelta(days=1), zone) if end else None)


def within(day: date) -> date:
    return min(max(day, FIRST_DAY), LAST_DAY)


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
