"""``manage.py create_api_key --workspace claims --name "Intake" --scopes inference:invoke``: prints the key, and only that."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from apps.accounts.actions import AccountError
from apps.accounts.api_actions import KeyTerms, NewKey, create_api_app, create_api_key
from apps.accounts.models import ApiApp, Membership, User, Workspace, normalize_email
from apps.accounts.permissions import Role, Scope
from apps.audit.record import SYSTEM, Actor
from apps.core.names import check_name, name_key


class Command(BaseCommand):
    help = (
        "Make an API key and print it on standard output, once; what else there is to say goes to standard error. With --app the key is "
        "another one of that app, which is made if it is not there; otherwise it gets an app of its own name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="Of the key")
        parser.add_argument("--scopes", default=Scope.INFERENCE_INVOKE.value, help=f"With commas between: {', '.join(Scope)}")
        parser.add_argument("--app", default="", metavar="NAME", help="The API app; the key's name unless given")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="Never unless given")
        parser.add_argument("--user", default="", metavar="EMAIL", help="Whose rights the key has at most; the first owner unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = self._workspace(options["workspace"])
        maker = self._maker(workspace, options["user"])
        actor = Actor("user", str(maker.pk), maker.name) if options["user"] else SYSTEM
        scopes = parse_scopes(options["scopes"])
        try:
            name = check_name(options["name"])
            new = make_key(workspace, check_name(options["app"] or name), scopes, terms_of(name, options["expires"]), maker, actor)
        except (AccountError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"API key {name} of the app {new.key.app.name} made for {maker.name}. It is shown this once:")
        self.stdout.write(new.text.show())

    def _workspace(self, slug: str) -> Workspace:
        workspace = Workspace.objects.filter(slug=slug).first()
        if workspace is None:
            raise CommandError(f"There is no workspace with the slug {slug}. Make one with create_workspace first.")
        return workspace

    def _maker(self, workspace: Workspace, email: str) -> User:
        members = Membership.objects.filter(workspace=workspace, user__is_active=True).select_related("user").order_by("created_at", "pk")
        if email:
            found = members.filter(user__email=normalize_email(email)).first()
            problem = f"{email} is not an active member of {workspace.name}. Add them with create_user first."
        else:
            found = members.filter(role=Role.OWNER).first()
            problem = f"{workspace.name} has no active owner whose rights the key could have. Name a member with --user."
        if found is None:
            raise CommandError(problem)
        return found.user


def parse_scopes(text: str) -> list[Scope]:
    """Raises CommandError for one that does not exist."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Scope)]
    if unknown:
        raise CommandError(f"There is no scope {', '.join(unknown)}. Scopes are {', '.join(Scope)}.")
    return [Scope(name) for name in names]


def terms_of(name: str, days: int | None) -> KeyTerms:
    """Raises ValueError for a number of days that has no end in it."""
    if days is None:
        return KeyTerms(name)
    if not 1 <= days <= 3650:
        raise ValueError("--expires takes 1 to 3650 days.")
    return KeyTerms(name, expires_at=timezone.now() + timedelta(days=days))


@transaction.atomic
def make_key(workspace: Workspace, app_name: str, scopes: list[Scope], terms: KeyTerms, maker: User, actor: Actor) -> NewKey:
    """A key of the app with this name, which must have these scopes if it is there. Raises AccountError."""
    app = ApiApp.objects.filter(workspace=workspace, name_key=name_key(app_name)).first()
    if app is None:
        app = create_api_app(workspace, name=app_name, scopes=scopes, maker=maker, actor=actor)
    elif set(app.scopes) != set(scopes):
        raise AccountError(f"The API app {app.name} has other scopes: {', '.join(app.scopes)}. Give these, or name another app.")
    return create_api_key(app, terms=terms, creation_key=uuid4(), maker=maker, actor=actor)
