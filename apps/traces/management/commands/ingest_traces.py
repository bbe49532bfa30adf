"""manage.py ingest_traces: bring what the journal holds into the database, without starting a server or a worker."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.traces.store import flush


class Command(BaseCommand):
    help = "Bring the records of calls that the journal holds into the database."

    def handle(self, *args: Any, **options: Any) -> None:
        count = flush()
        self.stdout.write("A worker is at it already." if count is None else f"{count} traces brought in.")
