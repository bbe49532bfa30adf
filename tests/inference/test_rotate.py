"""Spec 03, *Rotate*: the new key is checked with the provider; a refused one changes nothing; calls under way end with the old one."""

import json
import threading
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.actions import add_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.external_models.actions import Origin, add_model
from apps.external_models.models import IntegrationType
from apps.onboarding.easy import definition_of
from apps.providers.registry import PROVIDERS
from tests.conftest import ClientFor
from tests.inference.conftest import KEY, allow, connect, triage_definition
from tests.support.cast import Cast
from tests.support.easy import FIVE, WRONG, Played
from tests.support.models import author
from tests.support.page import read
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.together import at_once

NEW = DEMO_KEYS["triage"].second


def url_of(connection: Connection) -> str:
    return reverse("inference:rotate_key", args=["harbor", connection.model_id, connection.pk])


def rotate(client: Client, connection: Connection, key: str, *, htmx: bool = False, **fields: str) -> Any:
    """Open the dialog, type the key, press the button."""
    page = read(client.get(url_of(connection))).one("form", action=url_of(connection))
    data = {field["name"]: field.attrs.get("value", "") for field in page.all("input")} | {"key": key} | fields
    return client.post(url_of(connection), data, headers={"HX-Request": "true"} if htmx else {})


def status_of(client: Client, connection: Connection) -> int:
    status: int = rotate(client, connection, NEW).status_code
    return status


def call(client: Client, connection: Connection) -> None:
    client.post(reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk]))


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


@pytest.mark.parametrize("htmx", [False, True])
def test_an_accepted_key_takes_over(bob: Client, connected: Connection, provider: RunningProvider, htmx: bool) -> None:
    assert "Rotate" in bob.get(reverse("connections:connection_list", args=["harbor", connected.model_id])).content.decode()
    answer = rotate(bob, connected, NEW, htmx=htmx)
    assert answer.headers.get("HX-Redirect" if htmx else "Location") == f"/w/harbor/models/{connected.model_id}/"
    assert provider.recorded[0].request.header("x-harbor-key") == NEW  # asked before it was stored
    call(bob, connected)
    assert provider.recorded[1].request.header("x-harbor-key") == NEW
    event = AuditEvent.objects.get(event="connection.rotated")
    assert (event.outcome, event.actor_name, event.target_name) == ("success", "Bob Member", "production")
    assert NEW not in json.dumps(event.changes)
    assert "changed" in json.dumps(event.changes)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_refused_key_changes_nothing(bob: Client, connected: Connection, provider: RunningProvider, htmx: bool) -> None:
    answer = rotate(bob, connected, "hk-not-the-key-0000", htmx=htmx)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "key not known" in html  # the provider's own words
    assert "the stored key stays in use" in html
    assert "hk-not-the-key-0000" not in html
    call(bob, connected)
    assert provider.recorded[1].request.header("x-harbor-key") == KEY
    connection = Connection.objects.get(pk=connected.pk)
    assert (connection.state, connection.version) == ("on", connected.version)
    assert AuditEvent.objects.get(event="connection.rotated").outcome == "failed"


def test_a_provider_that_is_away_is_told_from_one_that_refuses(bob: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    connection = connect(cast.harbor, cast.adam, triage_definition(f"{provider.url}/fault/503"))
    html = rotate(bob, connection, NEW).content.decode()
    assert "did not pass the check" in html
    assert Connection.objects.get(pk=connection.pk).version == connection.version


@pytest.mark.parametrize("played", FIVE, ids=lambda each: each.key)
def test_an_easy_models_key_is_checked_by_its_providers_cheapest_call(
    bob: Client, cast: Cast, provider: RunningProvider, played: Played
) -> None:
    allow(provider)
    setup = PROVIDERS[played.key].easy
    assert setup
    parameters = {each.name: played.model if each.like_model else each.initial or "harbor" for each in setup.fields}
    definition = definition_of(PROVIDERS[played.key], setup, played.model, provider.url + played.path, features=(), modalities=())
    origin = Origin(IntegrationType.EASY, played.key, played.model)
    model = add_model(cast.harbor, name="Easy", definition=definition, by=author(cast.adam), creation_key=uuid4(), origin=origin)
    secrets = {setup.key_header: Secret("sk-old-key-4711-0000")}
    connection = add_connection(model, name="production", secrets=secrets, parameters=parameters, by=author(cast.adam))
    assert played.refusal in rotate(bob, connection, WRONG).content.decode()
    assert rotate(bob, connection, played.keys.accepted).status_code == 302
    methods = {each.request.method for each in provider.recorded}
    assert methods == ({"POST"} if played.key == "azure" else {"GET"})  # Azure has no list of what a deployment may do
    secret = Connection.objects.get(pk=connection.pk).secrets.get()
    assert secret.open(connection) == Secret(played.keys.accepted)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "Paste the new key."),
        ("hk-…0000", "This is a mask"),
        ("hk-schlüssel-4711", "ASCII"),
        (KEY, "already uses this key"),
    ],
)
def test_bad_input_asks_nobody(bob: Client, connected: Connection, provider: RunningProvider, key: str, words: str) -> None:
    answer = rotate(bob, connected, key)
    assert answer.status_code == 422
    assert words.lower() in answer.content.decode().lower()
    assert not provider.recorded


def test_a_key_never_goes_to_a_host_that_it_was_not_typed_for(bob: Client, connected: Connection, provider: RunningProvider) -> None:
    """A8: the model moved to another host while the dialog was open, or the page does not say which host it was for."""
    page = bob.get(url_of(connected)).content.decode()
    assert f'name="endpoint" value="{connected.model.definition.url}"' in page
    for fields in ({"endpoint": "https://other.example.com/"}, {"endpoint": ""}, {"version": "99"}, {"version": ""}):
        answer = rotate(bob, connected, NEW, **fields)
        assert answer.status_code == 422
        assert "was changed meanwhile" in answer.content.decode()
    assert bob.post(url_of(connected), {"key": NEW}).status_code == 422
    assert not provider.recorded
    assert Connection.objects.get(pk=connected.pk).version == connected.version


def test_a_key_of_another_connection_of_the_model(bob: Client, cast: Cast, connected: Connection, provider: RunningProvider) -> None:
    add = reverse("connections:add_connection", args=["harbor", connected.model_id])
    bob.post(add, {"name": "night desk", "secret-x-harbor-key": NEW})
    assert "“night desk” of this model already uses this key" in rotate(bob, connected, NEW).content.decode()
    assert not provider.recorded


@pytest.mark.django_db(transaction=True)
def test_a_call_under_way_ends_with_the_key_that_it_began_with(cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """The overlap: the slow call was sent with the old key before the switch, and is answered after it."""
    allow(provider)
    slow = connect(cast.harbor, cast.adam, triage_definition(f"{provider.url}/fault/slow/1"))
    calling = threading.Thread(target=call, args=(client_for(cast.adam), slow))
    calling.start()
    provider.wait_for_outcome("open")
    assert rotate(client_for(cast.bob), slow, NEW).status_code == 302
    calling.join()
    assert [each.request.header("x-harbor-key") for each in provider.recorded] == [KEY, NEW]
    provider.wait_for_outcomes("answered", "answered")
    assert AuditEvent.objects.get(event="connection.tested").outcome == "success"


@pytest.mark.django_db(transaction=True)
def test_two_who_rotate_at_once_do_not_overwrite_each_other(cast: Cast, client_for: ClientFor, connected: Connection) -> None:
    clients = [client_for(cast.bob), client_for(cast.adam)]
    answers = at_once([partial(status_of, client, connected) for client in clients])
    assert sorted(answers) == [302, 422]
    assert AuditEvent.objects.filter(event="connection.rotated", outcome="success").count() == 1


def test_a_connection_without_a_key_has_nothing_to_rotate(bob: Client, connected: Connection) -> None:
    model = connected.model
    model.definition_json = {**model.definition_json, "headers": []}
    model.save()
    assert bob.get(url_of(connected)).status_code == 404
    assert "Rotate" not in bob.get(reverse("connections:connection_list", args=["harbor", model.pk])).content.decode()
