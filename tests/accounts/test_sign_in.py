"""Sign-in, sign-out, passwords (spec 07 D5, D6)."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from tests.conftest import ClientFor
from tests.support.cast import PASSWORD, Cast

SIGN_IN = "/account/sign-in/"
NEW_PASSWORD = "another-lantern-in-the-harbour"


def sign_in(client: Client, email: str = "alice@harbor.test", password: str = PASSWORD, **extra: str) -> Any:
    return client.post(SIGN_IN, {"login": email, "password": password, **extra}, HTTP_USER_AGENT="Test browser")


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def platform_events() -> list[str]:
    return list(AuditEvent.objects.filter(chain="platform").order_by("sequence").values_list("event", flat=True))


def test_signing_in_leads_home_and_is_recorded(cast: Cast, client: Client) -> None:
    response = sign_in(client, "Alice@Harbor.TEST")
    assert response.headers["Location"] == "/"
    assert is_signed_in(client)
    event = AuditEvent.objects.get(event=Event.SIGNED_IN)
    assert (event.chain, event.actor_id, event.actor_name, event.ip) == ("platform", str(cast.alice.pk), "Alice Owner", "127.0.0.1")
    assert (event.user_agent, event.outcome) == ("Test browser", "success")
    assert event.request_id == response.headers["X-Request-ID"]


def test_signing_in_leads_back_to_where_one_was_going(cast: Cast, client: Client) -> None:
    target = client.get("/w/harbor/").headers["Location"]
    assert target == f"{SIGN_IN}?next=%2Fw%2Fharbor%2F"
    assert sign_in(client, next="/w/harbor/").headers["Location"] == "/w/harbor/"


def test_signing_in_never_leads_to_another_site(cast: Cast, client: Client) -> None:
    assert sign_in(client, next="https://evil.example/").headers["Location"] == "/"


def test_the_session_has_a_new_id_after_sign_in(cast: Cast, client: Client) -> None:
    """D6: an ID planted before sign-in is worth nothing after it."""
    client.get(SIGN_IN)
    client.session.save()
    planted = client.session.session_key
    client.cookies["sessionid"] = planted or ""
    sign_in(client)
    assert client.session.session_key != planted


@pytest.mark.parametrize("email", ["alice@harbor.test", "nobody@harbor.test"])
def test_a_refused_sign_in_says_the_same_whoever_it_is(cast: Cast, client: Client, email: str) -> None:
    response = sign_in(client, email, "wrong-wrong-wrong")
    assert "are not correct" in response.content.decode()
    assert not is_signed_in(client)
    assert platform_events() == [Event.SIGN_IN_FAILED]


def test_a_failed_sign_in_names_its_target_but_no_stranger(cast: Cast, client: Client) -> None:
    """A password typed into the wrong field must not end up in the log."""
    sign_in(client, "alice@harbor.test", "wrong-wrong-wrong")
    sign_in(client, "my-secret-password@typed.wrong", "wrong-wrong-wrong")
    first, second = AuditEvent.objects.filter(event=Event.SIGN_IN_FAILED).order_by("sequence")
    assert (first.target_name, first.outcome) == ("Alice Owner", "failed")
    assert second.target_name == ""
    assert "my-secret-password" not in str(vars(second))


def test_guessing_is_locked_out(cast: Cast, client: Client) -> None:
    """D5, D10: after five wrong passwords even the right one is refused for a while."""
    for _ in range(5):
        sign_in(client, password="wrong-wrong-wrong")
    response = sign_in(client)
    assert "Too many failed login attempts" in response.content.decode()
    assert not is_signed_in(client)


def test_somebody_switched_off_does_not_get_in(cast: Cast, client: Client) -> None:
    cast.alice.is_active = False
    cast.alice.save()
    sign_in(client)
    assert not is_signed_in(client)


def test_signing_out_ends_the_session_and_is_recorded(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.alice)
    assert client.post("/account/sign-out/").headers["Location"] == SIGN_IN
    assert not is_signed_in(client)
    assert platform_events() == [Event.SIGNED_OUT]


def test_a_link_does_not_sign_out(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.alice)
    assert "<form" in client.get("/account/sign-out/").content.decode()
    assert is_signed_in(client)


def test_sign_up_is_closed(cast: Cast, client: Client) -> None:
    form = {"email": "new@harbor.test", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert "Sign-up is closed" in client.get("/account/sign-up/").content.decode()
    assert "Sign-up is closed" in client.post("/account/sign-up/", form).content.decode()
    assert not User.objects.filter(email="new@harbor.test").exists()


def test_pages_of_the_signed_in_stay_out_of_caches(cast: Cast, client_for: ClientFor) -> None:
    """D8"""
    client = client_for(cast.alice)
    for path in ("/account/", "/w/harbor/", "/w/other/", "/nothing-here/"):
        assert client.get(path).headers["Cache-Control"] == "no-store", path


def test_changing_the_password_ends_other_sessions(cast: Cast, client_for: ClientFor) -> None:
    here, elsewhere = client_for(cast.alice), client_for(cast.alice)
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert here.post("/account/password/", form).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert platform_events() == [Event.PASSWORD_CHANGED]


def test_a_weak_new_password_is_refused(cast: Cast, client_for: ClientFor) -> None:
    form = {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    assert "at least 12 characters" in client_for(cast.alice).post("/account/password/", form).content.decode()


def test_a_reset_link_works_once(cast: Cast, client: Client) -> None:
    client.post("/account/password/reset/", {"email": "ALICE@harbor.test"})
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)
    assert link
    page = client.get(link[1], follow=True)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.post(page.request["PATH_INFO"], form, follow=True).status_code == 200
    assert sign_in(Client(), password=NEW_PASSWORD).status_code == 302
    again = Client().get(link[1], follow=True).content.decode()
    assert "does not work any more" in again
    assert Event.PASSWORD_CHANGED in platform_events()


def test_a_reset_for_a_stranger_looks_the_same(cast: Cast, client: Client) -> None:
    known = client.post("/account/password/reset/", {"email": "alice@harbor.test"})
    unknown = client.post("/account/password/reset/", {"email": "nobody@harbor.test"})
    assert (known.status_code, known.headers["Location"]) == (unknown.status_code, unknown.headers["Location"])
    assert "there is no account" in mail.outbox[1].body


def test_the_key_of_a_reset_link_is_not_logged(cast: Cast, client: Client, capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    """A10: the link is a password for as long as it works."""
    client.get("/account/password/reset/key/abc-very-secret-key/")
    assert "very-secret-key" not in caplog.text + capsys.readouterr().err


def test_ending_other_sessions(cast: Cast, client_for: ClientFor) -> None:
    """D6"""
    here, elsewhere = client_for(cast.alice), client_for(cast.alice)
    here.post("/account/sessions/end/")
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert platform_events() == [Event.SESSIONS_ENDED]
