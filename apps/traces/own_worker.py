"""A worker for a machine that has none: started by a server process, as its child, and started again when it dies."""

import os
import subprocess
import sys
import time
from pathlib import Path

import structlog
from django.conf import settings

from apps.traces import seat
from apps.traces.worker import STOP_SECONDS

log = structlog.get_logger(__name__)

FIRST_LOOK = 1.0  # seconds: a server that starts has better things to do
LOOK_EVERY = 2.0
LONGEST_PAUSE = 60.0  # between two starts of a worker that does not live
LONG_LIFE = 60.0


class OwnWorker:
    """Of one server process. Its lock goes to the child as it is: so there is never a second one, nor a moment without."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None
        self._pause = LOOK_EVERY
        self._look_at = time.monotonic() + FIRST_LOOK
        self._started_at = 0.0

    def look(self) -> None:
        """Start it if there is none on this machine, and it is time to. Raises OSError where that cannot be done."""
        now = time.monotonic()
        if self._child is not None:
            if self._child.poll() is None:
                return
            self._ended(self._child, now)
        if now < self._look_at:
            return
        self._look_at = now + self._pause
        held = seat.take(self._directory)
        if held is not None:
            try:
                self._child, self._started_at = start(held), now
            finally:
                os.close(held)

    def stop(self) -> None:
        """Tell it that this is the end, and wait as long as it may take to bring in what is there."""
        child, self._child = self._child, None
        if child is None:
            return
        close_input(child)
        try:
            child.wait(STOP_SECONDS + 1)
        except subprocess.TimeoutExpired:
            log.warning("traces.worker_still_at_it")

    def _ended(self, child: "subprocess.Popen[bytes]", now: float) -> None:
        log.warning("traces.worker_ended", code=child.returncode)
        close_input(child)
        self._child = None
        self._pause = LOOK_EVERY if now - self._started_at > LONG_LIFE else min(self._pause * 2, LONGEST_PAUSE)
        self._look_at = now + self._pause - LOOK_EVERY


def start(held: int) -> "subprocess.Popen[bytes]":
    """In a session of its own, where Ctrl-C does not reach it; standard input tells it that its parent is gone."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--seat", str(held)]
    return subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[held], start_new_session=True
    )


def close_input(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is not None:
        child.stdin.close()
