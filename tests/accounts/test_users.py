"""People: one account per address, whatever its spelling; what a new one needs."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from apps.accounts import actions
from apps.accounts.models import Membership, User
from apps.accounts.permissions import Role
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM
from tests.support.cast import PASSWORD, Cast, make_user

pytestmark = pytest.mark.django_db


def create(email: str = "New@Harbor.Test", password: str = PASSWORD) -> User:
    return actions.create_user(email=email, password=password, name="New Person", actor=SYSTEM)


def test_an_address_is_kept_in_lower_case() -> None:
    assert create("  New@Harbor.Test ").email == "new@harbor.test"


def test_an_address_is_found_in_any_spelling() -> None:
    create()
    assert User.objects.get(email="NEW@HARBOR.TEST").name == "New Person"
    assert User.objects.get_by_natural_key("New@harbor.test").name == "New Person"


def test_the_same_address_in_another_spelling_is_refused() -> None:
    create()
    with pytest.raises(actions.AlreadyExists):
        create("nEW@harbor.test")


def test_the_database_itself_refuses_upper_case() -> None:
    """What writes past the model (a bulk import, SQL) cannot make a second account either."""
    user = make_user("Someone")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = 'Someone@Harbor.test' WHERE email = %s", [user.email])


@pytest.mark.parametrize("password", ["short-1", "password1234", "newperson@harbor"])
def test_a_weak_password_is_refused(password: str) -> None:
    """D5: 12 characters or more, checked against a list, not like the name."""
    with pytest.raises(ValidationError):
        actions.create_user(email="newperson@harbor.test", password=password, name="newperson", actor=SYSTEM)
    assert not User.objects.exists()


def test_making_somebody_a_member_at_once_leaves_both_events(cast: Cast) -> None:
    user = actions.create_user(
        email="nora@harbor.test", password=PASSWORD, name="Nora", workspace=cast.harbor, role=Role.REVIEWER, actor=SYSTEM
    )
    assert Membership.objects.get(user=user).role == Role.REVIEWER
    assert set(AuditEvent.objects.values_list("event", flat=True)) == {Event.MEMBER_ADDED, Event.USER_CREATED}


def test_a_time_zone_is_one_that_exists() -> None:
    user = make_user("Zoe")
    with pytest.raises(ValidationError):
        actions.update_profile(user, name="Zoe", timezone="Mars/Olympus", actor=SYSTEM)
    user.refresh_from_db()
    assert user.timezone == "UTC"
