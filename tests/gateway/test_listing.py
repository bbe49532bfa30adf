"""Spec 04, spec 08: the models that a key may call are read once and kept; a change shows at once here, elsewhere when it is noticed."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.record import SYSTEM
from apps.connections.actions import switch_connection
from apps.connections.models import Connection
from apps.external_models.actions import delete_model, switch_inferencing, update_model
from apps.external_models.models import ExternalModel
from apps.gateway import listing
from apps.gateway.app import application
from tests.support.gateway import EASY, Gateway
from tests.support.models import author

NAME = "Kept"


def ask(gateway: Gateway, path: str = "/v1/models", **headers: str) -> httpx.Response:
    """In this thread, where queries are counted."""
    app: Any = application

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            return await client.get(path, headers={"authorization": f"Bearer {gateway.key}", **headers})

    return asyncio.run(get())


def names(gateway: Gateway) -> list[str]:
    return [each["id"] for each in ask(gateway).json()["data"]]


@pytest.fixture
def model(gateway: Gateway) -> ExternalModel:
    ExternalModel.objects.all().delete()
    watch.announce(PLATFORM)
    return gateway.easy(NAME, EASY["openai"])


def test_the_steady_state_makes_no_query(gateway: Gateway, model: ExternalModel) -> None:
    paths = ["/v1/models", f"/v1/models/{NAME}", "/v1/models/  kept", f"/v1/models/{str(model.pk).upper()}", "/v1/models/none"]
    first = ask(gateway)
    with CaptureQueriesContext(database) as queries:
        answers = [ask(gateway, path) for path in paths]
        other = ask(gateway, **{"anthropic-version": "2023-06-01"})
    assert len(queries) == 0
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404]
    assert answers[0].json() == first.json()
    assert [answer.json() for answer in answers[1:4]] == first.json()["data"] * 3
    assert [each["display_name"] for each in other.json()["data"]] == [NAME]


CHANGES: dict[str, Callable[[Gateway, ExternalModel], object]] = {
    "another": lambda gateway, model: gateway.easy("Another", EASY["anthropic"]),
    "renamed": lambda gateway, model: update_model(
        model, name="Renamed", definition=model.definition, by=author(gateway.cast.alice), expected_version=model.version
    ),
    "off": lambda gateway, model: switch_inferencing(model, on=False, actor=SYSTEM),
    "connection off": lambda gateway, model: switch_connection(Connection.objects.get(model=model), on=False, actor=SYSTEM),
    "deleted": lambda gateway, model: delete_model(model, actor=SYSTEM),
}
AFTER = {"another": ["Another", NAME], "renamed": ["Renamed"]}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_at_once(gateway: Gateway, model: ExternalModel, change: str) -> None:
    assert names(gateway) == [NAME]
    CHANGES[change](gateway, model)
    assert names(gateway) == AFTER.get(change, [])
    assert ask(gateway, f"/v1/models/{NAME}").status_code == (200 if change == "another" else 404)


@pytest.mark.parametrize("platform", [False, True])
def test_a_change_elsewhere_shows_when_it_is_noticed(gateway: Gateway, model: ExternalModel, platform: bool) -> None:
    names(gateway)
    ExternalModel.objects.filter(pk=model.pk).update(name="Renamed", name_key="renamed")
    assert names(gateway) == [NAME]
    watch.announce(str(gateway.cast.other.pk))
    assert names(gateway) == [NAME]
    watch.announce(PLATFORM if platform else str(gateway.cast.harbor.pk))
    assert names(gateway) == ["Renamed"]


def test_what_was_read_before_a_change_is_not_kept(gateway: Gateway, model: ExternalModel) -> None:
    workspace = gateway.cast.harbor.pk
    names(gateway)
    old, changes = listing._kept[workspace], listing._changes
    delete_model(model, actor=SYSTEM)
    listing._keep(workspace, old, changes)
    assert names(gateway) == []


def test_what_is_kept_is_bounded(gateway: Gateway, model: ExternalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LISTED", 0)
    for workspace in (gateway.cast.harbor, gateway.cast.other):
        listing._read_and_keep(workspace.pk)
        assert list(listing._kept) == [workspace.pk]
