"""``manage.py update_catalog``: known models and prices from the installed price package. Shows the difference; --apply makes it so."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.record import SYSTEM
from apps.catalog.actions import preview_catalog, update_catalog
from apps.catalog.difference import Difference
from apps.catalog.genai import NotInstalled, read_package


class Command(BaseCommand):
    help = "Show what the installed price package (genai-prices) would change in the catalogue of models and prices; --apply changes it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="change the catalogue; without it, nothing changes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            snapshot = read_package()
        except NotInstalled as error:
            raise CommandError(str(error)) from error
        difference = update_catalog(snapshot=snapshot, actor=SYSTEM) if options["apply"] else preview_catalog(snapshot)
        self.tell(difference)
        if difference.is_empty:
            self.stdout.write("The catalogue is up to date.")
        elif options["apply"]:
            self.stdout.write(self.style.SUCCESS("Applied."))
        else:
            self.stdout.write("Nothing has been changed. Run it again with --apply to do so.")

    def tell(self, difference: Difference) -> None:
        snapshot = difference.snapshot
        left_out = sum(map(len, snapshot.left_out.values()))
        self.stdout.write(f"{snapshot.source} {snapshot.version}: {len(snapshot.offers)} chat models of six providers.")
        reasons = "; ".join(f"{reason}: {len(ids)}" for reason, ids in snapshot.left_out.items())
        self.stdout.write(f"{left_out} of its models are not offered for chat ({reasons}).\n")
        for section in difference.sections:
            self.stdout.write(f"{section.title} ({len(section.lines)})")
            for line in section.lines:
                self.stdout.write(f"  {line}")
            self.stdout.write("")
