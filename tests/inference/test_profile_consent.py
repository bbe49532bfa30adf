"""OAuth 2.0 authorization code: to the provider's consent page and back, once, for the person who asked (spec 03; RFC 6749, 7636)."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.db import connection as database
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationProfile, Connection, ProfileToken
from apps.connections.profile_actions import ProfileValues, create_profile, update_profile
from apps.demo.provider.authorization import access_tokens, refresh_tokens
from apps.egress import rules
from apps.inference import pipeline
from apps.inference.consent import Consent
from apps.inference.result import Result
from apps.inference.target import target_of
from tests.conftest import ClientFor
from tests.inference.conftest import allow
from tests.support.cast import Cast
from tests.support.models import actor, author
from tests.support.profiles import assess_definition, code_profile, connected, fresh, token_requests
from tests.support.provider import RunningProvider, provider, provider_server
from tests.support.together import at_once

__all__ = ["provider", "provider_server"]

LIST = "/w/harbor/settings/authorization-profiles/"


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


@pytest.fixture
def profile(cast: Cast, provider: RunningProvider) -> AuthorizationProfile:
    allow(provider)
    return code_profile(cast.harbor, cast.alice, provider)


def callback(profile: AuthorizationProfile) -> str:
    return f"{LIST}{profile.pk}/callback/"


def begin(client: Client, profile: AuthorizationProfile) -> str:
    """Press Test; gives the address of the provider's consent page."""
    response = client.post(reverse("inference:profile_consent", args=["harbor", profile.pk]))
    assert response.status_code == 200
    url = response.headers["Refresh"].removeprefix("0; url=")
    assert url.replace("&", "&amp;") in response.content.decode()  # a link, for browsers that do not follow
    return url


def answer(url: str, choice: str = "allow") -> dict[str, str]:
    """What the provider sends the browser back with."""
    assert "Allow access?" in httpx.get(url, timeout=60).text
    location = httpx.post(url, data={"answer": choice}, timeout=60).headers["location"]
    assert urlsplit(location)._replace(query="").geturl() == parse_qs(urlsplit(url).query)["redirect_uri"][0]
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def come_back(client: Client, query: dict[str, str], profile: AuthorizationProfile | None = None) -> Any:
    """The page that the profile's callback (of the only one, if none is given) leads on to, without the code in its address."""
    response = client.get(callback(profile or AuthorizationProfile.objects.get()), query)
    assert response["Location"] == LIST
    return client.get(response["Location"])


def call(connection: Connection) -> Result:
    return async_to_sync(pipeline.run)(target_of(fresh(connection)), {"prompt": "Hello"}, rules=rules.current())


def test_access_is_allowed_and_calls_work(adam: Client, cast: Cast, profile: AuthorizationProfile, provider: RunningProvider) -> None:
    connection = connected(cast.harbor, cast.alice, profile, assess_definition(provider.url))
    assert fresh(connection).state == "not_configured"
    assert call(connection).failure
    url = begin(adam, profile)
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"http://127.0.0.1:8000{callback(profile)}"]
    response = come_back(adam, answer(url))
    assert "Access is allowed" in response.content.decode()
    [body] = token_requests(provider)
    assert (body["grant_type"], len(body["code_verifier"])) == ("authorization_code", 64)
    assert fresh(connection).state == "on"
    assert call(connection).passed
    event = AuditEvent.objects.filter(event="authorization_profile.tested").get()
    assert (event.outcome, event.actor_name, event.target_name) == ("success", "Adam Admin", "Claims gateway")
    for secret in (body["code"], body["code_verifier"], asked["state"][0]):
        assert secret not in str(list(AuditEvent.objects.values())) + str(list(Consent.objects.values())) + response.content.decode()


def test_the_refresh_token_is_rotated(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    """The new one is stored before it is needed; the old one would be refused."""
    allow(provider)
    profile = code_profile(cast.harbor, cast.alice, provider, life="60")
    connection = connected(cast.harbor, cast.alice, profile, assess_definition(provider.url))
    come_back(adam, answer(begin(adam, profile)))
    for wave in range(1, 4):
        with time_machine.travel(timezone.now() + timedelta(seconds=90 * wave), tick=True):
            assert call(connection).passed
    grants = [body["grant_type"] for body in token_requests(provider)]
    assert grants == ["authorization_code", "refresh_token", "refresh_token", "refresh_token"]
    used = [body["refresh_token"] for body in token_requests(provider)[1:]]
    assert len(set(used)) == 3


def test_a_refresh_token_that_is_refused_asks_for_consent_again(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    profile = code_profile(cast.harbor, cast.alice, provider, life="60")
    connection = connected(cast.harbor, cast.alice, profile, assess_definition(provider.url))
    come_back(adam, answer(begin(adam, profile)))
    refresh_tokens._kept.clear()
    provider.forget()
    with time_machine.travel(timezone.now() + timedelta(seconds=90), tick=True):
        first, second = call(connection), call(connection)
    assert first.failure
    assert first.failure.provider_message.startswith("invalid_grant")
    assert second.failure
    assert second.failure.kind == "profile_not_configured"
    assert len(token_requests(provider)) == 1  # what the server does not know any more is not sent again
    assert fresh(connection).state == "not_configured"
    assert AuditEvent.objects.filter(event="authorization_profile.refresh_failed").count() == 1
    come_back(adam, answer(begin(adam, AuthorizationProfile.objects.get())))
    assert fresh(connection).state == "on"
    access_tokens._kept.clear()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"error": "access_denied", "error_description": "The person said no."}, "Access was not allowed"),
        ({"error": "server_error"}, "server_error"),
        ({}, "gave no code"),
        ({"code": "x" * 5000}, "gave no code"),
        ({"code": "code-not-known"}, "invalid_grant"),
    ],
)
def test_what_the_provider_may_answer_instead(
    adam: Client, profile: AuthorizationProfile, provider: RunningProvider, query: dict[str, str], words: str
) -> None:
    state = parse_qs(urlsplit(begin(adam, profile)).query)["state"][0]
    response = come_back(adam, {"state": state} | query)
    assert words in response.content.decode()
    assert AuditEvent.objects.get(event="authorization_profile.tested").outcome == "failed"
    assert not AuthorizationProfile.objects.get().is_configured


def test_denied_on_the_page(adam: Client, profile: AuthorizationProfile) -> None:
    assert "Access was not allowed" in come_back(adam, answer(begin(adam, profile), "deny")).content.decode()


def test_an_answer_counts_once(adam: Client, profile: AuthorizationProfile, provider: RunningProvider) -> None:
    """Replay: the state is used up, whatever came of it."""
    query = answer(begin(adam, profile))
    come_back(adam, query)
    again = come_back(adam, query)
    assert "used already" in again.content.decode()
    assert len(token_requests(provider)) == 1


@pytest.mark.parametrize("state", ["", "wrong", "\x00", "ü" * 400])
def test_a_state_that_nobody_was_given(adam: Client, profile: AuthorizationProfile, provider: RunningProvider, state: str) -> None:
    begin(adam, profile)
    assert "was not asked for here" in come_back(adam, {"code": "code-4711", "state": state}).content.decode()
    assert not token_requests(provider)
    assert Consent.objects.count() == 1


def test_another_persons_answer(
    adam: Client, cast: Cast, profile: AuthorizationProfile, client_for: ClientFor, provider: RunningProvider
) -> None:
    """Whoever is sent somebody else's answer cannot finish it; the one who asked still can."""
    query = answer(begin(adam, profile))
    alice = client_for(cast.alice)
    assert "Somebody else asked for this" in come_back(alice, query).content.decode()
    assert not token_requests(provider)
    assert "Access is allowed" in come_back(adam, query).content.decode()


def test_another_workspaces_answer(adam: Client, cast: Cast, profile: AuthorizationProfile, client_for: ClientFor) -> None:
    """D2: foreign and missing are the same."""
    query = answer(begin(adam, profile))
    url = reverse("inference:profile_callback", args=["other", profile.pk])
    for person in (cast.charlie, cast.adam):
        assert client_for(person).get(url, query).status_code == 404
    assert Consent.objects.count() == 1


def test_after_ten_minutes_it_is_too_late(adam: Client, profile: AuthorizationProfile, provider: RunningProvider) -> None:
    query = answer(begin(adam, profile))
    Consent.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert "longer than 10 minutes" in come_back(adam, query).content.decode()
    assert not token_requests(provider)


def test_what_nobody_answered_is_forgotten(adam: Client, profile: AuthorizationProfile) -> None:
    begin(adam, profile)
    Consent.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    begin(adam, profile)
    assert Consent.objects.count() == 1


def test_a_profile_that_changed_meanwhile(adam: Client, profile: AuthorizationProfile, provider: RunningProvider) -> None:
    """The answer was asked for with other settings."""
    query = answer(begin(adam, profile))
    AuthorizationProfile.objects.update(version=2)
    assert "changed meanwhile" in come_back(adam, query).content.decode()
    assert not token_requests(provider)


def test_a_profile_that_changes_at_the_very_moment(
    adam: Client, cast: Cast, profile: AuthorizationProfile, provider: RunningProvider
) -> None:
    """A8: code and verifier go to the token URL that access was allowed for, not to one saved while the answer is taken."""
    query = answer(begin(adam, profile))
    edits: list[int] = []

    def edit_after_the_state_is_used_up(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("DELETE") and "inference_consent" in sql and not edits:
            edits.append(1)
            values = ProfileValues(profile.settings | {"token_url": f"{provider.url}/oauth/life/9/token"}, (provider.url,), {})
            update_profile(profile, values=values, actor=actor(cast.alice), expected_version=1)
        return result

    with database.execute_wrapper(edit_after_the_state_is_used_up):
        assert "changed meanwhile" in come_back(adam, query).content.decode()
    assert edits
    assert not token_requests(provider)


def test_pkce_holds(adam: Client, profile: AuthorizationProfile, provider: RunningProvider) -> None:
    """A code that was asked for with one challenge is worth nothing with another verifier."""
    stolen = answer(begin(adam, profile))["code"]
    state = parse_qs(urlsplit(begin(adam, profile)).query)["state"][0]
    response = come_back(adam, {"code": stolen, "state": state})
    assert "PKCE verifier does not fit" in response.content.decode()
    assert not ProfileToken.objects.exclude(access_token="").exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_answer_many_times_at_once(transactional_cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """Single use, decided by the database."""
    allow(provider)
    profile = code_profile(transactional_cast.harbor, transactional_cast.alice, provider)
    adam = client_for(transactional_cast.adam)
    query = answer(begin(adam, profile))
    windows = [Client() for _ in range(10)]
    for window in windows:
        window.cookies = adam.cookies.copy()
    responses = at_once([lambda window=window: come_back(window, query) for window in windows])  # type: ignore[misc]
    assert sorted("Access is allowed" in response.content.decode() for response in responses) == [*[False] * 9, True]
    assert len(token_requests(provider)) == 1


def test_a_public_client_needs_no_secret(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    profile = code_profile(cast.harbor, cast.alice, provider, client_id="harbor-public")
    profile.secrets.all().delete()
    assert "Access is allowed" in come_back(adam, answer(begin(adam, profile))).content.decode()
    [body] = token_requests(provider)
    assert (body["client_id"], "client_secret" in body) == ("harbor-public", False)


@override_settings(PUBLIC_URL="")
def test_without_a_public_url_the_request_says_where_it_is(adam: Client, profile: AuthorizationProfile) -> None:
    asked = parse_qs(urlsplit(begin(adam, profile)).query)
    assert asked["redirect_uri"] == [f"http://testserver{callback(profile)}"]


def test_the_callback_url_stands_on_the_page(adam: Client, profile: AuthorizationProfile) -> None:
    """It is the profile's own, so it is there once the profile is."""
    edit = reverse("connections:profile_edit", args=["harbor", profile.pk])
    assert f'value="http://127.0.0.1:8000{callback(profile)}" readonly' in adam.get(edit).content.decode()
    page = adam.get(reverse("connections:profile_add", args=["harbor"]) + "?type=authorization_code").content.decode()
    assert "/callback/" not in page
    assert "It stands here once the profile is added" in page


def test_an_answer_of_another_authorization_server(
    adam: Client, cast: Cast, profile: AuthorizationProfile, provider: RunningProvider
) -> None:
    """Mix-up (RFC 9700, 4.4): each profile has a callback of its own, so what one server sends can only end at that server's profile."""
    values = ProfileValues(profile.settings, (provider.url,), {})
    evil = create_profile(cast.harbor, name="Evil", type_name=profile.type, values=values, by=author(cast.alice))
    query = answer(begin(adam, profile))
    assert "was not asked for here" in come_back(adam, query, evil).content.decode()
    assert not token_requests(provider)
    assert "Access is allowed" in come_back(adam, query, profile).content.decode()


def test_a_callback_that_no_profile_has(adam: Client, profile: AuthorizationProfile) -> None:
    query = answer(begin(adam, profile))
    assert adam.get(f"{LIST}callback/", query).status_code == 404
    url = callback(profile)
    profile.delete()
    assert adam.get(url, query).status_code == 404


def test_csrf_is_asked_for(cast: Cast, profile: AuthorizationProfile) -> None:
    """A page elsewhere cannot begin a consent."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.adam)
    assert strict.post(reverse("inference:profile_consent", args=["harbor", profile.pk])).status_code == 403
    assert not Consent.objects.exists()
