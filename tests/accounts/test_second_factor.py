"""Second factor: setting it up, signing in with it, and the platform admin that asks for it (spec 07 D5 to D7)."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from tests.conftest import ClientFor
from tests.support.cast import PASSWORD, Cast


@pytest.fixture(autouse=True)
def _one_moment() -> Iterator[None]:
    """A code is good for the rest of its half minute, which must not end on the way to the server."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def with_app(user: User) -> str:
    secret = generate_totp_secret()
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": secret})
    return secret


def confirm(client: Client) -> None:
    client.post("/account/confirm/", {"password": PASSWORD})


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("sequence").values_list("event", flat=True))


def test_setting_up_asks_for_the_password_first(cast: Cast, client_for: ClientFor) -> None:
    response = client_for(cast.alice).get("/account/second-factor/app/")
    assert response.headers["Location"].startswith("/account/confirm/")


def test_setting_up_an_app(cast: Cast, client_for: ClientFor) -> None:
    client, elsewhere = client_for(cast.alice), client_for(cast.alice)
    confirm(client)
    page = client.get("/account/second-factor/app/").content.decode()
    secret = re.search(r'id="totp-secret" value="([A-Z2-7]+)"', page)
    assert secret
    response = client.post("/account/second-factor/app/", {"code": code_for(secret[1])})
    assert response.headers["Location"] == "/account/second-factor/codes/"
    codes = client.get("/account/second-factor/codes/").content.decode()
    assert len(re.findall(r"\b\d{8}\b", codes)) == 10
    assert "Sign out elsewhere" in client.get("/account/").content.decode()
    assert elsewhere.get("/account/").status_code == 302, "a changed second factor ends other sessions (D6)"
    assert Event.SECOND_FACTOR_ADDED in events()


def test_a_wrong_code_sets_nothing_up(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.alice)
    confirm(client)
    client.get("/account/second-factor/app/")
    assert "Incorrect code" in client.post("/account/second-factor/app/", {"code": "000000"}).content.decode()
    assert not Authenticator.objects.exists()


def test_signing_in_with_a_code(cast: Cast, client: Client) -> None:
    secret = with_app(cast.alice)
    response = client.post("/account/sign-in/", {"login": "alice@harbor.test", "password": PASSWORD})
    assert response.headers["Location"] == "/account/second-factor/sign-in/"
    assert client.get("/account/").status_code == 302, "the password alone is not enough"
    assert Event.SIGNED_IN not in events()
    assert client.post("/account/second-factor/sign-in/", {"code": code_for(secret)}).headers["Location"] == "/"
    assert client.get("/account/").status_code == 200
    assert events()[-1] == Event.SIGNED_IN


def test_a_wrong_code_is_a_failed_sign_in(cast: Cast, client: Client) -> None:
    with_app(cast.alice)
    client.post("/account/sign-in/", {"login": "alice@harbor.test", "password": PASSWORD})
    assert "Incorrect code" in client.post("/account/second-factor/sign-in/", {"code": "000000"}).content.decode()
    event = AuditEvent.objects.latest("sequence")
    assert (event.event, event.target_name, event.description) == (Event.SIGN_IN_FAILED, "Alice Owner", "Wrong second factor.")


def test_removing_the_app(cast: Cast, client_for: ClientFor) -> None:
    with_app(cast.alice)
    client = client_for(cast.alice)
    confirm(client)
    assert client.post("/account/second-factor/app/remove/").status_code == 302
    assert not Authenticator.objects.exists()
    assert events()[-1] == Event.SECOND_FACTOR_REMOVED


@pytest.fixture
def admin_asks_for_mfa(settings: Any) -> None:
    settings.PATCHBAY_ADMIN_MFA = True


@pytest.mark.usefixtures("admin_asks_for_mfa")
def test_staff_without_a_second_factor_are_sent_to_set_one_up(cast: Cast, client_for: ClientFor) -> None:
    """D7"""
    response = client_for(cast.pat).get("/platform-admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/account/confirm/")
    assert "next=%2Faccount%2Fsecond-factor%2Fapp%2F" in response.redirect_chain[-1][0]


@pytest.mark.usefixtures("admin_asks_for_mfa")
def test_staff_with_a_second_factor_get_in(cast: Cast, client_for: ClientFor) -> None:
    with_app(cast.pat)
    assert client_for(cast.pat).get("/platform-admin/").status_code == 200


def test_a_deployment_may_do_without(cast: Cast, client_for: ClientFor, settings: Any) -> None:
    settings.PATCHBAY_ADMIN_MFA = False
    assert client_for(cast.pat).get("/platform-admin/").status_code == 200
