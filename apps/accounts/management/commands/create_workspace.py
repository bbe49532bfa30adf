"""``manage.py create_workspace --name "Claims automation" --slug claims --owner alice@example.com``"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.actions import AlreadyExists, create_workspace, sentences
from apps.accounts.models import User, normalize_email
from apps.audit.record import SYSTEM

EXISTS = 3  # exit code, so that automation can tell "there already" from "went wrong" (1)


class Command(BaseCommand):
    help = f"Make a workspace. Exit code {EXISTS}: there is one with this slug already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", required=True, help="In every link: /w/<slug>/")
        parser.add_argument("--organization", default="", help="The heading of the workspace switcher")
        parser.add_argument("--owner", default="", metavar="EMAIL", help="Somebody who has an account; may be added later with create_user")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self._owner(options["owner"])
        try:
            workspace = create_workspace(
                name=options["name"], slug=options["slug"], organization=options["organization"], owner=owner, actor=SYSTEM
            )
        except AlreadyExists as error:
            raise CommandError(str(error), returncode=EXISTS) from error
        except ValidationError as error:
            raise CommandError(sentences(error)) from error
        self.stdout.write(f"Workspace {workspace.name} made: /w/{workspace.slug}/")

    def _owner(self, email: str) -> User | None:
        if not email:
            return None
        owner = User.objects.filter(email=normalize_email(email)).first()
        if owner is None:
            raise CommandError(f"There is no user with the e-mail {email}. Make one with create_user first.")
        return owner
