"""Spec 04, *Time limits*; spec 07 F1: how long a model's calls may take, and whether one that timed out is made again."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.external_models.models import ExternalModel
from apps.external_models.time_limits import TimeLimits
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import make_model
from tests.support.page import read

HTMX = {"HX-Request": "true"}
SHORT = {"first_byte_seconds": "20", "total_seconds": "90", "version": "1"}


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.alice)


def to(model: ExternalModel, name: str = "time_limits") -> str:
    return reverse(f"external_models:{name}", args=["harbor", model.pk])


def limits_now(model: ExternalModel) -> TimeLimits:
    return TimeLimits.of(ExternalModel.objects.get(pk=model.pk))


def test_they_are_set_on_a_page_of_their_own(model: ExternalModel, bob: Client) -> None:
    before = read(bob.get(to(model, "definition")))
    assert "60 s" in before.text
    assert "The call is not made again" in before.text
    page = read(bob.get(before.one("a", href=to(model))["href"]))
    standing = {field["name"]: field.attrs.get("value", "") for field in page.one("form", action=to(model)).all("input")}
    assert (standing["first_byte_seconds"], standing["total_seconds"], standing["version"]) == ("60", "300", "1")
    saved = bob.post(to(model), SHORT | {"may_pay_twice": "on"})
    assert (saved.status_code, saved["Location"]) == (302, to(model, "definition"))
    assert limits_now(model) == TimeLimits(20, 90, True)
    assert "The call is made again, even if it may be paid twice" in read(bob.get(to(model, "definition"))).text
    event = AuditEvent.objects.latest("sequence")
    assert (event.event, event.actor_name) == ("model.updated", "Bob Member")
    assert event.changes["first byte seconds"] == {"before": 60, "after": 20}
    assert event.changes["may pay twice"] == {"before": False, "after": True}


def test_with_scripts_the_form_is_a_dialog(model: ExternalModel, bob: Client) -> None:
    dialog = bob.get(to(model), headers=HTMX).content.decode()
    assert dialog.lstrip().startswith("<dialog")
    refused = bob.post(to(model), SHORT | {"first_byte_seconds": "0"}, headers=HTMX)
    assert (refused.status_code, refused.content.decode().lstrip()[:7]) == (422, "<dialog")
    assert bob.post(to(model), SHORT, headers=HTMX)["HX-Redirect"] == to(model, "definition")


def test_who_was_overtaken_is_told(model: ExternalModel, bob: Client, cast: Cast, client_for: ClientFor) -> None:
    bob.post(to(model), SHORT)
    late = client_for(cast.adam).post(to(model), SHORT | {"total_seconds": "80"})
    assert late.status_code == 422
    assert "Bob Member changed this model while you were editing it." in read(late).text
    assert read(late).one("input", name="version")["value"] == "1"  # saving again would not pass over it either
    assert limits_now(model) == TimeLimits(20, 90)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_byte_seconds", "0"),
        ("first_byte_seconds", "601"),
        ("first_byte_seconds", ""),
        ("total_seconds", "3601"),
        ("total_seconds", "19"),  # less than the first byte may take
        ("total_seconds", "soon"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(field: str, value: str, model: ExternalModel, bob: Client) -> None:
    refused = bob.post(to(model), SHORT | {field: value})
    assert refused.status_code == 422
    control = read(refused).one("input", name=field)
    assert (control["value"] if value else control.attrs.get("value", "")) == value
    assert control["aria-invalid"] == "true"
    assert read(refused).one(id_=control["aria-describedby"].split()[0]).text
    assert limits_now(model) == TimeLimits()


def test_those_who_only_read_see_them(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    page = read(client_for(cast.vic).get(to(model, "definition")))
    assert "300 s" in page.text
    assert not [link for link in page.all("a") if link.attrs.get("href") == to(model)]
