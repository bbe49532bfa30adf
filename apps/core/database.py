"""Telling a database that is away from a query that is wrong, and holding no connection while waiting for others (spec 07 F4)."""

from django.db import InterfaceError, OperationalError, connection

# SQLSTATE classes: connection exception, insufficient resources (too many connections), operator intervention (shutting down, starting up).
_AWAY_STATES = ("08", "53", "57P")
_AWAY_IN_SQLITE = ("unable to open database file", "database is locked", "disk I/O error")


def is_database_away(error: BaseException | None) -> bool:
    """Whether the database cannot be reached just now. A missing table is an OperationalError too, and does not count."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    if cause is None or type(cause).__module__.startswith("sqlite3"):
        return any(text in str(error) for text in _AWAY_IN_SQLITE)
    state = getattr(cause, "sqlstate", None)
    # psycopg has no SQLSTATE to give when it never got through: refused, timed out, pool exhausted.
    return state is None or state.startswith(_AWAY_STATES)


def release_connection() -> None:
    """Give this thread's connection back before a long wait: a request holds one to its end, and slow providers would empty the pool.

    The next query takes another. Inside a transaction it stays, as it must.
    """
    if not connection.in_atomic_block:
        connection.close()
