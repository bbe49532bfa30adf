"""What the append-only log asks of tests: emptying it between transactional tests, and tampering with it on purpose.

A pytest plugin; tests/conftest.py names it in `pytest_plugins`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management.color import Style
from django.db import connection

from apps.audit import triggers


@pytest.fixture(scope="session", autouse=True)
def audit_log_can_be_flushed() -> Iterator[None]:
    """Transactional tests end with a flush, which the triggers refuse as they should: around it, and only there, they are away."""
    operations = type(connection.ops)
    plain_flush = operations.sql_flush

    def flush_between(self: object, style: Style, tables: list[str], **options: bool) -> list[str]:
        statements: list[str] = plain_flush(self, style, tables, **options)
        if triggers.EVENT not in tables:
            return statements
        return [*triggers.remove_sql(connection.vendor), *statements, *triggers.create_sql(connection.vendor)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", flush_between)
        yield


@contextmanager
def triggers_lifted() -> Iterator[None]:
    """For tests that tamper: what somebody with the database's own password could do."""
    triggers.remove(connection)
    try:
        yield
    finally:
        triggers.install(connection)
