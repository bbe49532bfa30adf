"""Spec 03, *Rotate*: the new key is checked with the provider; a refused one changes nothing; calls under way end with the old one."""

import json
import threading
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from tests.conftest import ClientFor
from tests.inference.conftest import KEY, allow, connect, triage_definition
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.together import at_once

NEW = DEMO_KEYS["triage"].second


def url_of(connection: Connection) -> str:
    return reverse("inference:rotate_key", args=["harbor", connection.model_id, connection.pk])


def rotate(client: Client, connection: Connection, key: str, *, htmx: bool = False) -> Any:
    return client.post(url_of(connection), {"key": key}, headers={"HX-Request": "true"} if htmx else {})


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
    assert "could not be checked" in html
    assert Connection.objects.get(pk=connection.pk).version == connection.version


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
    assert [each.outcome for each in provider.recorded] == ["answered", "answered"]
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
