"""Noticing changes made by any process: every change ends with an audit event, so the end of a chain tells that something changed.

Whoever keeps copies of what the database says (routes, API keys) drops them when their workspace's chain has moved on (spec 04: within
a second, everywhere). The platform's chain counts for all workspaces. Changes of this process are announced as they are committed; those
of others are found by one thread, which asks for the sum of all chains' lengths and reads the chains only when that has changed.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Mapping

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.utils import load_backend

from apps.audit.chain import PLATFORM
from apps.audit.events import Category
from apps.audit.models import AuditEvent, ChainHead

POLL_SECONDS = 0.25
FIRST_LOOK_SECONDS = 5.0
# A database that is gone without a word is noticed in seconds, not when TCP gives up. PostgreSQL only.
IMPATIENT = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}

_log = logging.getLogger(__name__)
_listeners: list[Callable[[str], None]] = []
_starting = threading.Lock()
_noting = threading.Lock()
_own: dict[str, set[int]] = {}  # by chain: the events of this process that the watcher has not come across yet
_watcher: "_Watcher | None" = None


def on_change(listener: Callable[[str], None]) -> None:
    """Call `listener` with the name of each chain that has moved on: a workspace's ID or chain.PLATFORM. From any thread; be quick.

    PLATFORM also says that changes may have been missed: drop everything.
    """
    _listeners.append(listener)


def announce_own(chain: str, sequence: int) -> None:
    """Tell of a change that this process has committed, with its event's number. The watcher will not tell of it again."""
    if _watcher is not None:  # else nobody would take the numbers out again
        with _noting:
            _own.setdefault(chain, set()).add(sequence)
    announce(chain)


def announce(chain: str) -> None:
    """Tell the listeners of this process. Never raises."""
    for listener in _listeners:
        try:
            listener(chain)
        except Exception:  # noqa: BLE001 - the change is made, whatever a listener thinks of it
            _log.exception("a listener for changes failed")


def start() -> None:
    """Watch from now on; once is enough. Say so before reading what is to be kept: what changes after this returns is announced."""
    global _watcher
    if _watcher is None:
        with _starting:
            if _watcher is None:
                _watcher = _Watcher()
                _watcher.start()
    _watcher.looked.wait(FIRST_LOOK_SECONDS)


def stop() -> None:
    """Give the thread's connection back: between tests, and before a database is dropped."""
    global _watcher
    with _starting:
        if _watcher is not None:
            _watcher.stopped.set()
            _watcher.join()
        _watcher = None
        with _noting:
            _own.clear()


class _Watcher(threading.Thread):
    """Polls as long as the process lives, whatever becomes of the database meanwhile."""

    def __init__(self) -> None:
        super().__init__(name="patchbay-watch", daemon=True)
        self.looked = threading.Event()  # at least once, successfully or not
        self.stopped = threading.Event()
        self._length: tuple[int, int] | None = None
        self._ends: Mapping[str, int] = {}

    def run(self) -> None:
        connection = _own_connection()
        while True:
            try:
                self._look(connection)
            except Exception as error:  # noqa: BLE001 - the thread must outlive whatever a driver comes up with
                if not isinstance(error, Error):
                    _log.exception("looking for changes failed")
                _close(connection)
            self.looked.set()
            if self.stopped.wait(POLL_SECONDS):
                break
        _close(connection)

    def _look(self, connection: BaseDatabaseWrapper) -> None:
        table = ChainHead._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COALESCE(SUM(sequence), 0), COUNT(*) FROM {table}")  # noqa: S608 - our own table's name
            total, count = cursor.fetchone()
            if self._length == (total, count):
                return
            cursor.execute(f"SELECT chain, sequence FROM {table}")  # noqa: S608
            ends = dict(cursor.fetchall())
            first = self._length is None
            moved = (
                []
                if first
                else [chain for chain, end in ends.items() if self._ends.get(chain) != end and self._matters(cursor, chain, end)]
            )
        self._ends, self._length = ends, (total, count)
        if not first:
            for chain in moved:
                announce(chain)
        elif self.looked.is_set():  # start() has returned without a look: what was read since may be old already
            announce(PLATFORM)

    def _matters(self, cursor: CursorWrapper, chain: str, end: int) -> bool:
        """Whether its new events tell of more than people who sign in and out (on a busy morning those would empty everything) and of
        what this process has changed and announced itself.
        """
        table = AuditEvent._meta.db_table
        new = f"SELECT sequence, category FROM {table} WHERE chain = %s AND sequence > %s AND sequence <= %s"  # noqa: S608
        cursor.execute(new, [chain, self._ends.get(chain, 0), end])
        found = cursor.fetchall()
        own = _take_own(chain, end)
        return not found or any(category != Category.SIGN_IN.value and sequence not in own for sequence, category in found)


def _take_own(chain: str, end: int) -> set[int]:
    """The numbers of this process's events up to the end, which are forgotten with that."""
    with _noting:
        noted = _own.pop(chain, set())
        if later := {sequence for sequence in noted if sequence > end}:
            _own[chain] = later
    return noted - later


def _own_connection() -> BaseDatabaseWrapper:
    """One outside of the pool and of Django's own care for connections."""
    settings = dict(connections["default"].settings_dict)
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    settings["OPTIONS"] = options | (IMPATIENT if connections["default"].vendor == "postgresql" else {})
    wrapper: BaseDatabaseWrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "watch")
    return wrapper


def _close(connection: BaseDatabaseWrapper) -> None:
    with contextlib.suppress(Exception):
        connection.close()


def _forget_thread() -> None:
    """A forked process has none of its parent's threads."""
    global _watcher, _starting, _noting
    _watcher, _starting, _noting = None, threading.Lock(), threading.Lock()
    _own.clear()


os.register_at_fork(after_in_child=_forget_thread)
