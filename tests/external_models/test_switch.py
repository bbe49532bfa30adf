"""Switching a model's inferencing (spec 02): at once, with a word about it, undone by one press, refused for a draft."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import make_model
from tests.support.page import Element, read

HTMX = {"HX-Request": "true"}
SWITCHED = "model.inferencing_switched"


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.bob)


def address(model: ExternalModel, slug: str = "harbor") -> str:
    return reverse("external_models:switch_inferencing", args=[slug, model.pk])


def is_on(model: ExternalModel) -> bool:
    model.refresh_from_db()
    return model.inferencing_enabled


def events() -> list[Any]:
    return list(AuditEvent.objects.filter(event=SWITCHED).order_by("sequence"))


def toast_of(page: Element) -> Element:
    """The waiting toast, also out of a template element, where htmx finds it."""
    return next(element for element in page.all("div") if "data-toast" in element.attrs)


def test_off_and_on(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    bob = client_for(cast.bob)
    assert bob.post(address(model), {"on": "0"}).status_code == 302
    assert not is_on(model)
    assert bob.post(address(model), {"on": "1"}).status_code == 302
    assert is_on(model)
    off, on = events()
    assert off.changes == {"inferencing": {"before": True, "after": False}}
    assert on.changes == {"inferencing": {"before": False, "after": True}}
    assert (off.actor_name, off.target_name, off.target_id) == ("Bob Member", "Claims triage", str(model.pk))


def test_it_does_not_count_as_an_update(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    """*Added on* is when the model was last added or updated, and a switch between does not break somebody's edit."""
    before = (model.updated_at, model.version)
    client_for(cast.bob).post(address(model), {"on": "0"})
    model.refresh_from_db()
    assert (model.updated_at, model.version) == before


def test_without_scripts_the_form_comes_back_to_its_page(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    bob = client_for(cast.bob)
    here = reverse("external_models:model_list", args=["harbor"]) + "?status=active&sort=name"
    form = read(bob.get(here)).one("form", action=address(model))
    sent = {field["name"]: field["value"] for field in form.all("input")}
    response = bob.post(form["action"], sent, follow=True)
    assert response.redirect_chain == [(here, 302)]
    toast = toast_of(read(response))
    assert "Claims triage is off" in toast.text
    assert "Calls are refused from now on" in toast.text


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "http:///evil.example", ""]
)
def test_it_leads_nowhere_else(target: str, model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    response = client_for(cast.bob).post(address(model), {"on": "0", "next": target}, headers={"Referer": "https://evil.example/x"})
    assert response["Location"] == reverse("external_models:model_list", args=["harbor"])


def test_undo_puts_it_back(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    """The toast's form, as it stands, posted by a browser without scripts: back on the same page, switched back."""
    bob = client_for(cast.bob)
    page = read(bob.post(address(model), {"on": "0"}, follow=True))
    undo = toast_of(page).one("form")
    assert undo.has_control("Undo")
    sent = {field["name"]: field["value"] for field in undo.all("input")}
    response = bob.post(undo["action"], sent, headers={"Referer": "http://testserver/w/harbor/models/?q=tri"})
    assert response["Location"] == "http://testserver/w/harbor/models/?q=tri"
    assert is_on(model)
    assert len(events()) == 2


def test_htmx_gets_the_row_with_its_toast(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    page = read(client_for(cast.bob).post(address(model), {"on": "0"}, headers=HTMX))
    row = page.one("tr", id_=f"model-{model.pk}")
    assert row.one("button", role="switch")["aria-checked"] == "false"
    assert row.one("input", name="on")["value"] == "1"
    assert "Inactive" in row.cells
    assert "Claims triage is off" in toast_of(page).text
    assert not list(page.all("html"))


def test_htmx_on_the_model_page_gets_the_head(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    page = read(client_for(cast.bob).post(address(model), {"on": "0"}, headers=HTMX | {"HX-Target": "model-head"}))
    head = page.one("div", id_="model-head")
    assert head.one("button", role="switch")["aria-checked"] == "false"
    assert "Inactive" in head.text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_draft_is_refused_and_says_why(headers: dict[str, str], cast: Cast, client_for: ClientFor) -> None:
    draft = make_model(cast.harbor, cast.bob, state="draft")
    response = client_for(cast.bob).post(address(draft), {"on": "1"}, headers=headers, follow=True)
    toast = toast_of(read(response))
    assert "Claims triage stays off" in toast.text
    assert "This model is a draft. Finish its set-up to switch inferencing on." in toast.text
    assert not is_on(draft)
    assert events() == []


def test_a_double_click_is_one_change(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    bob = client_for(cast.bob)
    for _ in range(2):
        assert bob.post(address(model), {"on": "0"}, headers=HTMX).status_code == 200
    assert not is_on(model)
    assert len(events()) == 1


@pytest.mark.parametrize("person", ["rita", "vic"])
def test_readers_may_not(person: str, model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    assert client_for(getattr(cast, person)).post(address(model), {"on": "0"}).status_code == 403
    assert is_on(model)


def test_foreign_and_missing_are_the_same(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    """D2: also through a workspace of one's own, and also for the platform's models."""
    charlie: Client = client_for(cast.charlie)
    missing = reverse("external_models:switch_inferencing", args=["other", uuid4()])
    answers = [charlie.post(url, {"on": "0"}) for url in (address(model), address(model, "other"), missing)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert is_on(model)
    assert events() == []


def test_get_changes_nothing(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    assert client_for(cast.bob).get(address(model) + "?on=0").status_code == 405
    assert is_on(model)
