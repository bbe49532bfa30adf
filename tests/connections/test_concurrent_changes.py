"""Many at once (issue: 50 parallel requests): one result, a clear message for everybody else, no error page, nothing lost."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.accounts.actions import rename_workspace as rename
from apps.accounts.models import Workspace
from apps.audit.models import AuditEvent
from apps.audit.verify import verify_chain
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.external_models.models import ExternalModel
from tests.support.cast import Cast
from tests.support.models import KEY, actor, make_connection, make_model
from tests.support.page import read
from tests.support.together import CROWD, at_once, browsers, post_at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(transactional_cast: Cast) -> ExternalModel:
    return make_model(transactional_cast.harbor, transactional_cast.bob)


@pytest.fixture
def windows(transactional_cast: Cast) -> list[Client]:
    return browsers(transactional_cast.adam, CROWD)


def url(name: str, model: ExternalModel, *more: object) -> str:
    return reverse(name, args=["harbor", model.pk, *more])


def codes(responses: list[Any]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def events(event: str) -> int:
    return AuditEvent.objects.filter(event=event).count()


def chain_is_whole(cast: Cast) -> bool:
    return verify_chain(str(cast.harbor.pk)).ok


def test_the_same_name(model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    """Each with a key of its own, and the name in different spellings."""
    names = ["Production", "PRODUCTION", "production "]
    bodies = [{"name": names[number % 3], "secret-x-api-key": f"sk-live-4711-{number:04}"} for number in range(CROWD)]
    responses = post_at_once(windows, url("connections:add_connection", model), bodies)
    assert codes(responses) == {302: 1, 422: CROWD - 1}
    refused = [response for response in responses if response.status_code == 422]
    assert all("already has a connection named" in read(response).one("dialog").text for response in refused)
    assert Connection.objects.count() == events("connection.added") == 1
    (winner,) = [body for body, response in zip(bodies, responses, strict=True) if response.status_code == 302]
    assert Connection.objects.get().stored_secrets() == {"x-api-key": Secret(winner["secret-x-api-key"])}
    assert chain_is_whole(transactional_cast)


def test_the_same_key(model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    """Each under a name of its own. Everybody else hears who has it."""
    bodies = [{"name": f"Desk {number}", "secret-x-api-key": KEY} for number in range(CROWD)]
    responses = post_at_once(windows, url("connections:add_connection", model), bodies)
    assert codes(responses) == {302: 1, 422: CROWD - 1}
    holder = Connection.objects.get().name
    said = f"The connection “{holder}” of this model already uses this key"
    assert all(said in read(response).one("dialog").text for response in responses if response.status_code == 422)
    assert events("connection.added") == 1
    assert chain_is_whole(transactional_cast)


def test_different_names_and_keys_all_come_in(model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    bodies = [{"name": f"Desk {number}", "secret-x-api-key": f"sk-live-4711-{number:04}"} for number in range(CROWD)]
    responses = post_at_once(windows, url("connections:add_connection", model), bodies)
    assert codes(responses) == {302: CROWD}
    assert Connection.objects.count() == events("connection.added") == CROWD
    assert {connection.state for connection in Connection.objects.all()} == {"on"}
    assert chain_is_whole(transactional_cast)


def test_the_same_model_copied(model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    responses = post_at_once(windows, url("external_models:copy_model", model), [{}] * CROWD)
    assert codes(responses) == {302: CROWD}
    copies = set(ExternalModel.objects.exclude(pk=model.pk).values_list("name", flat=True))
    assert copies == {"Copy of Claims triage", *(f"Copy of Claims triage {number}" for number in range(2, CROWD + 1))}
    assert events("model.copied") == CROWD
    assert chain_is_whole(transactional_cast)


def test_everybody_edits_the_same_connection(model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    """All have the page of version 1 open: one saves, the others are told of it."""
    connection = make_connection(model, transactional_cast.bob)
    bodies = [{"version": "1", "secret-x-api-key": f"sk-live-4711-{number:04}"} for number in range(CROWD)]
    responses = post_at_once(windows, url("connections:edit_connection", model, connection.pk), bodies)
    assert codes(responses) == {302: 1, 422: CROWD - 1}
    said = "Somebody changed this connection while you were editing it"
    assert all(said in read(response).one("dialog").text for response in responses if response.status_code == 422)
    (winner,) = [body for body, response in zip(bodies, responses, strict=True) if response.status_code == 302]
    assert Connection.objects.get().stored_secrets() == {"x-api-key": Secret(winner["secret-x-api-key"])}
    assert events("connection.credentials_replaced") == 1
    assert chain_is_whole(transactional_cast)


@pytest.mark.parametrize("what", ["model", "connection"])
def test_everybody_switches_off(what: str, model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    connection = make_connection(model, transactional_cast.bob)
    places = {
        "model": url("external_models:switch_inferencing", model),
        "connection": url("connections:switch_connection", model, connection.pk),
    }
    responses = post_at_once(windows, places[what], [{"on": "0"}] * CROWD)
    assert codes(responses) == {302: CROWD}
    assert events(f"{what}.inferencing_switched") == 1


@pytest.mark.parametrize("what", ["model", "connection"])
def test_everybody_deletes(what: str, model: ExternalModel, windows: list[Client], transactional_cast: Cast) -> None:
    """One deletes; for the others it is gone."""
    connection = make_connection(model, transactional_cast.bob)
    places = {
        "model": url("external_models:delete_model", model),
        "connection": url("connections:delete_connection", model, connection.pk),
    }
    responses = post_at_once(windows, places[what], [{"confirm": model.name}] * CROWD)
    assert codes(responses) == {302: 1, 404: CROWD - 1}
    assert events(f"{what}.deleted") == 1
    assert not Connection.objects.exists()


def test_everything_at_once_on_one_model(model: ExternalModel, transactional_cast: Cast) -> None:
    """Switching, adding, editing, copying, reading: no two changes wait for each other (a deadlock would be an error page)."""
    connection = make_connection(model, transactional_cast.bob)
    windows = browsers(transactional_cast.adam, 14)
    integration = url("onboarding:custom_edit", model)

    def keep(window: Client, work: Callable[[Client, int], Any]) -> Callable[[], list[int]]:
        return lambda: [work(window, number).status_code for number in range(6)]

    def switch_model(window: Client, number: int) -> Any:
        return window.post(url("external_models:switch_inferencing", model), {"on": str(number % 2)})

    def switch_connection(window: Client, number: int) -> Any:
        return window.post(url("connections:switch_connection", model, connection.pk), {"on": str(number % 2)})

    def add(window: Client, number: int) -> Any:
        name = f"{id(window)} {number}"
        return window.post(url("connections:add_connection", model), {"name": name, "secret-x-api-key": f"sk-{name}"})

    def edit_definition(window: Client, number: int) -> Any:
        form = read(window.get(integration)).one("form", id_="build")
        fields = {field["name"]: field.attrs.get("value", "") for field in form.all("input") if "name" in field.attrs}
        fields |= {area["name"]: area.text for area in form.all("textarea")}
        fields |= {"url": f"https://host-{number % 2}.example.com/v1", "method": "POST", "action": "untested"}
        headers = {"h-0-key": "X-Api-Key", "h-0-value": f"sk-{id(window)}-{number}", "h-0-secret": "on"}
        return window.post(reverse("onboarding:save", args=["harbor"]), fields | headers)

    def copy(window: Client, number: int) -> Any:
        return window.post(url("external_models:copy_model", model))

    def rename_workspace(window: Client, number: int) -> Any:
        """Every row points at the workspace, which PostgreSQL looks at when they are committed."""
        workspace = Workspace.objects.get(pk=transactional_cast.harbor.pk)
        rename(workspace, name=f"Harbor {number}", organization="", actor=actor(transactional_cast.alice))
        return HttpResponse()

    def look(window: Client, number: int) -> Any:
        return window.get(reverse("external_models:model_list", args=["harbor"]))

    works = [switch_model, switch_connection, add, edit_definition, copy, rename_workspace, look]
    results = at_once([keep(window, works[number % len(works)]) for number, window in enumerate(windows)])
    found = Counter(code for codes in results for code in codes)
    assert set(found) <= {200, 302, 409, 422}, found
    assert chain_is_whole(transactional_cast)
