"""Spec 07 D10: who tests too much has to wait, and is told so; others go on."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from apps.connections.models import Connection
from apps.core import limits
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.provider import RunningProvider


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "PER_PERSON", 3)
    monkeypatch.setattr(limits, "PER_WORKSPACE", 5)
    monkeypatch.setattr(limits, "WINDOW", 10_000_000)  # no minute ends within a test
    yield
    cache.clear()


def call_once(client: Client, connection: Connection, **headers: str) -> int:
    url = reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk])
    return client.post(url, headers=headers).status_code


def test_a_person_and_a_workspace_have_limits(cast: Cast, client_for: ClientFor, connected: Connection, provider: RunningProvider) -> None:
    bob, adam, alice = client_for(cast.bob), client_for(cast.adam), client_for(cast.alice)
    assert [call_once(bob, connected) for _ in range(4)] == [302, 302, 302, 429]
    assert [call_once(adam, connected) for _ in range(2)] == [302, 302]  # what was refused to Bob is not the workspace's
    assert call_once(alice, connected) == 429
    assert len(provider.recorded) == 5


def test_the_answer_says_when_to_come_back(cast: Cast, client_for: ClientFor, connected: Connection, provider: RunningProvider) -> None:
    bob = client_for(cast.bob)
    for _ in range(3):
        call_once(bob, connected)
    url = reverse("inference:test_connection", args=["harbor", connected.model_id, connected.pk])
    page = bob.post(url)
    assert page.status_code == 429
    assert int(page["Retry-After"]) > 0
    assert "Too many tests and checks within a minute" in page.content.decode()
    fragment = bob.post(url, headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Reswap"]) == (429, "none")
    assert "Nothing was sent" in fragment.content.decode()


def test_looking_is_not_limited(cast: Cast, client_for: ClientFor, connected: Connection) -> None:
    bob = client_for(cast.bob)
    rotate = reverse("inference:rotate_key", args=["harbor", connected.model_id, connected.pk])
    assert {bob.get(rotate).status_code for _ in range(6)} == {200}
