"""The worker: one process of a machine that brings the journal into the database and does the chores.

In a process of its own, because each record costs as much as a good part of a call: in the process of a server, calls would wait for
the interpreter's lock meanwhile.
"""

import select
import time
from pathlib import Path

import structlog
from django.db import Error, connection

from apps.core import chores
from apps.core.database import is_database_away
from apps.traces import seat
from apps.traces.ingest import SLICE, Ingester

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.4
LONGEST_WAIT = 4.0  # between attempts while the database is away
CHORES_EVERY = 600.0
STOP_SECONDS = 8.0


class Life:
    """How long this process may go on: until the end of a pipe, and so many seconds more for what is there."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._ends_at = 0.0

    def is_over(self, after: float = 0.0) -> bool:
        """Whether the end has come, or comes within `after` seconds, which are waited for."""
        if not self._ends_at and select.select([self._pipe], [], [], after)[0]:
            self._ends_at = time.monotonic() + STOP_SECONDS
        return bool(self._ends_at)

    def is_past(self) -> bool:
        """Whether the seconds after the end are over, too."""
        return self.is_over() and time.monotonic() >= self._ends_at


def work(directory: Path, held: int, life: Life) -> None:
    """Until life is over, with the seat; then what is there in the time that is left. The rest is for the next worker."""
    ingester, wait = Ingester(directory), 0.0
    while not life.is_over(wait):
        count, problem = bring_in(ingester, held, life)
        if problem is None:
            wait = 0.0 if count >= SLICE else IDLE_SECONDS
            continue
        if wait in (0.0, IDLE_SECONDS):  # the first of a row
            complain(problem)
        wait = min(max(wait, IDLE_SECONDS) * 2, LONGEST_WAIT)
    _, problem = bring_in(ingester, held, life)
    if problem is not None:
        complain(problem)
    connection.close()


def bring_in(ingester: Ingester, held: int, life: Life) -> tuple[int, Exception | None]:
    began = time.time()
    try:
        count = ingester.run(life.is_past)
        if not life.is_past():
            seat.mark(held, began)
    except Exception as problem:  # noqa: BLE001 - the worker outlives whatever goes wrong; nothing is lost by it
        connection.close()
        return 0, problem
    return count, None


def complain(problem: Exception) -> None:
    if isinstance(problem, Error) and is_database_away(problem):
        log.warning("traces.database_away", problem=str(problem))
    else:
        log.error("traces.not_brought_in", exc_info=problem)


def do_chores() -> None:
    """In a thread beside the rest, as long as the process lives: forgetting what is past its time may take minutes."""
    while True:
        time.sleep(CHORES_EVERY)
        try:
            chores.do_all()
        except Exception as problem:  # noqa: BLE001 - tried again the next time
            complain(problem)
        finally:
            connection.close()
