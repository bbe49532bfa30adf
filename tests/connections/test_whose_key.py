"""Spec 03, *Whose key is this?*: for admins, by fingerprint only, with the connection and its last use."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import KEY, definition, make_connection, make_model

URL = "/w/harbor/settings/whose-key/"


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def ask(client: Client, key: str, **headers: str) -> Any:
    return client.post(URL, {"key": key}, headers=headers)


def test_the_connection_that_holds_it(cast: Cast, adam: Client) -> None:
    make_connection(make_model(cast.harbor, cast.bob, "Other"), cast.bob, "Other", key="sk-live-0815-ABCD")
    found = make_connection(make_model(cast.harbor, cast.bob), cast.bob, "Night desk")
    html = ask(adam, f"  {KEY} ").content.decode()
    assert "Night desk" in html
    assert reverse("inference:rotate_key", args=["harbor", found.model_id, found.pk]) in html
    assert "Never" in html
    assert "Other" not in html.partition('id="whose"')[2]
    assert KEY not in html


def test_nothing_stored_is_opened(cast: Cast, adam: Client) -> None:
    """It also works for a connection whose secret does not open any more."""
    make_connection(make_model(cast.harbor, cast.bob), cast.bob, "Night desk", state="needs_key")
    assert "Night desk" in ask(adam, KEY).content.decode()


def test_the_same_key_in_two_models(cast: Cast, adam: Client) -> None:
    for name in ("One", "Two"):
        make_connection(make_model(cast.harbor, cast.bob, name), cast.bob, f"Connection {name}")
    html = ask(adam, KEY, **{"HX-Request": "true"}).content.decode()
    assert html.index("Connection One") < html.index("Connection Two")
    assert html.lstrip().startswith('<div id="whose"')


def test_a_key_stored_with_its_scheme_is_found_without(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob, like=definition(secret=("Authorization",)))
    make_connection(model, cast.bob, "Bearer of it", key=f"Bearer {KEY}")
    assert "Bearer of it" in ask(adam, KEY).content.decode()
    assert "Bearer of it" in ask(adam, f"Bearer {KEY}").content.decode()


def test_another_workspaces_key_is_not_known_here(cast: Cast, adam: Client) -> None:
    """D2."""
    make_connection(make_model(cast.other, cast.charlie), cast.charlie, "Theirs")
    html = ask(adam, KEY).content.decode()
    assert "No connection of this workspace holds this key" in html
    assert "Theirs" not in html


@pytest.mark.parametrize(("key", "words"), [("", "Paste the key"), ("sk-…MQAA", "This is a mask"), ("••••••••", "This is a mask")])
def test_what_is_no_key(adam: Client, key: str, words: str) -> None:
    answer = ask(adam, key)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not AuditEvent.objects.filter(event="connection.key_looked_up").exists()


def test_every_look_up_is_audited_without_the_key(cast: Cast, adam: Client) -> None:
    make_connection(make_model(cast.harbor, cast.bob), cast.bob, "Night desk")
    ask(adam, KEY)
    event = AuditEvent.objects.get(event="connection.key_looked_up")
    assert event.actor_name == "Adam Admin"
    assert "Night desk" in json.dumps(event.changes)
    assert KEY not in json.dumps(event.changes)
    assert Connection.objects.get().key_fingerprint not in json.dumps(event.changes)
