"""The thread of a server process that looks after its journal, and after what it keeps of the database.

It does little, so that calls do not wait for it: bringing the journal in is the worker's (worker.py), which it starts where there is none.
"""

import threading
import time

import structlog
from django.conf import settings
from django.db import connection

from apps.accounts.api_keys import write_uses
from apps.core import chores, health, lifespan
from apps.traces import capture, retention, seat
from apps.traces.own_worker import OwnWorker
from apps.traces.store import insert_waiting, journal
from apps.traces.worker import complain

log = structlog.get_logger(__name__)

TURN_SECONDS = 0.4
LONGEST_WAIT = 4.0  # between attempts while the database is away
KEY_USES_EVERY = 60.0
TOO_FAR_BEHIND = 30.0  # seconds: worth a line in the log
SAY_EVERY = 60.0

_background: "Background | None" = None


class Background(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="traces", daemon=True)
        self._told_to_stop = threading.Event()
        self._worker = OwnWorker(settings.PATCHBAY_JOURNAL_DIR) if settings.PATCHBAY_START_WORKER else None
        now = time.monotonic()
        self._pause, self._ask_at, self._key_uses_at, self._say_at = 0.0, 0.0, 0.0, now + SAY_EVERY

    def run(self) -> None:
        while not self._told_to_stop.wait(TURN_SECONDS):
            now = time.monotonic()
            journal().tend()
            self._see_to_worker()
            self._say_if_behind(now)
            if now >= self._ask_at:
                self._ask_database(now)

    def stop(self) -> None:
        """Let the journal go, and wait for the worker to bring it in, if that is this process's own."""
        self._told_to_stop.set()
        self.join()
        journal().close()
        self._key_uses_at = 0.0
        self._ask_database(time.monotonic())
        if self._worker:
            self._worker.stop()

    def _see_to_worker(self) -> None:
        try:
            if self._worker:
                self._worker.look()
        except OSError as problem:  # nothing can be written there, which the journal says as well
            log.warning("traces.no_worker", problem=str(problem))

    def _say_if_behind(self, now: float) -> None:
        if now < self._say_at:
            return
        self._say_at = now + SAY_EVERY
        seconds = traces_behind_seconds()
        if seconds is None or seconds > TOO_FAR_BEHIND:
            log.warning("traces.behind", seconds=seconds)

    def _ask_database(self, now: float) -> None:
        try:
            capture.refresh()
            insert_waiting()
            if now >= self._key_uses_at:
                write_uses()
                self._key_uses_at = now + KEY_USES_EVERY
            self._pause = 0.0
        except Exception as problem:  # noqa: BLE001 - the thread outlives whatever goes wrong: calls go on being written down
            if not self._pause:
                complain(problem)
            self._pause = min(max(self._pause, TURN_SECONDS) * 2, LONGEST_WAIT)
            self._ask_at = now + self._pause
        finally:
            connection.close()


def start() -> None:
    global _background
    journal().open()
    _background = Background()
    _background.start()


def stop() -> None:
    global _background
    background, _background = _background, None
    if background:
        background.stop()


def is_journal_writable() -> bool:
    return journal().is_writable


def traces_behind_seconds() -> float | None:
    """Everything that was recorded so long ago is in the database. None: no worker has ever been here."""
    seconds = seat.behind(settings.PATCHBAY_JOURNAL_DIR)
    return None if seconds is None else round(seconds, 1)


chores.add(retention.apply_if_due)
health.check("journal", is_journal_writable)
health.tell("traces_behind_seconds", traces_behind_seconds)
lifespan.at_start(start)
lifespan.at_stop(stop)
