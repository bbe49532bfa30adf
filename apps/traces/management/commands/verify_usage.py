"""manage.py verify_usage: whether sums and traces agree to the token. Exit code 1 when they do not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Workspace
from apps.traces.agree import disagreements


class Command(BaseCommand):
    help = "Compare the hourly sums that figures are read from with the traces. Exit code 1 when they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for workspace in Workspace.objects.order_by("slug"):
            for problem in disagreements(workspace.pk):
                wrong += 1
                self.stderr.write(f"{workspace.slug} {problem}")
        if wrong:
            raise CommandError(f"{wrong} hours do not agree.")
        self.stdout.write("Sums and traces agree.")
