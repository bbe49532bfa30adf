"""*Test* of an authorization profile (spec 03): obtains a token, or signs a request, or says what would be sent where."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationProfile
from tests.conftest import ClientFor
from tests.inference.conftest import allow
from tests.support.cast import Cast
from tests.support.profiles import PLAIN, client_profile, code_profile, make_profile, token_requests
from tests.support.provider import RunningProvider, provider, provider_server

__all__ = ["provider", "provider_server"]


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def press(client: Client, profile: AuthorizationProfile, **more: str) -> str:
    """What htmx gets: the row, and a toast or the card's notice."""
    response = client.post(reverse("inference:profile_test", args=["harbor", profile.pk]), more, headers={"HX-Request": "true"})
    assert response.status_code == 200
    html = response.content.decode()
    assert f'id="profile-{profile.pk}"' in html
    return html


@pytest.mark.parametrize(
    ("type_name", "settings", "secrets", "words"),
    [
        ("api_key", {}, {"key": "sk-4711"}, "header X-Api-Key, to api.example.com only"),
        ("api_key", {"location": "query"}, {"key": "sk-4711"}, "query parameter X-Api-Key"),
        ("bearer", {}, {"token": "tk-4711"}, "after Bearer"),
        ("basic", {}, {"password": "pw-4711"}, "harbor and the password"),
        (
            "custom_keys",
            {"keys": [{"location": "body", "name": "auth.key", "prefix": "", "secret": True}]},
            {"keys/body/auth.key": "k-4711"},
            "auth.key (body)",
        ),
        ("aws_sigv4", {}, {"secret_key": "wJalr-4711"}, "/eu-west-1/execute-api/aws4_request"),
    ],
)
def test_those_with_nobody_to_ask(
    adam: Client, cast: Cast, type_name: str, settings: dict[str, object], secrets: dict[str, str], words: str
) -> None:
    profile = make_profile(cast.harbor, cast.alice, type_name, settings=PLAIN[type_name] | settings, secrets=secrets)
    html = press(adam, profile)
    assert words in html
    assert "4711" not in html
    event = AuditEvent.objects.get(event="authorization_profile.tested")
    assert (event.outcome, event.actor_name) == ("success", "Adam Admin")


def test_a_token_is_obtained_each_time(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    """The test is about the settings as they are now, not about a token of an hour ago."""
    allow(provider)
    profile = client_profile(cast.harbor, cast.alice, provider)
    for _ in range(2):
        html = press(adam, profile)
        assert "Token received in" in html
        assert "Valid for 5 minutes, scope models.invoke" in html
        assert "Token valid for 5 min" in html
    assert len(token_requests(provider)) == 2


def test_a_refusal_is_told_in_the_servers_words(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    profile = client_profile(cast.harbor, cast.alice, provider, client_id="nobody")
    html = press(adam, profile)
    assert "refused to give a token" in html
    assert "invalid_client: Client ID or secret is wrong." in html
    assert "Not configured" in html
    assert AuditEvent.objects.get(event="authorization_profile.tested").outcome == "failed"


def test_from_the_card_the_outcome_stands_in_the_card(adam: Client, cast: Cast) -> None:
    profile = make_profile(cast.harbor, cast.alice)
    html = press(adam, profile, **{"from": "card"})
    assert 'id="profile-outcome"' in html
    assert "Everything is there to send" in html


@pytest.mark.parametrize(("more", "place"), [({}, "profile_list"), ({"from": "card"}, "profile_edit")])
def test_without_scripts_it_leads_back(adam: Client, cast: Cast, more: dict[str, str], place: str) -> None:
    profile = make_profile(cast.harbor, cast.alice)
    response = adam.post(reverse("inference:profile_test", args=["harbor", profile.pk]), more)
    args = ["harbor", profile.pk] if place == "profile_edit" else ["harbor"]
    assert response["Location"] == reverse(f"connections:{place}", args=args)
    assert "Everything is there to send" in str(next(iter(get_messages(response.wsgi_request))))  # type: ignore[arg-type]


def test_one_that_does_not_open(adam: Client, cast: Cast) -> None:
    """A4."""
    profile = make_profile(cast.harbor, cast.alice)
    profile.secrets.update(value="pb1.lost.AAAA.AAAA")
    assert "Enter it again: Token." in press(adam, profile)


def test_authorization_code_opens_the_consent_page(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    profile = code_profile(cast.harbor, cast.alice, provider)
    page = adam.get(reverse("connections:profile_list", args=["harbor"])).content.decode()
    assert f'action="{reverse("inference:profile_consent", args=["harbor", profile.pk])}" target="_blank"' in page
    for name in ("profile_test", "profile_consent"):
        response = adam.post(reverse(f"inference:{name}", args=["harbor", profile.pk]))
        assert response.headers["Refresh"].startswith(f"0; url={provider.url}/oauth/authorize?response_type=code")
