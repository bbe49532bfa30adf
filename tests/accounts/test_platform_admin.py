"""People and workspaces in the platform admin: every change is audited, no secret is shown (spec 07 D7)."""

import pytest
from django.contrib import admin
from django.test import Client

from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.permissions import Role
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from tests.conftest import ClientFor
from tests.support.api_keys import make_new_key
from tests.support.cast import PASSWORD, Cast

BASE = "/platform-admin/accounts"


@pytest.fixture
def staff(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.pat)


def events() -> list[tuple[str, str]]:
    return list(AuditEvent.objects.order_by("created_at", "sequence").values_list("event", "actor_name"))


def test_adding_a_person(cast: Cast, staff: Client) -> None:
    response = staff.post(f"{BASE}/user/add/", {"email": "Nora@harbor.test", "name": "Nora", "password": PASSWORD})
    assert response.status_code == 302
    assert User.objects.get(email="nora@harbor.test").check_password(PASSWORD)
    assert events() == [(Event.USER_CREATED, "Pat Platform")]


def test_the_address_of_somebody_else_is_refused(cast: Cast, staff: Client) -> None:
    response = staff.post(f"{BASE}/user/add/", {"email": "ALICE@harbor.test", "name": "Nora", "password": PASSWORD})
    assert response.status_code == 200
    assert events() == []


def test_switching_a_person_off(cast: Cast, staff: Client) -> None:
    staff.post(f"{BASE}/user/{cast.bob.pk}/change/", {"name": "Bob Member"})
    cast.bob.refresh_from_db()
    assert not cast.bob.is_active
    assert events() == [(Event.USER_UPDATED, "Pat Platform")]


def test_no_password_hash_is_shown(cast: Cast, staff: Client) -> None:
    assert cast.bob.password not in staff.get(f"{BASE}/user/{cast.bob.pk}/change/").content.decode()


def test_people_and_workspaces_are_not_deleted(cast: Cast, staff: Client) -> None:
    assert staff.post(f"{BASE}/user/{cast.bob.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"{BASE}/workspace/{cast.harbor.pk}/delete/", {"post": "yes"}).status_code == 403


def test_adding_and_renaming_a_workspace(cast: Cast, staff: Client) -> None:
    staff.post(f"{BASE}/workspace/add/", {"name": "Claims", "slug": "claims", "organization": "Harbor Mutual"})
    workspace = Workspace.objects.get(slug="claims")
    staff.post(f"{BASE}/workspace/{workspace.pk}/change/", {"name": "Claims EU", "organization": "Harbor Mutual"})
    workspace.refresh_from_db()
    assert workspace.name == "Claims EU"
    assert [event for event, _ in events()] == [Event.WORKSPACE_CREATED, Event.WORKSPACE_RENAMED]


def test_memberships(cast: Cast, staff: Client) -> None:
    staff.post(f"{BASE}/membership/add/", {"workspace": cast.harbor.pk, "user": cast.charlie.pk, "role": "viewer"})
    membership = Membership.objects.get(workspace=cast.harbor, user=cast.charlie)
    staff.post(f"{BASE}/membership/{membership.pk}/change/", {"role": "member"})
    membership.refresh_from_db()
    assert membership.role == Role.MEMBER
    staff.post(f"{BASE}/membership/{membership.pk}/delete/", {"post": "yes"})
    assert [event for event, _ in events()] == [Event.MEMBER_ADDED, Event.MEMBER_ROLE_CHANGED, Event.MEMBER_REMOVED]


def test_the_last_owner_stays(cast: Cast, staff: Client) -> None:
    owner = Membership.objects.get(workspace=cast.harbor, role=Role.OWNER)
    changed = staff.post(f"{BASE}/membership/{owner.pk}/change/", {"role": "viewer"})
    assert "needs an owner" in changed.content.decode()
    staff.post(f"{BASE}/membership/{owner.pk}/delete/", {"post": "yes"})
    assert Membership.objects.filter(pk=owner.pk, role=Role.OWNER).exists()
    assert events() == []


def test_signing_out_and_passwords_are_the_products_own(cast: Cast, staff: Client) -> None:
    """Django admin's own would leave no event."""
    assert staff.get("/platform-admin/password_change/").headers["Location"] == "/account/password/"
    staff.post("/platform-admin/logout/")
    assert events() == [(Event.SIGNED_OUT, "Pat Platform")]
    assert staff.get("/account/").status_code == 302


def test_no_admin_holds_secrets_or_edits_in_lists() -> None:
    """Second factors are secrets; ``list_editable`` would change rows past the actions."""
    labels = {model._meta.label for model in admin.site._registry}
    assert "mfa.Authenticator" not in labels
    assert [model for model, options in admin.site._registry.items() if options.list_editable] == []


@pytest.mark.parametrize("model", ["apiapp", "apikey"])
def test_api_apps_and_keys_are_shown_without_secret_or_hash(model: str, cast: Cast, staff: Client) -> None:
    """A11, D7."""
    new = make_new_key(cast.harbor, cast.alice)
    key = ApiKey.objects.get(pk=new.key.pk)
    change = f"{BASE}/{model}/{key.app_id if model == 'apiapp' else key.pk}/change/"
    pages = staff.get(f"{BASE}/{model}/").content.decode() + staff.get(change).content.decode()
    assert cast.harbor.name in pages
    assert key.app.name in pages
    for hidden in (new.text.show(), new.text.show().rpartition("_")[2], key.digest):
        assert hidden not in pages
    assert staff.post(change, {"name": "x"}).status_code == 403
    assert staff.get(f"{BASE}/{model}/add/").status_code == 403
    assert staff.post(change.replace("change", "delete"), {"post": "yes"}).status_code == 403
