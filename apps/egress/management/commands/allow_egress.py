"""``manage.py allow_egress --host 10.20.30.40 --port 8080 --scheme http --reason "vLLM of the data team"``"""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.audit.record import SYSTEM
from apps.egress.actions import allow_egress
from apps.egress.models import Scheme


def moment(text: str) -> datetime:
    """An ISO 8601 date or time; UTC where it names no zone."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--expires {text!r} is not a date or time, such as 2027-01-31 or 2027-01-31T18:00+01:00.") from None
    return parsed if timezone.is_aware(parsed) else parsed.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Allow calls to a host or address range that is refused otherwise: private and loopback addresses, and plain http."

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--host", default="", help="A name or an address. Loopback needs the exact address: 127.0.0.1 or ::1")
        where.add_argument(
            "--cidr", default="", help="A range such as 10.20.0.0/16; never opens loopback, link-local or metadata addresses"
        )
        parser.add_argument("--port", type=int, action="append", required=True, help="May be given several times")
        parser.add_argument("--scheme", choices=Scheme.values, required=True)
        parser.add_argument("--reason", required=True, help="For whoever reviews the rules")
        parser.add_argument("--expires", default="", metavar="TIME", help="ISO 8601, UTC unless it says otherwise; without it, until ended")

    def handle(self, *args: Any, **options: Any) -> None:
        expires_at = moment(options["expires"]) if options["expires"] else None
        try:
            rule = allow_egress(
                actor=SYSTEM,
                host=options["host"],
                cidr=options["cidr"],
                ports=options["port"],
                scheme=options["scheme"],
                reason=options["reason"],
                expires_at=expires_at,
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        until = f"until {rule.expires_at.astimezone(UTC):%d %b %Y %H:%M} UTC" if rule.expires_at else "until it is ended"
        self.stdout.write(f"Allowed: {rule}, {until} (rule {rule.pk}).")
