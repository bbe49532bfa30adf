"""The model page's tabs Definition and Audit (spec 02, *The model page*)."""

from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.audit.record import Event, Outcome, record
from apps.external_models.actions import switch_inferencing, update_model
from apps.external_models.definition import Definition, Header, Paths
from apps.external_models.models import ExternalModel
from apps.providers.types import DataType, Variable
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.catalog import fill, offer
from tests.support.models import KEY, actor, author, definition, make_connection, make_easy_model, make_model
from tests.support.page import read

HTMX = {"HX-Request": "true"}


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def address(name: str, model: ExternalModel) -> str:
    return reverse(f"external_models:{name}", args=["harbor", model.pk])


FULL = Definition(
    url="https://{region}.example.com/v1",
    method="PUT",
    headers=(Header("X-Line", "motor"), Header("X-Api-Key", secret=True)),
    use_system_prompt=True,
    custom_variables=(Variable("heat", "Heat", DataType.NUMBER, 0.2), Variable("line", "Line", DataType.STRING, None, required=True)),
    body='{"ask": "{{prompt}}", "evil": "</code><script>alert(1)</script>"}',
    paths=Paths("result.text", "usage.in", ""),
)


def test_the_page_says_what_the_catalogue_knows(cast: Cast, adam: Client) -> None:
    fill(offer(model_id="gpt-4o-mini", context_window=128_000, price=("0.15", "0.6")))
    known = make_easy_model(cast.harbor, cast.alice)
    unknown = make_easy_model(cast.harbor, cast.alice, "gpt-of-ours", name="second key")
    pages = [adam.get(reverse("connections:connection_list", args=["harbor", model.pk])) for model in (known, unknown)]
    said = [read(page).one("aside").text for page in pages]
    for text in ("128,000 tokens", "$0.15 per million", "$0.60 per million", "genai-prices", "Streaming"):
        assert text in said[0]
    assert "Streaming" in said[1]
    assert "per million" not in said[1], "what is not known is not shown"


def test_the_definition_says_everything_but_secrets(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob, like=FULL)
    make_connection(model, cast.bob, parameters={"region": "eu"})
    page = read(adam.get(address("definition", model)))
    text = page.one("main").text
    for said in ("PUT https://{region}.example.com/v1", "X-Line: motor", "Secret, held by each connection", "result.text", "usage.in"):
        assert said in text
    assert "</code><script>alert(1)</script>" in text  # as text
    assert [row.cells for row in page.rows] == [
        ["prompt", "Prompt", "String", "Required", "None"],
        ["system_prompt", "System prompt", "String", "Optional", "None"],
        ["heat", "Heat", "Number", "Optional", "0.2"],
        ["line", "Line", "String", "Required", "None"],
    ]
    assert KEY[-4:] not in text
    assert "Not read" in text  # no path for output tokens


def test_an_empty_draft_has_a_definition_too(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob, state="draft", like=Definition())
    text = read(adam.get(address("definition", model))).one("main").text
    assert "Not set yet" in text
    assert "No body yet" in text


def test_the_tabs_know_where_one_is(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob)
    tabs = {"definition": "Definition", "model_audit": "Audit"}
    for name, label in tabs.items():
        nav = read(adam.get(address(name, model))).one("nav", aria_label="Claims triage")
        assert [link.text for link in nav.all("a", aria_current="page")] == [label]
        assert [link.text.split()[0] for link in nav.all("a")] == ["Connections", "Definition", "Activity", "Audit"]


def test_audit_shows_this_models_events_newest_first(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob)
    make_model(cast.harbor, cast.bob, "Other")
    changed = definition("https://api.example.com/v2\u202e")
    model = update_model(
        model, name="Renamed", definition=changed, by=author(cast.adam), expected_version=model.version, tested_digest="a test that passed"
    )
    switch_inferencing(model, on=False, actor=actor(cast.alice))
    rows = [row.cells for row in read(adam.get(address("model_audit", model))).rows]
    assert [(row[0], row[1]) for row in rows] == [
        ("Model's inferencing switched", "Alice Owner"),
        ("Model updated", "Adam Admin"),
        ("Model activated", "Bob Member"),
        ("Model saved as draft", "Bob Member"),
    ]
    assert "inferencing on became off" in rows[0][3].replace("→ ", "")
    assert "name Claims triage became Renamed" in rows[1][3].replace("→ ", "")
    assert "v2<U+202E>" in rows[1][3]  # direction characters are made visible (C6)
    numbers = [int(row[4]) for row in rows]
    assert numbers == sorted(numbers, reverse=True)


def test_a_failed_outcome_shows(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob)
    with transaction.atomic():
        record(Event.MODEL_TESTED, actor=actor(cast.bob), workspace=cast.harbor.pk, target=model, outcome=Outcome.FAILED)
    events = [row.cells[0] for row in read(adam.get(address("model_audit", model))).rows]
    assert events[:2] == ["Model tested Failed", "Model activated"]


def test_audit_pages_both_ways(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob)
    for number in range(60):
        switch_inferencing(model, on=bool(number % 2), actor=actor(cast.bob))
    url = address("model_audit", model)
    first = read(adam.get(url))
    second = read(adam.get(url + first.link("Older")))
    numbers = [int(row.cells[4]) for page in (first, second) for row in page.rows]
    assert [len(first.rows), len(second.rows)] == [50, 12]
    assert numbers == sorted(set(numbers), reverse=True)
    assert [row.cells for row in read(adam.get(url + second.link("Newer"))).rows] == [row.cells for row in first.rows]
    part = adam.get(url, headers=HTMX)
    assert b"<html" not in part.content
    assert len(read(part).rows) == 50


@pytest.mark.parametrize("cursor", ["W0luZmluaXR5XQ", "WzFlOTk5XQ", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMF0", "WyJ4Il0", "W3RydWVd"])
def test_a_cursor_of_no_number_is_no_error(cursor: str, cast: Cast, adam: Client) -> None:
    """[Infinity], [1e999], a number of 24 digits, ["x"], [true]."""
    model = make_model(cast.harbor, cast.bob)
    assert adam.get(address("model_audit", model), {"after": cursor}).status_code == 200


@pytest.mark.parametrize(("person", "status"), [("alice", 200), ("rita", 200), ("bob", 403), ("vic", 403), ("charlie", 404)])
def test_audit_is_for_who_may_read_it(person: str, status: int, cast: Cast, client_for: ClientFor) -> None:
    model = make_model(cast.harbor, cast.bob)
    client = client_for(getattr(cast, person))
    assert client.get(address("model_audit", model)).status_code == status
    if status != 404:
        nav = read(client.get(address("definition", model))).one("nav", aria_label="Claims triage")
        assert bool(nav.named("a", "Audit")) is (status == 200)


@pytest.mark.parametrize("name", ["definition", "model_audit", "delete_model"])
def test_foreign_and_missing_are_the_same(name: str, cast: Cast, client_for: ClientFor) -> None:
    model = make_model(cast.harbor, cast.bob)
    charlie = client_for(cast.charlie)
    for slug, key in (("harbor", model.pk), ("other", model.pk), ("other", uuid4())):
        assert charlie.get(reverse(f"external_models:{name}", args=[slug, key])).status_code == 404
