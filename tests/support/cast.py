"""The people of the tests (architecture.md, Style): one of every role in the workspace *harbor*, somebody of another one, platform staff.

Made straight in the database: tests about making people use the actions.
"""

from dataclasses import dataclass
from functools import cache

from django.contrib.auth.hashers import make_password

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role

PASSWORD = "tidal-harbour-lantern-42"


@dataclass(frozen=True, slots=True)
class Cast:
    harbor: Workspace
    other: Workspace
    alice: User  # owner of harbor
    adam: User  # admin
    bob: User  # member
    rita: User  # reviewer
    vic: User  # viewer
    charlie: User  # owner of other
    pat: User  # platform staff, member of nothing

    def by_role(self) -> dict[Role, User]:
        return {Role.OWNER: self.alice, Role.ADMIN: self.adam, Role.MEMBER: self.bob, Role.REVIEWER: self.rita, Role.VIEWER: self.vic}


@cache
def _hash() -> str:
    return make_password(PASSWORD)


def make_user(name: str, *, is_staff: bool = False, email: str = "") -> User:
    """Somebody who signs in with PASSWORD; the e-mail is name@harbor.test unless given."""
    address = email or f"{name.split()[0].lower()}@harbor.test"
    return User.objects.create(email=address, name=name, password=_hash(), is_staff=is_staff)


def make_workspace(slug: str, *, name: str = "", organization: str = "") -> Workspace:
    return Workspace.objects.create(slug=slug, name=name or slug.capitalize(), organization=organization)


def join(workspace: Workspace, user: User, role: Role) -> Membership:
    return Membership.objects.create(workspace=workspace, user=user, role=role)


def make_cast() -> Cast:
    harbor = make_workspace("harbor", name="Claims automation", organization="Harbor Mutual")
    other = make_workspace("other", name="Other workspace")
    names = ["Alice Owner", "Adam Admin", "Bob Member", "Rita Reviewer", "Vic Viewer", "Charlie Elsewhere", "Pat Platform"]
    users = [
        User(email=f"{name.split()[0].lower()}@harbor.test", name=name, password=_hash(), is_staff=name.startswith("Pat")) for name in names
    ]
    alice, adam, bob, rita, vic, charlie, pat = User.objects.bulk_create(users)
    roles = [(alice, Role.OWNER), (adam, Role.ADMIN), (bob, Role.MEMBER), (rita, Role.REVIEWER), (vic, Role.VIEWER)]
    memberships = [Membership(workspace=harbor, user=user, role=role) for user, role in roles]
    Membership.objects.bulk_create([*memberships, Membership(workspace=other, user=charlie, role=Role.OWNER)])
    return Cast(harbor, other, alice, adam, bob, rita, vic, charlie, pat)
