"""Home, the app shell, profile, theme."""

import pytest
from django.test import Client

from apps.accounts.permissions import Role
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from tests.conftest import ClientFor
from tests.support.cast import Cast, join, make_user, make_workspace


def text_of(client: Client, path: str) -> str:
    response = client.get(path, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_home_is_the_workspace_used_last(cast: Cast, client_for: ClientFor) -> None:
    join(make_workspace("underwriting"), cast.alice, Role.ADMIN)
    client = client_for(cast.alice)
    assert client.get("/").headers["Location"] == "/w/harbor/", "the first by name"
    client.get("/w/underwriting/")
    assert client.get("/").headers["Location"] == "/w/underwriting/"


def test_a_workspace_one_has_left_is_not_home_any_more(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.alice)
    client.cookies["workspace"] = "other"
    assert client.get("/").headers["Location"] == "/w/harbor/"


def test_without_a_workspace_home_says_what_to_do(cast: Cast, client_for: ClientFor) -> None:
    page = text_of(client_for(make_user("Nora New")), "/")
    assert "You are not a member of a workspace yet" in page
    assert "nora@harbor.test" in page


def test_the_switcher_lists_own_workspaces_only(cast: Cast, client_for: ClientFor) -> None:
    join(make_workspace("underwriting", name="Underwriting pilot", organization="Harbor Mutual"), cast.alice, Role.ADMIN)
    page = text_of(client_for(cast.alice), "/account/")
    assert "Workspaces in Harbor Mutual" in page
    assert 'href="/w/underwriting/"' in page
    assert "Other workspace" not in page


def test_only_staff_see_the_platform_admin(cast: Cast, client_for: ClientFor) -> None:
    assert "Platform admin" in text_of(client_for(cast.pat), "/")
    assert "Platform admin" not in text_of(client_for(cast.alice), "/account/")


def test_names_are_text_everywhere(cast: Cast, client_for: ClientFor) -> None:
    """C6: escaped, and a direction override is shown instead of obeyed."""
    cast.alice.name = "<b>Alice</b> \u202e"
    cast.alice.save()
    page = text_of(client_for(cast.alice), "/account/")
    assert "<b>Alice" not in page
    assert "&lt;U+202E&gt;" in page


def test_saving_the_profile(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.bob)
    page = client.post("/account/", {"name": "Bob Builder", "timezone": "Europe/Berlin"}, follow=True).content.decode()
    cast.bob.refresh_from_db()
    assert (cast.bob.name, cast.bob.timezone) == ("Bob Builder", "Europe/Berlin")
    assert "Profile saved" in page
    event = AuditEvent.objects.get()
    assert (event.event, event.chain, event.target_name) == (Event.USER_UPDATED, "platform", "Bob Builder")


def test_an_unusable_profile_comes_back_with_the_reason(cast: Cast, client_for: ClientFor) -> None:
    response = client_for(cast.bob).post("/account/", {"name": "", "timezone": "Mars/Olympus"})
    page = response.content.decode()
    assert response.status_code == 422
    assert 'aria-describedby="id_name_error"' in page
    assert 'aria-describedby="id_timezone_error id_timezone_helptext"' in page, "the error is read before the help"
    assert not AuditEvent.objects.exists()


def test_saving_without_a_change_is_no_event(cast: Cast, client_for: ClientFor) -> None:
    client_for(cast.bob).post("/account/", {"name": cast.bob.name, "timezone": "UTC"})
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_kept_and_rendered(cast: Cast, client: Client, theme: str) -> None:
    response = client.post("/account/theme/", {"theme": theme, "next": "/account/sign-in/"})
    assert response.headers["Location"] == "/account/sign-in/"
    assert f'data-theme="{theme}"' in text_of(client, "/account/sign-in/")


def test_the_system_theme_is_the_absence_of_one(cast: Cast, client: Client) -> None:
    client.post("/account/theme/", {"theme": "dark"})
    client.post("/account/theme/", {"theme": "system"})
    assert "data-theme=" not in text_of(client, "/account/sign-in/").split("<body")[0]


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_theme_form_leads_to_no_other_site(db: None, client: Client, place: str) -> None:
    assert client.post("/account/theme/", {"theme": "dark", "next": place}).headers["Location"] == "/"


def test_a_theme_cookie_that_is_not_ours_is_ignored(db: None, client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-theme=" not in client.get("/account/sign-in/").content.decode()
