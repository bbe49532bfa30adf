"""Members and roles (spec 01): what an owner, an admin and the platform may do, and the event that each change leaves."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from apps.accounts import actions
from apps.accounts.models import Membership
from apps.accounts.permissions import Role
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM, Actor, chain_of
from tests.support.cast import Cast, join, make_cast, make_user

ALICE = Actor("user", "1", "Alice Owner")


def membership(cast: Cast, name: str) -> Membership:
    return Membership.objects.get(workspace=cast.harbor, user=getattr(cast, name))


def last_event(cast: Cast) -> AuditEvent:
    return AuditEvent.objects.filter(chain=chain_of(cast.harbor.pk)).latest("sequence")


def test_adding_a_member_leaves_an_event(cast: Cast) -> None:
    actions.add_member(workspace=cast.harbor, user=cast.pat, role=Role.MEMBER, actor=ALICE)
    event = last_event(cast)
    assert (event.event, event.actor_name, event.target_name) == (Event.MEMBER_ADDED, "Alice Owner", "Pat Platform")


def test_nobody_is_added_twice(cast: Cast) -> None:
    with pytest.raises(actions.AlreadyExists, match="is a member of Claims automation already"):
        actions.add_member(workspace=cast.harbor, user=cast.bob, role=Role.VIEWER, actor=ALICE)
    assert membership(cast, "bob").role == Role.MEMBER


def test_a_role_changes_with_before_and_after(cast: Cast) -> None:
    actions.change_role(membership(cast, "vic"), role=Role.MEMBER, actor=ALICE, by=Role.OWNER)
    assert membership(cast, "vic").role == Role.MEMBER
    assert last_event(cast).event == Event.MEMBER_ROLE_CHANGED


def test_the_same_role_again_is_no_change(cast: Cast) -> None:
    actions.change_role(membership(cast, "vic"), role=Role.VIEWER, actor=ALICE, by=Role.OWNER)
    assert not AuditEvent.objects.filter(chain=chain_of(cast.harbor.pk)).exists()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_the_last_owner_cannot_be_demoted(cast: Cast, role: Role) -> None:
    with pytest.raises(actions.AccountError, match="needs an owner"):
        actions.change_role(membership(cast, "alice"), role=role, actor=ALICE, by=Role.OWNER)
    assert membership(cast, "alice").role == Role.OWNER


def test_the_last_owner_cannot_be_removed(cast: Cast) -> None:
    with pytest.raises(actions.AccountError, match="needs an owner"):
        actions.remove_member(membership(cast, "alice"), actor=SYSTEM)
    assert membership(cast, "alice")


def test_one_of_two_owners_can_go(cast: Cast) -> None:
    actions.change_role(membership(cast, "adam"), role=Role.OWNER, actor=ALICE, by=Role.OWNER)
    actions.remove_member(membership(cast, "alice"), actor=ALICE, by=Role.OWNER)
    assert not Membership.objects.filter(workspace=cast.harbor, user=cast.alice).exists()
    assert last_event(cast).event == Event.MEMBER_REMOVED


def test_an_admin_cannot_make_an_owner(cast: Cast) -> None:
    with pytest.raises(actions.AccountError, match="Only an owner"):
        actions.change_role(membership(cast, "bob"), role=Role.OWNER, actor=ALICE, by=Role.ADMIN)
    with pytest.raises(actions.AccountError, match="Only an owner"):
        actions.add_member(workspace=cast.harbor, user=cast.pat, role=Role.OWNER, actor=ALICE, by=Role.ADMIN)


def test_an_admin_cannot_unmake_an_owner(cast: Cast) -> None:
    join(cast.harbor, cast.pat, Role.OWNER)
    with pytest.raises(actions.AccountError, match="Only an owner"):
        actions.change_role(membership(cast, "alice"), role=Role.MEMBER, actor=ALICE, by=Role.ADMIN)
    with pytest.raises(actions.AccountError, match="Only an owner"):
        actions.remove_member(membership(cast, "alice"), actor=ALICE, by=Role.ADMIN)


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_unmake_each_other_at_once() -> None:
    """Both see the other as the second owner; the lock on the workspace lets only one through."""
    cast = make_cast()
    join(cast.harbor, make_user("Olga Owner"), Role.OWNER)
    owners = list(Membership.objects.filter(workspace=cast.harbor, role=Role.OWNER))

    def step_down(owner: Membership) -> bool:
        try:
            actions.change_role(owner, role=Role.VIEWER, actor=ALICE, by=Role.OWNER)
        except actions.AccountError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(step_down, owners))
    assert sorted(done) == [False, True]
    assert Membership.objects.filter(workspace=cast.harbor, role=Role.OWNER).count() == 1
