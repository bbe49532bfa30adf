"""The database's own refusal to change the log, for both databases (spec 06 "Append-only").

SQLite drops a table's triggers when a migration rebuilds the table: a migration that alters one of these tables ends with
`migrations.RunPython(...)` calling install() again, as 0002 does. `verify_audit` and a test notice when that was forgotten.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

EVENT, HEAD, CHECKPOINT = "audit_auditevent", "audit_chainhead", "audit_auditcheckpoint"


def _before_insert(table: str, same: str, reaction: str) -> str:
    return f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {reaction}"  # noqa: S608 - our own constants


_REFUSED = "BEGIN SELECT RAISE(ABORT, 'refused: the audit log is append-only'); END"
_IGNORED = "BEGIN SELECT RAISE(IGNORE); END"
_SAME_NUMBER = "id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)"
_SQLITE = {
    "audit_event_no_update": f"BEFORE UPDATE ON {EVENT} {_REFUSED}",
    "audit_event_no_delete": f"BEFORE DELETE ON {EVENT} {_REFUSED}",
    "audit_head_forward": f"BEFORE UPDATE ON {HEAD} WHEN NEW.sequence <> OLD.sequence + 1 OR NEW.chain <> OLD.chain {_REFUSED}",
    "audit_head_no_delete": f"BEFORE DELETE ON {HEAD} {_REFUSED}",
    "audit_checkpoint_no_update": f"BEFORE UPDATE ON {CHECKPOINT} {_REFUSED}",
    "audit_checkpoint_no_delete": f"BEFORE DELETE ON {CHECKPOINT} {_REFUSED}",
    # INSERT OR REPLACE removes the row in its way without firing a delete trigger, so an insert in place of a row is stopped first.
    # Heads and checkpoints are written with INSERT OR IGNORE, where a row in the way is no error.
    "audit_event_no_replace": _before_insert(EVENT, _SAME_NUMBER, _REFUSED),
    "audit_head_no_replace": _before_insert(HEAD, "chain = NEW.chain", _IGNORED),
    "audit_checkpoint_no_replace": _before_insert(CHECKPOINT, _SAME_NUMBER, _IGNORED),
}
_FUNCTION = "audit_refuse"
_CREATE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
_REFUSE = f"EXECUTE FUNCTION {_FUNCTION}()"
_POSTGRESQL = {
    "audit_event_no_change": (EVENT, f"BEFORE UPDATE OR DELETE ON {EVENT} FOR EACH ROW {_REFUSE}"),
    "audit_event_no_truncate": (EVENT, f"BEFORE TRUNCATE ON {EVENT} FOR EACH STATEMENT {_REFUSE}"),
    "audit_head_forward": (
        HEAD,
        f"BEFORE UPDATE ON {HEAD} FOR EACH ROW WHEN (NEW.sequence <> OLD.sequence + 1 OR NEW.chain <> OLD.chain) {_REFUSE}",
    ),
    "audit_head_no_delete": (HEAD, f"BEFORE DELETE ON {HEAD} FOR EACH ROW {_REFUSE}"),
    "audit_head_no_truncate": (HEAD, f"BEFORE TRUNCATE ON {HEAD} FOR EACH STATEMENT {_REFUSE}"),
    "audit_checkpoint_no_change": (CHECKPOINT, f"BEFORE UPDATE OR DELETE ON {CHECKPOINT} FOR EACH ROW {_REFUSE}"),
    "audit_checkpoint_no_truncate": (CHECKPOINT, f"BEFORE TRUNCATE ON {CHECKPOINT} FOR EACH STATEMENT {_REFUSE}"),
}


def create_sql(vendor: str) -> list[str]:
    """Statements that put every trigger in place; run remove_sql() first where some may exist."""
    if vendor == "sqlite":
        return [f"CREATE TRIGGER {name} {body}" for name, body in _SQLITE.items()]
    return [_CREATE_FUNCTION, *(f"CREATE TRIGGER {name} {body}" for name, (_, body) in _POSTGRESQL.items())]


def remove_sql(vendor: str) -> list[str]:
    """Statements that remove every trigger that exists."""
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE]
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, (table, _) in _POSTGRESQL.items()]


def install(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place, replacing what is there."""
    _run(connection, [*remove_sql(connection.vendor), *create_sql(connection.vendor)])


def remove(connection: BaseDatabaseWrapper) -> None:
    """Remove every trigger: what undoing the migration does."""
    _run(connection, remove_sql(connection.vendor))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are not there or are switched off."""
    if connection.vendor == "sqlite":
        expected, query = list(_SQLITE), "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        expected, query = list(_POSTGRESQL), "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in expected if name not in present]


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
