"""Who works at Harbor Mutual: people of every role, two workspaces for the switcher, and the one password of them all."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from apps.accounts.actions import add_member, create_user, create_workspace
from apps.accounts.models import User, Workspace
from apps.accounts.permissions import Role
from apps.audit.record import SYSTEM

ORGANIZATION = "Harbor Mutual"


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    name: str
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class WorkspacePlan:
    slug: str
    name: str
    roles: Mapping[Person, Role]

    @property
    def owner(self) -> Person:
        return next(person for person, role in self.roles.items() if role is Role.OWNER)


PRIYA = Person("priya.raman@harbormutual.example", "Priya Raman")
LING = Person("ling.chen@harbormutual.example", "Ling Chen")
JONAS = Person("jonas.weber@harbormutual.example", "Jonas Weber")
AMARA = Person("amara.osei@harbormutual.example", "Amara Osei")
TOM = Person("tom.hale@harbormutual.example", "Tom Hale")
PAT = Person("pat.novak@harbormutual.example", "Pat Novak", is_staff=True)
PEOPLE = (PRIYA, LING, JONAS, AMARA, TOM, PAT)

CLAIMS = WorkspacePlan(
    "claims",
    "Claims automation",
    {PRIYA: Role.OWNER, LING: Role.ADMIN, JONAS: Role.MEMBER, AMARA: Role.REVIEWER, TOM: Role.VIEWER},
)
UNDERWRITING = WorkspacePlan("underwriting", "Underwriting pilot", {JONAS: Role.OWNER, PRIYA: Role.ADMIN, AMARA: Role.VIEWER})
WORKSPACES = (CLAIMS, UNDERWRITING)


class ForeignDatabase(Exception):
    """The database belongs to somebody else: the demo must not add people with a password that is printed."""


def check_database() -> None:
    """Raises ForeignDatabase when there are workspaces or people, but not the demo's. For before the migrations."""
    if Workspace._meta.db_table not in connection.introspection.table_names():
        return
    if Workspace.objects.filter(slug=CLAIMS.slug, organization=ORGANIZATION).exists():
        return
    if Workspace.objects.exists() or User.objects.exclude(email__in=[person.email for person in PEOPLE]).exists():
        raise ForeignDatabase("This database holds workspaces or people that are not the demo's. Choose an empty folder with --data-dir.")


def demo_password(folder: Path) -> str:
    """The password of everybody in the demo, made once and kept in the folder, readable by its owner only."""
    path = folder / "demo_password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"harbor-{secrets.token_hex(5)}\n")
    return path.read_text().strip()


def make_people(password: str) -> dict[Person, User]:
    """Everybody's account; those who have one keep it as it is."""
    there = {user.email: user for user in User.objects.filter(email__in=[person.email for person in PEOPLE])}
    return {person: there.get(person.email) or _make_user(person, password) for person in PEOPLE}


def _make_user(person: Person, password: str) -> User:
    return create_user(email=person.email, password=password, name=person.name, is_staff=person.is_staff, actor=SYSTEM)


@transaction.atomic
def make_workspace(plan: WorkspacePlan, users: Mapping[Person, User]) -> Workspace:
    """The workspace with its members; one that is there keeps the members that it has now."""
    existing = Workspace.objects.filter(slug=plan.slug).first()
    if existing:
        return existing
    workspace = create_workspace(name=plan.name, slug=plan.slug, organization=ORGANIZATION, owner=users[plan.owner], actor=SYSTEM)
    for person, role in plan.roles.items():
        if role is not Role.OWNER:
            add_member(workspace=workspace, user=users[person], role=role, actor=SYSTEM)
    return workspace


def sign_ins(password: str) -> list[tuple[str, str, str]]:
    """E-mail, what the person may do, and the password as far as it is still the demo's, for everybody who can sign in."""
    users = User.objects.filter(email__in=[person.email for person in PEOPLE], is_active=True).prefetch_related("memberships__workspace")
    rows = {user.email: (user.email, _rights(user), password if user.check_password(password) else "(changed)") for user in users}
    return [rows[person.email] for person in PEOPLE if person.email in rows]


def _rights(user: User) -> str:
    roles = [f"{Role(member.role).label} of {member.workspace}" for member in user.memberships.all().order_by("created_at")]
    return ", ".join([*roles, *(["Platform staff"] if user.is_staff else [])])
