"""Who brings a journal in: the one process of a machine that holds this lock (flock), from its start to its end.

The file's time says up to when everything that was recorded is in the database: so every process can tell how far behind that is.
"""

import fcntl
import os
import time
from pathlib import Path

NAME = "ingest.lock"


def take(directory: Path) -> int | None:
    """A descriptor that holds the seat until it is closed here and in a child that it was handed to. None: somebody has it.

    Raises OSError where no file can be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        if isinstance(problem, BlockingIOError):
            return None
        raise
    return descriptor


def mark(descriptor: int, at: float) -> None:
    """Everything that was recorded before `at`, in seconds since 1970, is in the database."""
    os.utime(descriptor, (at, at))


def behind(directory: Path) -> float | None:
    """How many seconds ago everything was in the database; None where nothing was ever brought in."""
    try:
        return max(0.0, time.time() - (directory / NAME).stat().st_mtime)
    except OSError:
        return None
