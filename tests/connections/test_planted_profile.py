"""Secrets of profiles and the tokens that they obtain, looked for wherever anything is kept or shown (spec 03 *Secrets*, 07 A5, A6, A9)."""

import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.connections.models import AuthorizationProfile, Connection, ProfileSecret, ProfileToken
from apps.connections.profile_forms import ProfileForm
from apps.core.secrets import sealed_under
from apps.demo.provider.authorization import CLIENTS
from apps.inference.consent import Consent
from apps.inference.profile_material import Material
from apps.inference.target import target_of
from tests.conftest import ClientFor
from tests.connections.test_planted_key import audit_rows, database_text, dump, sessions, texts, written
from tests.inference.conftest import allow
from tests.inference.test_profile_consent import answer, begin, callback
from tests.support.cast import Cast
from tests.support.profiles import assess_definition, connected, fresh
from tests.support.provider import RunningProvider, provider, provider_server

__all__ = ["provider", "provider_server"]

ADD = "/w/harbor/settings/authorization-profiles/add/"
PLANTED = {
    "key": "sk-plant-key/+'<&>\"%-0001-QQQA",
    "token": "tk-plant-token/+'<&>\"%-0002-QQQB",
    "password": "pw-plant-password/+'<&>\"%ä-0003-QQQC",
    "keys-0-value": "kv-plant-row/+'<&>\"%-0004-QQQD",
    "secret_key": "sk-plant-aws/+'<&>\"%-0005-QQQE",
    "refused": "rf-plant-refused/+'<&>\"%ä-0006-QQQF",
    "token_fields-0-value": "tf-plant-field/+'<&>\"%-0007-QQQG",
    "replaced": "rp-plant-replaced/+'<&>\"%-0008-QQQH",
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + repr([vars(record) for record in caplog.records])


def plant(adam: Client, provider: RunningProvider) -> Iterator[Any]:
    """Every way in which a secret comes to a profile; gives each response."""
    host = {"allowed_origins": provider.url}
    oauth = {
        "token_url": f"{provider.url}/oauth/token", "client_id": "harbor-patchbay", "client_secret": CLIENTS["harbor-patchbay"],
        "client_authentication": "body", "refused_statuses": "401", "token_fields-0-name": "extra_secret",
        "token_fields-0-value": PLANTED["token_fields-0-value"], "token_fields-0-secret": "on",
    }  # fmt: skip
    forms: list[dict[str, str]] = [
        {"type": "api_key", "name": "Key", "location": "query", "key_name": "key", "key": PLANTED["key"]},
        {"type": "bearer", "name": "Bearer", "token": PLANTED["token"]},
        {"type": "bearer", "name": "Refused", "token": PLANTED["refused"]},
        {"type": "basic", "name": "Basic", "user": "u", "password": PLANTED["password"]},
        {"type": "custom_keys", "name": "Keys", "keys-0-location": "body", "keys-0-name": "a.b", "keys-0-value": PLANTED["keys-0-value"]},
        {"type": "aws_sigv4", "name": "Aws", "access_key": "AK", "region": "r", "service": "s", "secret_key": PLANTED["secret_key"]},
        {"type": "client_credentials", "name": "Client"} | oauth,
        {"type": "authorization_code", "name": "Code", "authorization_url": f"{provider.url}/oauth/authorize"} | oauth,
    ]  # fmt: skip
    for form in forms:
        yield adam.post(ADD, form | host, follow=True)
    bearer = AuthorizationProfile.objects.get(name="Bearer")
    edit = {"version": "1", "token": PLANTED["replaced"]} | host
    yield adam.post(reverse("connections:profile_edit", args=["harbor", bearer.pk]), edit, follow=True)
    for profile in AuthorizationProfile.objects.exclude(name="Code"):
        url = reverse("inference:profile_test", args=["harbor", profile.pk])
        yield adam.post(url, headers={"HX-Request": "true"})
        yield adam.post(url, {"from": "card"}, headers={"HX-Request": "true"})
    code = AuthorizationProfile.objects.get(name="Code")
    yield adam.get(callback(code), answer(begin(adam, code)), follow=True)
    begin(adam, code)  # left open: its verifier waits in the database


def use(adam: Client, cast: Cast, provider: RunningProvider) -> Iterator[Any]:
    """Calls with each profile: to the API that takes tokens, and to one that says back whatever it gets."""
    for profile in AuthorizationProfile.objects.all():
        for path in ("/echo", "/fault/leak/echo", "/oauth/v1/assess"):
            Connection.objects.all().delete()
            definition = assess_definition(provider.url, path)
            profile.name = f"{profile.type} {path}"
            connection = connected(cast.harbor, cast.alice, profile, definition)
            url = reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk])
            yield adam.post(url, headers={"HX-Request": "true"})


def pages(cast: Cast, client_for: ClientFor) -> Iterator[Any]:
    adam = client_for(cast.adam)
    yield adam.get("/w/harbor/settings/authorization-profiles/")
    for profile in AuthorizationProfile.objects.all():
        for name in ("profile_edit", "profile_delete"):
            yield adam.get(reverse(f"connections:{name}", args=["harbor", profile.pk]))


def objects() -> str:
    """What a debugger, a stray print or a logged variable would show."""
    shown: list[object] = [vars(row) for row in (*ProfileSecret.objects.all(), *ProfileToken.objects.all(), *Consent.objects.all())]
    for profile in AuthorizationProfile.objects.all():
        material = Material.of(profile)
        form = ProfileForm({"token": PLANTED["token"], "key": PLANTED["key"]}, spec=profile.spec, rules=(), profile=profile)
        form.is_valid()
        shown += [profile, vars(profile), profile.stored_secrets(), material, form, form.errors, str(form), form.initial]
    shown += [target_of(fresh(connection)) for connection in Connection.objects.all()]
    return "\n".join(repr(each) for each in shown)


@pytest.mark.django_db
def test_a_planted_secret_or_token_is_nowhere(cast: Cast, client_for: ClientFor, provider: RunningProvider, log: Callable[[], str]) -> None:
    allow(provider)
    adam = client_for(cast.adam)
    sinks = {
        "answers to the forms": texts(plant(adam, provider)),
        "answers to calls": texts(use(adam, cast, provider)),
        "pages": texts(pages(cast, client_for)),
        "audit log": audit_rows(),
        "database": database_text(),
        "dumpdata": dump(),
        "sessions": sessions(),
        "objects": objects(),
        "log": log(),
    }
    # The story was told: secrets were stored and sent, and tokens obtained.
    sent = "\n".join(repr(record.request.headers) + record.request.query + record.request.body.decode() for record in provider.recorded)
    gone = {token for record in provider.recorded if (token := record.request.header("authorization")).startswith("Bearer at-")}
    tokens = {value.removeprefix("Bearer ") for value in gone}
    assert len(tokens) >= 2
    assert "QQQH" in sent
    assert "QQQD" in sent
    assert ProfileSecret.objects.count() >= 9
    assert ProfileToken.objects.exclude(access_token="").count() == 2
    assert Consent.objects.count() == 1
    assert all(len(text) > 200 for text in sinks.values()), {name: len(text) for name, text in sinks.items()}
    secrets = PLANTED | {"client secret": CLIENTS["harbor-patchbay"]} | {token: token for token in tokens}
    found = {(name, sink) for sink, text in sinks.items() for name, key in secrets.items() if any(form in text for form in written(key))}
    assert found == set()


@pytest.mark.django_db
def test_rotation_covers_profiles_tokens_and_consents(cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """A2: every sealed column moves under the new key, and opens."""
    allow(provider)
    list(plant(client_for(cast.adam), provider))
    before = {sealed_under(value) for value in sealed_values()}
    call_command("rotate_secrets", "--reencrypt", stdout=StringIO(), stderr=StringIO())
    after = {sealed_under(value) for value in sealed_values()}
    assert before
    assert not before & after
    assert all(profile.stored_secrets() for profile in AuthorizationProfile.objects.all())
    assert all(token.note for token in ProfileToken.objects.exclude(access_token=""))


def sealed_values() -> list[str]:
    tokens = [value for row in ProfileToken.objects.all() for value in (row.access_token, row.refresh_token) if value]
    return [*tokens, *ProfileSecret.objects.values_list("value", flat=True), *Consent.objects.values_list("verifier", flat=True)]
