"""What the append-only log asks of tests: tampering with it on purpose. management/commands/flush.py empties it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from apps.audit import triggers


@contextmanager
def triggers_lifted() -> Iterator[None]:
    """For tests that tamper: what somebody with the database's own password could do."""
    triggers.remove(connection)
    try:
        yield
    finally:
        triggers.install(connection)
