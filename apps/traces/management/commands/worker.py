"""manage.py worker: bring records of calls into the database as they come, and do what has to be done every few minutes."""

import gc
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.traces import seat
from apps.traces.worker import Life, do_chores, work

STANDBY_SECONDS = 1.0
OBJECTS = 50_000  # that are made before the collector looks for cycles: a slice makes thousands, and none


class Command(BaseCommand):
    help = "Bring records of calls into the database as they come, until SIGTERM. Servers start one unless PATCHBAY_START_WORKER is false."
    requires_system_checks = []  # they import every page; what they say, the server has said

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seat", type=int, help="given by a server to its own worker, which ends with standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seat"] is None:
            life = Life(closed_by_signals())
            held = wait_for_seat(life)
        else:
            ignore_signals()
            life, held = Life(sys.stdin.fileno()), options["seat"]
        if held is not None:
            gc.freeze()  # what was imported stays: no need to look through it again and again
            gc.set_threshold(OBJECTS)
            threading.Thread(target=do_chores, name="chores", daemon=True).start()
            work(settings.PATCHBAY_JOURNAL_DIR, held, life)


def wait_for_seat(life: Life) -> int | None:
    """As long as another worker has it, this one stands by. None: it was told to stop."""
    while (held := seat.take(settings.PATCHBAY_JOURNAL_DIR)) is None:
        if life.is_over(STANDBY_SECONDS):
            return None
    return held


def closed_by_signals() -> int:
    """The reading end of a pipe that ends with SIGTERM or Ctrl-C."""
    reading, writing = os.pipe()
    ends = [writing]

    def end(*_: object) -> None:
        if ends:
            os.close(ends.pop())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return reading


def ignore_signals() -> None:
    """Sent to a whole group, they mean the server first: it still has calls to finish, whose records come after."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
