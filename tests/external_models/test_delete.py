"""Delete (spec 02): first what depends on the model; with any of it, the model's name must be typed. The audit events stay."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.verify import verify_chain
from apps.connections.models import Connection, ConnectionSecret
from apps.external_models.models import ExternalModel
from apps.playground.models import Prompt, PromptVersion
from tests.conftest import ClientFor
from tests.support.calls import entry, keep
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.page import read

HTMX = {"HX-Request": "true"}


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.bob)


def address(model: ExternalModel) -> str:
    return reverse("external_models:delete_model", args=["harbor", model.pk])


def is_there(model: ExternalModel) -> bool:
    return ExternalModel.objects.filter(pk=model.pk).exists()


def test_it_shows_what_depends_on_the_model(model: ExternalModel, cast: Cast, adam: Client) -> None:
    for number in range(8):
        make_connection(model, cast.bob, f"Key {number}", key=f"sk-live-4711-{number:04}")
    page = read(adam.get(address(model))).one("dialog")
    assert "8 connections are removed" in page.text
    assert "Key 0, Key 1, Key 2, Key 3, Key 4, Key 5 and more, with their stored keys" in page.text
    assert page.one("label", for_="cf").text == "Type Claims triage to confirm"
    assert page.one("input", name="confirm")["value"] == ""
    assert page.has_control("Turn it off instead")


def test_prompts_that_use_it_depend_on_it(model: ExternalModel, cast: Cast, adam: Client) -> None:
    """Those whose newest version does. Without connections, too, the name must be typed."""
    other = make_model(cast.harbor, cast.bob, "Other")
    for name, asked in (("Triage letter", [other, model]), ("Settlement", [model]), ("Moved on", [model, other])):
        prompt = Prompt.objects.create(workspace=cast.harbor, name=name, name_key=name.lower(), newest=len(asked))
        for number, each in enumerate(asked, 1):
            PromptVersion.objects.create(prompt=prompt, number=number, model=each, model_name=each.name)
    page = read(adam.get(address(model))).one("dialog")
    assert "2 saved prompts lose their model" in page.text
    assert "Settlement, Triage letter" in page.text
    assert adam.post(address(model)).status_code == 422
    assert is_there(model)
    assert adam.post(address(model), {"confirm": model.name}).status_code == 302


def test_programs_that_call_it_depend_on_it(model: ExternalModel, cast: Cast, adam: Client) -> None:
    make_connection(model, cast.bob, "claims-prod")
    programs = reverse("model_traces:programs", args=["harbor", model.pk])
    assert read(adam.get(address(model))).one("li", hx_get=programs)
    assert "No program called it in the last 7 days" in adam.get(programs, headers=HTMX).content.decode()
    called = {"model_id": model.pk, "source_type": "api_key"}
    week = timezone.now() - timedelta(days=8)
    keep(
        *(entry(cast.harbor, **called, source_id=name, source_name=name) for name in ("intake", "intake", "night")),
        entry(cast.harbor, by=cast.alice, model_id=model.pk),
        entry(cast.harbor, **called, source_id="old", source_name="old", at=week),
    )
    assert "In the last 7 days: intake 2 calls, night 1 call" in adam.get(programs, headers=HTMX).content.decode()
    assert adam.get(programs)["Location"] == reverse("model_traces:activity", args=["harbor", model.pk]), "without scripts"


def test_a_model_on_which_nothing_depends_needs_no_typing(model: ExternalModel, adam: Client) -> None:
    page = read(adam.get(address(model))).one("dialog")
    assert "Nothing depends on this model" in page.text
    assert not list(page.all("input", name="confirm"))
    response = adam.post(address(model))
    assert response["Location"] == reverse("external_models:model_list", args=["harbor"])
    assert not is_there(model)


@pytest.mark.parametrize("typed", [None, "", "claims triage", "Claims", "Claims triage x", "<script>alert(1)</script>"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_wrong_name_is_refused(typed: str | None, headers: dict[str, str], model: ExternalModel, cast: Cast, adam: Client) -> None:
    make_connection(model, cast.bob)
    response = adam.post(address(model), {} if typed is None else {"confirm": typed}, headers=headers)
    assert response.status_code == 422
    page = read(response)
    field = page.one("input", name="confirm")
    assert field["aria-invalid"] == "true"
    assert page.one(id_=field["aria-describedby"]).text == "Type the name exactly as it is: Claims triage"
    assert field["value"] == (typed or "")
    assert bool(list(page.all("html"))) is not bool(headers)
    assert is_there(model)
    assert not AuditEvent.objects.filter(event="model.deleted").exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_the_right_name_deletes_all_of_it(headers: dict[str, str], model: ExternalModel, cast: Cast, adam: Client) -> None:
    make_connection(model, cast.bob)
    other = make_connection(make_model(cast.harbor, cast.bob, "Other"), cast.bob, "Other key")
    before = AuditEvent.objects.filter(chain=str(cast.harbor.pk)).count()
    response = adam.post(address(model), {"confirm": " Claims triage "}, headers=headers)
    goal = response["HX-Redirect"] if headers else response["Location"]
    assert goal == reverse("external_models:model_list", args=["harbor"])
    assert not is_there(model)
    assert list(Connection.objects.all()) == [other]
    assert list(ConnectionSecret.objects.values_list("connection", flat=True)) == [other.pk]
    assert "Claims triage was deleted" in adam.get(goal).content.decode()
    assert AuditEvent.objects.filter(chain=str(cast.harbor.pk)).count() == before + 1
    assert verify_chain(str(cast.harbor.pk)).ok


def test_the_event_says_what_went_with_it(model: ExternalModel, cast: Cast, adam: Client) -> None:
    make_connection(model, cast.bob, "Night")
    make_connection(model, cast.bob, "Day", key="sk-live-4711-DAYY")
    adam.post(address(model), {"confirm": "Claims triage"})
    event: Any = AuditEvent.objects.get(event="model.deleted")
    assert (event.target_type, event.target_id, event.target_name) == ("external_models.externalmodel", str(model.pk), "Claims triage")
    assert event.changes["connections deleted with it"] == {"after": ["Day", "Night"]}


def test_the_name_is_free_again(model: ExternalModel, cast: Cast, adam: Client) -> None:
    make_connection(model, cast.bob)
    adam.post(address(model), {"confirm": "Claims triage"})
    again = make_model(cast.harbor, cast.bob)
    make_connection(again, cast.bob)
    assert again.pk != model.pk


def test_a_second_window_finds_it_gone(model: ExternalModel, adam: Client) -> None:
    adam.post(address(model))
    assert adam.post(address(model)).status_code == 404
    assert adam.get(address(model)).status_code == 404


def test_turning_it_off_instead(model: ExternalModel, adam: Client) -> None:
    form = read(adam.get(address(model))).one("form", id_="turn-off")
    adam.post(form["action"], {field["name"]: field["value"] for field in form.all("input")})
    model.refresh_from_db()
    assert not model.inferencing_enabled


@pytest.mark.parametrize(("person", "status"), [("bob", 403), ("rita", 403), ("vic", 403), ("charlie", 404)])
def test_who_may_not(person: str, status: int, model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    client = client_for(getattr(cast, person))
    assert client.get(address(model)).status_code == status
    assert client.post(address(model), {"confirm": model.name}).status_code == status
    assert is_there(model)
