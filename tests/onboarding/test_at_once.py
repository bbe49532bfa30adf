"""The issue: a double click on Confirm, twenty at once, two people editing: one result, a clear message, nothing lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.conftest import BODY, KEY, allow_loopback, triage
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.sheet import Sheet

AT_ONCE = 20


def copy_of(sheet: Sheet) -> Sheet:
    """The same page once more: what the second click of a double click sends."""
    return Sheet(sheet.client, scripts=sheet.scripts, fields=dict(sheet.fields))


@pytest.mark.parametrize("action", ["draft", "confirm", "untested"])
@pytest.mark.parametrize("retyped", [False, True], ids=["kept key", "typed key"])
def test_a_double_click_makes_one_model(either: Sheet, allowed: RunningProvider, action: str, retyped: bool) -> None:
    triage(either, allowed).test(prompt="Hail").fill(output_path="ref")
    if retyped:
        either.fill(h_1_value=KEY)
    second = copy_of(either)
    either.save(action)
    events = AuditEvent.objects.count()
    second.save(action)
    assert second.location == either.location == "/w/harbor/models/", second.text
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 1)
    assert AuditEvent.objects.count() == events  # the second click changed nothing
    model = ExternalModel.objects.get()
    assert (model.state, model.version) == ("draft" if action == "draft" else "active", 1)


def test_back_after_saving_a_draft_and_confirm(either: Sheet, allowed: RunningProvider) -> None:
    """The browser's Back shows the page of the new model again; Confirm finishes the draft that it made."""
    triage(either, allowed).test(prompt="Hail").fill(output_path="ref")
    back = copy_of(either)
    either.save("draft")
    back.save("confirm")
    assert back.location == "/w/harbor/models/", back.text
    assert (ExternalModel.objects.get().state, Connection.objects.count()) == ("active", 1)


def test_back_after_saving_and_an_edit_loses_nothing(either: Sheet, allowed: RunningProvider) -> None:
    """What was typed after Back is neither dropped in silence nor confirmed in the place of something else."""
    triage(either, allowed).test(prompt="Hail").fill(output_path="ref")
    back = copy_of(either)
    either.save("draft")
    changed = BODY.replace("60", "61")
    back.fill(body=changed, name="Renamed").save("untested")
    assert back.status == 409
    assert back.fields["body"] == changed
    assert back.model_id == ExternalModel.objects.get().pk
    assert ExternalModel.objects.get().state == "draft"
    back.save("untested")
    assert back.location == "/w/harbor/models/", back.text
    model = ExternalModel.objects.get()
    assert (model.name, model.definition.body, model.state) == ("Renamed", changed, "active")


def test_two_people_editing(either: Sheet, cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    """Spec 02: both are told, nobody's work is lost; the second save replaces the first, knowingly."""
    triage(either, allowed).test(prompt="Hail").fill(output_path="ref").save("confirm")
    model = ExternalModel.objects.get()
    alice = Sheet(client_for(cast.alice), scripts=either.scripts).open(model.pk)
    adam = Sheet(either.client, scripts=either.scripts).open(model.pk)
    alice.fill(name="Alice's name", output_path="outcome.status").save("confirm")
    assert alice.location

    adam.fill(name="Adam's name", body=BODY.replace("60", "61"), h_2_key="X-Desk", h_2_value="7").save("untested")
    assert adam.status == 409
    assert "Alice Owner changed this model while you were editing it" in adam.text
    assert (adam.fields["name"], adam.fields["h-2-value"]) == ("Adam's name", "7")
    assert "61" in adam.fields["body"]
    assert ExternalModel.objects.get().name == "Alice's name"
    assert f"/w/harbor/models/{model.pk}/definition/" in adam.html

    adam.save("untested")
    assert adam.location == "/w/harbor/models/", adam.text
    assert ExternalModel.objects.get().name == "Adam's name"
    assert ExternalModel.objects.get().definition.paths.output == "ref"


def test_a_typed_key_survives_a_conflict(sheet: Sheet, cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    """Without scripts the page is new after the conflict; the key need not be typed again."""
    triage(sheet, allowed).test(prompt="Hail").fill(output_path="ref").save("confirm")
    model = ExternalModel.objects.get()
    adam = Sheet(sheet.client).open(model.pk)
    Sheet(client_for(cast.alice)).open(model.pk).fill(name="Other").save("confirm")
    second_key = DEMO_KEYS["triage"].second
    adam.fill(h_1_value=second_key).save("untested")
    assert (adam.status, adam.fields["h-1-value"]) == (409, "")
    adam.save("untested")
    Sheet(sheet.client).open(model.pk).test(prompt="Hail")
    assert allowed.recorded[-1].request.header("x-harbor-key") == second_key


def test_a_model_deleted_meanwhile_is_not_found(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(output_path="ref").save("untested")
    edit = Sheet(either.client, scripts=either.scripts).open(ExternalModel.objects.get().pk)
    ExternalModel.objects.all().delete()
    assert edit.save("untested").status == 404


def test_somebody_elses_page_key_makes_no_second_model(cast: Cast, client_for: ClientFor, either: Sheet, allowed: RunningProvider) -> None:
    """A creation key of another workspace opens nothing there."""
    triage(either, allowed).fill(output_path="ref").save("untested")
    charlie = triage(Sheet(client_for(cast.charlie), slug="other").open(), allowed).fill(output_path="ref")
    charlie.fields["creation_key"] = str(ExternalModel.objects.get().creation_key)
    charlie.save("untested")
    assert charlie.status == 422
    assert ExternalModel.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_confirms_at_once_make_one_model(transactional_cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """The page's creation key, unique in the database, decides."""
    allow_loopback(provider.port)
    sheet = triage(Sheet(client_for(transactional_cast.adam)).open(), provider).test(prompt="Hail").fill(output_path="ref")
    answers = together(sheet.client, dict(sheet.fields) | {"action": "confirm"})
    assert [answer.status_code for answer in answers] == [302] * AT_ONCE
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 1)
    assert ExternalModel.objects.get().state == "active"
    events = list(AuditEvent.objects.filter(category__in=["models", "connections"]).order_by("id").values_list("event", flat=True))
    assert events == ["model.tested", "model.added", "connection.added", "model.activated"]


@pytest.mark.django_db(transaction=True)
def test_twenty_of_the_same_name_at_once_make_one_model(transactional_cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """Twenty pages, one name: one is saved, the others are told."""
    allow_loopback(provider.port)
    sheet = triage(Sheet(client_for(transactional_cast.adam)).open(), provider).fill(output_path="ref")
    answers = together(sheet.client, dict(sheet.fields) | {"action": "draft", "h-1-key": "", "h-1-value": ""}, own_keys=True)
    assert sorted(answer.status_code for answer in answers) == [302] + [422] * (AT_ONCE - 1)
    assert ExternalModel.objects.count() == 1


def together(client: Client, fields: dict[str, str], *, own_keys: bool = False) -> list[Any]:
    """The same post from twenty threads that start together."""
    start = threading.Barrier(AT_ONCE)
    cookies = client.cookies

    def post(_: int) -> Any:
        browser = Client()
        browser.cookies = cookies
        mine = fields | {"creation_key": str(uuid4())} if own_keys else fields
        start.wait(60)
        try:
            return browser.post(reverse("onboarding:save", args=["harbor"]), mine)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(post, range(AT_ONCE)))
