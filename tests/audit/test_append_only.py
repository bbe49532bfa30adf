"""The database refuses to change the log (spec 06 "Append-only"); runs on both databases."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import triggers
from apps.audit.events import Event
from apps.audit.models import AuditCheckpoint, AuditEvent, ChainHead
from apps.audit.record import SYSTEM, record
from apps.audit.verify import verify_chain

SQLITE_ONLY = pytest.mark.skipif(connection.vendor != "sqlite", reason="a statement of SQLite's")
POSTGRESQL_ONLY = pytest.mark.skipif(connection.vendor != "postgresql", reason="a statement of PostgreSQL's")

ATTRIBUTES = [field.column for field in AuditEvent._meta.fields if field.column not in {"id", "chain", "sequence"}]


@pytest.fixture
def log(db: None) -> AuditEvent:
    with transaction.atomic():
        record(Event.SIGNED_IN, actor=SYSTEM, workspace=None)
        event = record(Event.SIGNED_OUT, actor=SYSTEM, workspace=None)
    call_command("verify_audit", stdout=StringIO())  # leaves a third event and a checkpoint
    return event


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET description = 'x'",
        "UPDATE audit_auditevent SET description = description WHERE sequence = 1",
        "UPDATE audit_auditevent SET sequence = sequence + 10",
        "DELETE FROM audit_auditevent",
        "DELETE FROM audit_auditevent WHERE sequence = 2",
        "UPDATE audit_chainhead SET sequence = sequence - 1",
        "UPDATE audit_chainhead SET sequence = sequence + 2",
        "UPDATE audit_chainhead SET hash = 'x'",
        "UPDATE audit_chainhead SET chain = 'other', sequence = sequence + 1",
        "DELETE FROM audit_chainhead",
        "UPDATE audit_auditcheckpoint SET hash = 'x'",
        "DELETE FROM audit_auditcheckpoint",
        pytest.param("TRUNCATE audit_auditevent", marks=POSTGRESQL_ONLY),
        pytest.param("TRUNCATE audit_chainhead", marks=POSTGRESQL_ONLY),
        pytest.param("TRUNCATE audit_auditcheckpoint", marks=POSTGRESQL_ONLY),
        pytest.param("UPDATE OR REPLACE audit_auditevent SET sequence = 1 WHERE sequence = 2", marks=SQLITE_ONLY),
        pytest.param(
            f"REPLACE INTO audit_auditevent SELECT id, chain, sequence, {', '.join(ATTRIBUTES)} FROM audit_auditevent",  # noqa: S608
            marks=SQLITE_ONLY,
        ),
    ],
)  # fmt: skip
def test_statement_is_refused(statement: str, log: AuditEvent) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify_chain("platform").ok


@SQLITE_ONLY
@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO audit_chainhead (chain, sequence, hash) VALUES ('platform', 1, 'x')",
        "REPLACE INTO audit_auditcheckpoint SELECT id, chain, sequence, 'x', created_at, key_id, signature FROM audit_auditcheckpoint",
    ],
)
def test_replacing_a_row_does_nothing(statement: str, log: AuditEvent) -> None:
    """Where an insert in place of a row is no error, the row that is there stays."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify_chain("platform").ok


def test_the_orm_has_no_way_around(log: AuditEvent) -> None:
    for attempt in (
        lambda: AuditEvent.objects.update(description="x"),
        lambda: AuditEvent.objects.all().delete(),
        log.save,
        log.delete,
        lambda: ChainHead.objects.all().delete(),
        lambda: AuditCheckpoint.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


@pytest.mark.django_db
def test_migrations_leave_every_trigger_in_place() -> None:
    """SQLite drops triggers when a migration rebuilds a table: a later migration has to install them again."""
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_triggers_can_be_removed_and_installed_again() -> None:
    triggers.remove(connection)
    missing = triggers.missing(connection)
    triggers.install(connection)
    triggers.install(connection)
    assert missing
    assert triggers.missing(connection) == []
