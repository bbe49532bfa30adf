"""The rules in force, as values for the HTTP client."""

import logging
import threading
import time

from django.db import connection

from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.core import egress
from apps.egress.models import EgressRule
from apps.egress.queries import rules_in_force

CACHE_SECONDS = 1.0  # how long another process may go on using a rule that was just ended

_lock = threading.Lock()
_cached: tuple[float, tuple[egress.EgressRule, ...]] | None = None  # until when, by time.monotonic()
_log = logging.getLogger(__name__)


def current() -> tuple[egress.EgressRule, ...]:
    """The rules in force, at most a second old. Reads the database: call it from synchronous code.

    Inside a transaction it reads what that transaction sees, which others need not.
    """
    global _cached
    if connection.in_atomic_block:
        return _load()
    with _lock:
        now = time.monotonic()
        if _cached is None or _cached[0] <= now:
            _cached = (now + CACHE_SECONDS, _load())
        return _cached[1]


def forget() -> None:
    """Read the rules again at their next use in this process. Called when a change to them is committed."""
    global _cached
    with _lock:
        _cached = None


def _changed(chain: str) -> None:
    if chain == PLATFORM:
        forget()


watch.on_change(_changed)


def _load() -> tuple[egress.EgressRule, ...]:
    return tuple(value for row in rules_in_force() if (value := _value(row)) is not None)


def _value(row: EgressRule) -> egress.EgressRule | None:
    """None for a row that makes no rule, put there by hand: it opens nothing and must not stop the other rules."""
    try:
        return egress.EgressRule(
            id=str(row.pk), host=row.host, cidr=row.cidr, ports=tuple(row.ports), scheme=row.scheme, expires_at=row.expires_at
        )
    except (TypeError, ValueError):
        _log.exception("egress rule %s is not valid and is ignored", row.pk)
        return None
