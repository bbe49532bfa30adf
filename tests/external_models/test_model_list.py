"""The list of external models (spec 02, *The list*), as its readers meet it."""

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qs, quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.aws import bedrock_definition, good_role, register
from tests.support.cast import Cast
from tests.support.models import definition, make_connection, make_many, make_model, make_system_model
from tests.support.page import Element, read

HTMX = {"HX-Request": "true"}
ADDRESS = reverse("external_models:model_list", args=["harbor"])


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def listed(client: Client, query: str = "", *, address: str = ADDRESS) -> list[str]:
    """Names of the models on this page, in order; headings of groups in brackets."""
    response = client.get(address + query)
    assert response.status_code == 200, query
    return [name_of(row) for row in read(response).rows]


def name_of(row: Element) -> str:
    if row.attrs.get("class") == "group":
        return f"[{row.text}]"
    links = [link for link in row.all("a") if "definition" not in link["href"]]
    return links[0].text if links and row.cells[3] != "Managed" else next(row.all("b")).text


def row_of(page: Element, name: str) -> Element:
    (found,) = [row for row in page.rows if name_of(row) == name]
    return found


# Columns


def test_a_role_that_is_not_registered_counts_as_not_configured(cast: Cast, adam: Client) -> None:
    """Spec 02: such a connection cannot be called. In the list, and in the row that a switch answers with."""
    arn = good_role(cast.harbor)
    register(cast.harbor, arn)
    register(cast.other, asked := good_role(cast.harbor, "asked"))
    register(cast.harbor, asked, state="requested")
    model = make_model(cast.harbor, cast.bob, like=bedrock_definition())
    place = {"sts_region": "eu-west-1", "region": "eu-west-1"}
    for name, role in [("First", arn), ("Second", asked), ("Third", "")]:
        make_connection(model, cast.bob, name, parameters={"role_arn": role, **place})
    said = "1 of 3 connections on, 2 with a profile or role that is not configured"
    assert row_of(read(adam.get(ADDRESS)), model.name).cells[3] == said
    answer = adam.post(reverse("external_models:switch_inferencing", args=["harbor", model.pk]), {"on": "1"}, headers=HTMX)
    assert "2 not configured" in answer.content.decode()


def test_the_columns(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob)
    make_connection(model, cast.bob)
    make_connection(model, cast.bob, "Spare", key="sk-live-4711-SPAR", state="off")
    page = read(adam.get(ADDRESS))
    heads = [head.text for head in next(page.all("thead")).all("th")]
    assert heads == ["Model name", "Type", "Source", "Connections", "Requests, 7 days", "Status", "Added on", "Inferencing", "Actions"]
    name, kind, source, connections, requests, status, added, _switch, _menu = row_of(page, "Claims triage").cells
    assert "api.example.com" in name
    assert (kind, source, status) == ("API integration", "Custom", "Active")
    assert connections == "1 of 2 connections on"
    assert requests == "", "asked for when the page is there"
    model.refresh_from_db()
    moment = row_of(page, "Claims triage").one("time")
    assert added == f"{model.updated_at.day} {model.updated_at:%b %Y}"
    assert moment["datetime"] == model.updated_at.isoformat()
    assert f"{model.updated_at:%H:%M:%S} UTC" in moment["title"]  # the exact time, on hover


STATES = [
    # the model is  its connections   Status      Connections say                                             switch is
    ("draft", [], "Draft", "None yet", "false"),
    ("draft", ["on"], "Draft", "1 of 1 connections on", "false"),
    ("active", [], "Active", "None yet", "true"),
    ("active", ["on", "on"], "Active", "2 of 2 connections on", "true"),
    ("active", ["on", "off", "failing"], "Active", "1 of 3 connections on, 1 failing", "true"),
    ("active", ["needs_key"], "Active", "0 of 1 connections on, 1 without a readable key", "true"),
    ("active", ["needs_key", "failing", "on"], "Active", "1 of 3 connections on, 1 failing, 1 without a readable key", "true"),
    ("inactive", ["on"], "Inactive", "1 of 1 connections on", "false"),
]


@pytest.mark.parametrize(("state", "connections", "status", "said", "checked"), STATES)
def test_what_a_row_says(state: str, connections: list[str], status: str, said: str, checked: str, cast: Cast, adam: Client) -> None:
    """Spec 02 (Status, Connections) and spec 03 (*Needs its key again*, never as fine)."""
    model = make_model(cast.harbor, cast.bob, state=state)
    for number, each in enumerate(connections):
        make_connection(model, cast.bob, f"C{number}", key=f"sk-live-4711-{number:04}", state=each)
    row = row_of(read(adam.get(ADDRESS)), "Claims triage")
    assert [row.cells[3], row.cells[5]] == [said, status]
    switch = row.one("button", role="switch")
    assert switch["aria-checked"] == checked
    assert ("needs its key again" in adam.get(ADDRESS).content.decode()) is ("needs_key" in connections)
    if state == "draft":
        assert "disabled" in switch.attrs
        assert "Off, because this model is a draft" in row.one(id_=switch["aria-describedby"]).text


def test_a_draft_can_be_finished_from_the_list(cast: Cast, adam: Client) -> None:
    model = make_model(cast.harbor, cast.bob, state="draft")
    row = row_of(read(adam.get(ADDRESS)), "Claims triage")
    assert row.link("Finish set-up") == reverse("onboarding:edit", args=["harbor", model.pk])


def test_the_row_menu_of_an_api_integration(cast: Cast, adam: Client) -> None:
    """Spec 02: View, Edit, Copy, Delete."""
    make_model(cast.harbor, cast.bob)
    menu = next(element for element in row_of(read(adam.get(ADDRESS)), "Claims triage").all("div") if "popover" in element.attrs)
    assert [item.text for item in menu.all("li")] == ["View", "Edit", "Copy", "Delete"]


@pytest.mark.parametrize(
    ("role", "may"), [("bob", {"Edit", "Copy"}), ("adam", {"Edit", "Copy", "Delete"}), ("alice", {"Edit", "Copy", "Delete"})]
)
def test_controls_follow_the_role(role: str, may: set[str], cast: Cast, client_for: ClientFor) -> None:
    make_model(cast.harbor, cast.bob)
    row = row_of(read(client_for(getattr(cast, role)).get(ADDRESS)), "Claims triage")
    assert row.controls & {"View", "Edit", "Copy", "Delete"} == may | {"View"}
    assert "Inferencing for Claims triage" in row.controls


@pytest.mark.parametrize("reader", ["rita", "vic"])
def test_readers_see_no_control(reader: str, cast: Cast, client_for: ClientFor) -> None:
    """Spec 01: a missing permission is not shown in the first place."""
    model = make_model(cast.harbor, cast.bob)
    make_model(cast.harbor, cast.bob, "A draft", state="draft")
    make_connection(model, cast.bob)
    client = client_for(getattr(cast, reader))
    for address in (ADDRESS, reverse("connections:connection_list", args=["harbor", model.pk])):
        main = read(client.get(address)).one("main")
        forbidden = {"Add a model", "Add connection", "Edit", "Copy", "Delete", "Finish set-up", "Test"}
        assert not main.controls & forbidden
        assert not [name for name in main.controls if name.startswith(("Inferencing", "Actions for Production"))]
        assert not [form for form in main.all("form") if form.attrs.get("method") == "post"]
    assert row_of(read(client.get(ADDRESS)), "Claims triage").cells[-2] == "On"


# Search and filters


SEARCHES = {
    "triage": ["Claims triage"],
    "CLAIMS  tri": ["Claims triage"],  # without case, blanks folded
    "größe": ["GRÖSSE Prüfung"],  # sharp s folds to ss, on both databases
    "prüfung": ["GRÖSSE Prüfung"],
    "ПРОВЕРКА": ["Проверка"],
    "full width": ["\uff26\uff55\uff4c\uff4c width"],  # looks the same, is the same (NFKC)
    "gpt-7b": ["Проверка"],  # model ID
    "GPT-7B": ["Проверка"],
    "lab.example.org": ["GRÖSSE Prüfung"],  # endpoint host
    "night SHIFT": ["Claims triage"],  # a connection's name
    "100%": ["100% _sure_"],
    "_": ["100% _sure_"],  # no wildcard
    "%": ["100% _sure_"],
    "\\": [],
    "' OR 1=1 --": [],
    "secret": [],  # neither definitions nor keys are searched
}


def test_search(cast: Cast, adam: Client) -> None:
    triage = make_model(cast.harbor, cast.bob)
    make_connection(triage, cast.bob, "Night shift")
    make_model(cast.harbor, cast.bob, "GRÖSSE Prüfung", like=definition("https://lab.example.org/secret"))
    other = make_model(cast.harbor, cast.bob, "Проверка")
    ExternalModel.objects.filter(pk=other.pk).update(model_id="gpt-7b")
    make_model(cast.harbor, cast.bob, "\uff26\uff55\uff4c\uff4c width")
    make_model(cast.harbor, cast.bob, "100% _sure_")
    foreign = make_model(cast.other, cast.charlie, "Foreign triage")
    make_connection(foreign, cast.charlie, "Night shift")
    assert {text: listed(adam, f"?q={quote(text)}") for text in SEARCHES} == SEARCHES


FILTERS = {
    "": "Active Draft Easy Inactive",
    "?status=active": "Active Easy",
    "?status=draft": "Draft",
    "?status=inactive": "Inactive",
    "?type=easy": "Easy",
    "?type=api": "Active Draft Inactive",
    "?source=custom": "Active Draft Easy Inactive",
    "?inferencing=on": "Active Easy",
    "?inferencing=off": "Draft Inactive",
    "?inferencing=off&status=draft": "Draft",
    "?type=easy&q=act": "",
    "?status=active&q=act&inferencing=on&type=api&source=custom": "Active",
    "?status=nonsense&type=%00&source=openai'&sort=password&inferencing=maybe": "Active Draft Easy Inactive",  # old or broken links
}


def test_filters(cast: Cast, adam: Client) -> None:
    for state in ("active", "draft", "inactive"):
        make_model(cast.harbor, cast.bob, state.capitalize(), state=state)
    easy = make_model(cast.harbor, cast.bob, "Easy")
    ExternalModel.objects.filter(pk=easy.pk).update(integration_type="easy")
    assert {query: " ".join(sorted(listed(adam, query))) for query in FILTERS} == FILTERS


def test_the_filter_bar_shows_what_is_filtered(cast: Cast, adam: Client) -> None:
    """The state is in the URL: the page that comes back has it, and sorting keeps it."""
    make_model(cast.harbor, cast.bob)
    page = read(adam.get(ADDRESS, {"q": "tri", "status": "active", "sort": "name"}))
    assert page.one("input", name="q")["value"] == "tri"
    assert [option["value"] for option in page.one("select", name="status").all("option") if "selected" in option.attrs] == ["active"]
    assert page.one("input", name="sort")["value"] == "name"
    kept = parse_qs(page.link("Source").removeprefix("?"))
    assert kept == {"q": ["tri"], "status": ["active"], "sort": ["source"]}


# Order and pages


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "delta Beta alpha Gamma"),  # newest change first
        ("?sort=-added", "delta Beta alpha Gamma"),
        ("?sort=added", "Gamma alpha Beta delta"),
        ("?sort=name", "alpha Beta delta Gamma"),  # without case
        ("?sort=-name", "Gamma delta Beta alpha"),
        ("?sort=source", "alpha Beta delta Gamma"),
        ("?sort=-source", "Gamma delta Beta alpha"),
    ],
)
def test_order(sort: str, order: str, cast: Cast, adam: Client) -> None:
    now = timezone.now()
    for age, name in enumerate(["delta", "Beta", "alpha", "Gamma"]):
        model = make_model(cast.harbor, cast.bob, name)
        ExternalModel.objects.filter(pk=model.pk).update(updated_at=now - timedelta(days=age))
    assert listed(adam, sort) == order.split()


def test_the_sorted_column_says_so(cast: Cast, adam: Client) -> None:
    make_model(cast.harbor, cast.bob)
    page = read(adam.get(ADDRESS, {"sort": "name"}))
    sorted_heads = {head.text: head["aria-sort"] for head in page.all("th") if "aria-sort" in head.attrs}
    assert sorted_heads == {"Model name": "ascending"}
    assert page.link("Model name") == "?sort=-name"


@pytest.mark.parametrize("sort", ["name", "-name", "source", "-source", "added", "-added"])
def test_pages_forward_and_back(sort: str, cast: Cast, adam: Client) -> None:
    """120 models: 50, 50, 20, and the same pages on the way back. Nothing is skipped or doubled, also among equal dates."""
    make_many(cast.harbor, 120)
    ExternalModel.objects.update(updated_at=timezone.now())  # all equal: the key decides
    query, pages, addresses = f"?sort={sort}", [], []
    while query:
        page = read(adam.get(ADDRESS + query))
        pages.append([name_of(row) for row in page.rows])
        addresses.append(query)
        query = page.link("Next") if page.named("a", "Next") else ""
    assert [len(page) for page in pages] == [50, 50, 20]
    names = [name for page in pages for name in page]
    assert len(set(names)) == 120
    if sort.endswith(("name", "source")):
        assert names == sorted(names, reverse=sort.startswith("-"))
    back = read(adam.get(ADDRESS + addresses[2])).link("Previous")
    assert listed(adam, back) == pages[1]
    first = read(adam.get(ADDRESS + back)).link("Previous")
    assert listed(adam, first) == pages[0]
    assert not read(adam.get(ADDRESS + first)).named("a", "Previous")


def test_paging_keeps_the_filter(cast: Cast, adam: Client) -> None:
    make_many(cast.harbor, 60, "Wanted")
    make_many(cast.harbor, 60, "Other")
    page = read(adam.get(ADDRESS, {"q": "wanted", "sort": "name"}))
    assert "60 models found" in page.one("main").text
    rest = listed(adam, page.link("Next"))
    assert rest == [f"Wanted {number:03}" for number in range(50, 60)]


def test_a_model_added_meanwhile_neither_skips_nor_doubles(cast: Cast, adam: Client) -> None:
    make_many(cast.harbor, 60)
    first = read(adam.get(ADDRESS, {"sort": "name"}))
    make_model(cast.harbor, cast.bob, "Early bird")
    assert listed(adam, first.link("Next")) == [f"Model {number:03}" for number in range(50, 60)]


def cursor(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


HOSTILE = {
    "not base64": "%%%",
    "empty": "",
    "no list": cursor({"a": 1}),
    "too short": cursor(["a"]),
    "null": cursor([None, None]),
    "nested": cursor([[1], {}]),
    "no UUID": cursor(["a", "b"]),
    "NUL": cursor(["a\x00b", "6ac25b4e-6c57-4b1c-a7a0-4c6a1ad5b6b1"]),
    "lone surrogate": cursor(["\ud800", "6ac25b4e-6c57-4b1c-a7a0-4c6a1ad5b6b1"]),
    "infinity": cursor([float("inf"), "6ac25b4e-6c57-4b1c-a7a0-4c6a1ad5b6b1"]),
    "huge": cursor([10**40, 10**40]),
    "deep": base64.urlsafe_b64encode(b"[" * 700).decode(),
    "long": "A" * 100_000,
}


@pytest.mark.parametrize("sort", ["name", "-added"])
def test_a_cursor_that_is_not_ours_is_no_error(sort: str, cast: Cast, adam: Client) -> None:
    make_model(cast.harbor, cast.bob)
    adam.raise_request_exception = False
    tries = {(name, side): {side: text, "sort": sort} for name, text in HOSTILE.items() for side in ("after", "before")}
    refused = [name for name, query in tries.items() if adam.get(ADDRESS, query).status_code != 200]
    assert refused == []


# Nothing to show


def test_the_empty_state_explains_and_offers(cast: Cast, adam: Client, client_for: ClientFor) -> None:
    page = read(adam.get(ADDRESS)).one("main")
    assert "An external model is a model hosted elsewhere" in page.text
    assert page.has_control("Add a model")
    assert not page.named("form", "Filter models")
    viewer = read(client_for(cast.vic).get(ADDRESS)).one("main")
    assert "An external model is a model hosted elsewhere" in viewer.text
    assert not viewer.has_control("Add a model")


def test_no_hits_say_so_and_offer_to_clear(cast: Cast, adam: Client) -> None:
    make_model(cast.harbor, cast.bob)
    page = read(adam.get(ADDRESS, {"q": "<b>nobody"})).one("main")
    assert "No model matches" in page.text
    assert "“<b>nobody”" in page.text  # escaped
    assert page.link("Clear the filter") == ADDRESS
    assert "No model has these properties" in read(adam.get(ADDRESS, {"status": "draft"})).text


# System models


def test_system_models_are_a_group_of_their_own(cast: Cast, adam: Client) -> None:
    """Spec 02: *Provided by the platform*, usable, not editable; hidden ones are not shown."""
    make_model(cast.harbor, cast.bob)
    make_system_model("House model")
    make_system_model("atrium model")
    make_system_model("Hidden model", visible=False)
    assert listed(adam) == ["Claims triage", "[Provided by the platform]", "atrium model", "House model"]
    row = read(adam.get(ADDRESS)).rows[-1]
    assert row.cells[1:6] == ["Platform", "Custom", "Managed", "", "Active"]
    assert row.controls == set()
    assert "Hidden" not in adam.get(ADDRESS).content.decode()


def test_a_workspace_with_system_models_only_is_not_empty(cast: Cast, adam: Client) -> None:
    make_system_model("House model")
    assert listed(adam) == ["[Provided by the platform]", "House model"]


SYSTEM_FILTERS = {
    "?q=house": True,
    "?q=claims": False,
    "?type=api": True,
    "?type=easy": False,
    "?source=custom": True,
    "?status=active": True,
    "?status=draft": False,
    "?inferencing=on": True,
    "?inferencing=off": False,
}


def test_filters_hold_for_system_models(cast: Cast, adam: Client) -> None:
    make_system_model("House model")
    assert {query: "House model" in listed(adam, query) for query in SYSTEM_FILTERS} == SYSTEM_FILTERS


def test_system_models_stand_on_the_first_page_only(cast: Cast, adam: Client) -> None:
    make_many(cast.harbor, 60)
    make_system_model("House model")
    first = read(adam.get(ADDRESS))
    assert "House model" in first.text
    second = adam.get(ADDRESS + first.link("Next"))
    assert "House model" not in second.content.decode()


# htmx


def test_htmx_gets_the_results_only(cast: Cast, adam: Client) -> None:
    make_model(cast.harbor, cast.bob)
    part = adam.get(ADDRESS, {"q": "tri"}, headers=HTMX)
    whole = adam.get(ADDRESS, {"q": "tri"})
    assert b"<html" not in part.content
    assert b"<html" in whole.content
    assert read(part).rows[0].cells == read(whole).rows[0].cells
    assert "HX-Request" in part["Vary"]
    assert "HX-Request" in whole["Vary"]
    for more in ({"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}):
        assert b"<html" in adam.get(ADDRESS, headers=HTMX | more).content


# Foreign


def test_models_of_other_workspaces_are_nowhere(cast: Cast, adam: Client, client_for: ClientFor) -> None:
    make_model(cast.other, cast.charlie, "Foreign")
    assert listed(adam, "?q=foreign") == []
    there = client_for(cast.charlie)
    assert listed(there, address=reverse("external_models:model_list", args=["other"])) == ["Foreign"]
    assert there.get(ADDRESS).status_code == 404
