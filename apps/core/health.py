"""What a load balancer asks (spec 07 F6). Neither answer touches a session."""

import threading
from collections.abc import Callable

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from apps.core.access import public
from apps.core.datakeys import check_stored_keys
from apps.core.keyring import check_keys


class Flag:
    """Like threading.Event, without its lock: a second signal can arrive inside set(), on the same thread, which would wait for itself."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set


_checks: dict[str, Callable[[], bool]] = {}
_details: dict[str, Callable[[], object]] = {}


def check(name: str, passes: Callable[[], bool]) -> None:
    """Ask this too before a process counts as ready. It must be quick and not raise."""
    _checks[name] = passes


def tell(name: str, value: Callable[[], object]) -> None:
    """Say this too, whether ready or not. It must be quick and not raise."""
    _details[name] = value


# Set when the process has been told to stop: no new work, while what runs may finish.
stopping = Flag()


@public
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing, so that a database outage does not get every process restarted."""
    return JsonResponse({"status": "ok"})


@public
def ready(request: HttpRequest) -> HttpResponse:
    """Whether this process should get work: 200, or 503 with the checks that failed."""
    checks = {"process": not stopping.is_set(), "secret_keys": _keys_work(), "database": _database_answers()}
    # Asked only of a database that answers.
    checks["migrations"] = checks["database"] and _migrated()
    checks["stored_secrets"] = checks["migrations"] and _stored_keys_open()
    checks |= {name: passes() for name, passes in _checks.items()}
    ok = all(checks.values())
    said = {name: "ok" if passed else "failed" for name, passed in checks.items()}
    details = {name: value() for name, value in _details.items()}
    body = {"status": "ok" if ok else "unavailable", "checks": said, **details}
    return JsonResponse(body, status=200 if ok else 503, headers={"Cache-Control": "no-store"})


def _keys_work() -> bool:
    try:
        check_keys()
    except ImproperlyConfigured:
        return False
    return True


def _stored_keys_open() -> bool:
    """Whether the master keys still open what is stored: a key that was lost is known before the first call fails."""
    try:
        check_stored_keys()
    except (ImproperlyConfigured, DatabaseError):
        return False
    return True


def _database_answers() -> bool:
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


_migrated_once = threading.Event()


def _migrated() -> bool:
    """Whether no migration of this release is waiting. True stays true for the life of a process, so the graph is built once."""
    if not _migrated_once.is_set():
        try:
            executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
                _migrated_once.set()
        except DatabaseError:
            return False
    return _migrated_once.is_set()
