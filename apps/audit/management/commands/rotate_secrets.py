"""manage.py rotate_secrets: move stored secrets to the newest keys while the product runs.

It stands here and not in core, which does the work, because the rotation is recorded in the audit log and core knows no other app.
"""

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.audit.events import Event
from apps.audit.record import SYSTEM, Outcome, record
from apps.core.rotation import BATCH, Rotation, reencrypt_rows, rewrap_data_keys


class Command(BaseCommand):
    help = (
        "Wrap the data keys under the newest master key of PATCHBAY_SECRET_KEYS. With --reencrypt, also give every workspace a new data "
        "key and re-encrypt all secrets under it. Runs beside the product; Ctrl-C stops it between batches, and the next run goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reencrypt", action="store_true", help="new data keys too, and every stored secret under them")
        parser.add_argument("--batch-size", type=int, default=BATCH, help="secrets per transaction (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1:
            raise CommandError("--batch-size must be 1 or more.")
        rotation = Rotation()
        with _asked_to_stop() as stop:
            rewrap_data_keys(rotation)
            self.stdout.write(f"{rotation.rewrapped} data keys wrapped under the newest master key.")
            if options["reencrypt"]:
                reencrypt_rows(rotation, batch_size=options["batch_size"], stopping=stop.is_set, progress=self.stdout.write)
                self.stdout.write(f"{rotation.reencrypted} secrets re-encrypted.")
        _record(rotation)
        for problem in rotation.unreadable:
            self.stderr.write(f"Cannot be opened: {problem}")
        if rotation.stopped:
            self.stdout.write("Stopped as asked. Run the command again to go on.")
        if rotation.unreadable:
            raise CommandError(f"{len(rotation.unreadable)} could not be opened and were left as they are.")


@transaction.atomic
def _record(rotation: Rotation) -> None:
    outcome = Outcome.FAILED if rotation.unreadable else Outcome.SUCCESS
    description = "Stopped before the end." if rotation.stopped else ""
    record(Event.SECRETS_ROTATED, actor=SYSTEM, workspace=None, changes=rotation.counts(), outcome=outcome, description=description)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Set by Ctrl-C, or by the SIGTERM of a service manager, so that the batch at hand is finished first."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():  # only the main thread may listen for signals
        yield stop
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
