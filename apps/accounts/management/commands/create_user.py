"""``manage.py create_user --email alice@example.com --name Alice --workspace claims --role owner < password-file``"""

import os
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.actions import AlreadyExists, create_user, sentences
from apps.accounts.models import Workspace
from apps.accounts.permissions import Role
from apps.audit.record import SYSTEM

EXISTS = 3  # exit code, so that automation can tell "there already" from "went wrong" (1)
PASSWORD_VARIABLE = "PATCHBAY_PASSWORD"


class Command(BaseCommand):
    help = (
        "Make a person's account, and with --workspace and --role a member of a workspace. The password comes from --password, else from "
        f"${PASSWORD_VARIABLE}, else from standard input; the last two keep it out of the process list. Exit code {EXISTS}: exists already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", default="", help="As others see it; the e-mail's first part unless given")
        parser.add_argument("--password", default="", help="Visible in the process list; see above for other ways")
        parser.add_argument("--workspace", default="", metavar="SLUG")
        parser.add_argument("--role", choices=[role.value for role in Role])
        parser.add_argument("--staff", action="store_true", help="Platform staff: may use the platform admin")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = self._workspace(options["workspace"], options["role"])
        try:
            user = create_user(
                email=options["email"],
                password=options["password"] or password_from_outside(),
                name=options["name"] or options["email"].split("@")[0],
                is_staff=options["staff"],
                workspace=workspace,
                role=Role(options["role"]) if options["role"] else None,
                actor=SYSTEM,
            )
        except AlreadyExists as error:
            raise CommandError(str(error), returncode=EXISTS) from error
        except ValidationError as error:
            raise CommandError(sentences(error)) from error
        place = f", {options['role']} of {workspace.name}" if workspace else ""
        self.stdout.write(f"User {user.email} made{place}.")

    def _workspace(self, slug: str, role: str | None) -> Workspace | None:
        if bool(slug) != bool(role):
            raise CommandError("--workspace and --role go together.")
        if not slug:
            return None
        workspace = Workspace.objects.filter(slug=slug).first()
        if workspace is None:
            raise CommandError(f"There is no workspace with the slug {slug}. Make one with create_workspace first.")
        return workspace


def password_from_outside() -> str:
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if sys.stdin.isatty():
        sys.stderr.write("Password: ")
    return sys.stdin.readline().rstrip("\r\n")
