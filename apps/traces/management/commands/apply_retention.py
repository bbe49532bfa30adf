"""manage.py apply_retention: delete inputs, outputs and traces that are past their days. Servers do the same once a day."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.traces.retention import apply_retention


class Command(BaseCommand):
    help = "Delete inputs, outputs and traces that their workspace keeps no longer, in small batches beside the running product."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = apply_retention()
        self.stdout.write(f"{deleted.bodies} inputs and outputs deleted, {deleted.traces} traces.")
