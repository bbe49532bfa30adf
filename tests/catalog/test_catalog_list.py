"""*Supported models*: search, filters and pages in the URL, what is known and what is not, and a way to connect (spec 02)."""

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from apps.catalog.offers import DatedRates, Tier
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.catalog import SEES, day, fill, fill_many, offer, rates
from tests.support.page import Element, read

NOW = day("2026-11-21")


@pytest.fixture(autouse=True)
def _today() -> object:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def alice(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.alice)


def page(client: Client, query: str = "", **headers: str) -> Element:
    response = client.get(reverse("catalog:catalog_list", args=["harbor"]) + query, headers=headers)
    assert response.status_code == 200
    return read(response)


def names(found: Element) -> list[str]:
    return [next(row.all("b")).text for row in found.rows]


def some() -> None:
    fill(
        offer("openai", "gpt-6-sol", "GPT-6 Sol", context_window=1_050_000, **SEES),
        offer("openai", "gpt-5", "GPT-5", retires_on=date(2026, 12, 11), price=("1.25", "10")),
        offer("openai", "gpt-4", "GPT-4", retires_on=date(2026, 10, 23), price=("30", "60")),
        offer("anthropic", "claude-opus-5-5", "Claude Opus 5.5", **SEES),
        offer("google", "gemini-3.5-flash", "Gemini 3.5 Flash", deprecated=True, input_words="text audio video", output_words="text"),
        offer("cohere", "command-r7b-12-2024", "Command R7B", price=("0.0375", "0.15")),
        offer("azure", "gpt-6-sol", "GPT-6 Sol", price=None),
        offer("bedrock", "eu.anthropic.claude-opus-5-5", "Claude Opus 5.5 (EU)", price=("4.4", "22")),
    )


def test_a_row_says_what_is_known(alice: Client) -> None:
    """Spec 02: context window, price per million input and output tokens, modalities, retirement date where known."""
    some()
    rows = {(row.cells[1], next(row.all("small")).text): row.cells for row in page(alice).rows}
    assert rows["OpenAI", "gpt-6-sol"][2:] == ["1.05M tokens", "$2.00", "$10.00", "Text, image in; text out", "not known", "Connect"]
    assert rows["OpenAI", "gpt-5"][2:] == ["not known", "$1.25", "$10.00", "not known", "11 Dec 2026", "Connect"]
    assert rows["Cohere", "command-r7b-12-2024"][3:5] == ["$0.0375", "$0.15"]
    assert rows["Google", "gemini-3.5-flash"][6] == "Deprecated"
    assert rows["Azure OpenAI", "gpt-6-sol"][3:5] == ["not known", "not known"], "unknown is not $0.00"


def test_tiers_and_announced_prices_stand_below_the_price(alice: Client) -> None:
    now = rates("2", "10", tiers=(Tier(272_000, Decimal(4), Decimal(15)),))
    fill(offer(prices=(DatedRates(None, now), DatedRates(day("2026-12-01"), rates("4", "20")))))
    (row,) = page(alice).rows
    assert row.cells[3:5] == ["$2.00 $4.00 above 272K $4.00 from 1 Dec 2026", "$10.00 $15.00 above 272K $20.00 from 1 Dec 2026"]


def test_newer_generations_come_first_within_a_provider(alice: Client) -> None:
    some()
    assert names(page(alice)) == [
        "GPT-6 Sol",
        "GPT-5",
        "Claude Opus 5.5",
        "Gemini 3.5 Flash",
        "Command R7B",
        "GPT-6 Sol",
        "Claude Opus 5.5 (EU)",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=opus", ["Claude Opus 5.5", "Claude Opus 5.5 (EU)"]),
        ("?q=GPT+6+sol", ["GPT-6 Sol", "GPT-6 Sol"]),
        ("?q=gpt-6-sol+azure", ["GPT-6 Sol"]),
        ("?q=gpt-5", ["GPT-5"]),
        ("?q=opus-5", ["Claude Opus 5.5", "Claude Opus 5.5 (EU)"]),
        ("?q=-", ["GPT-6 Sol", "GPT-5", "Claude Opus 5.5", "Gemini 3.5 Flash", "Command R7B", "GPT-6 Sol", "Claude Opus 5.5 (EU)"]),
        ("?q=12-2024", ["Command R7B"]),
        ("?provider=bedrock", ["Claude Opus 5.5 (EU)"]),
        ("?modality=audio", ["Gemini 3.5 Flash"]),
        ("?provider=openai&retired=yes", ["GPT-6 Sol", "GPT-5", "GPT-4"]),
        (
            "?provider=nobody",
            ["GPT-6 Sol", "GPT-5", "Claude Opus 5.5", "Gemini 3.5 Flash", "Command R7B", "GPT-6 Sol", "Claude Opus 5.5 (EU)"],
        ),
        ("?q=no-such-model", []),
    ],
)
def test_search_and_filters(alice: Client, query: str, expected: list[str]) -> None:
    some()
    assert names(page(alice, query)) == expected


def test_no_hit_says_so_and_offers_to_clear(alice: Client) -> None:
    some()
    found = page(alice, "?q=<b>nothing")
    assert "No supported model has “<b>nothing” in its name, ID or provider." in found.text
    assert found.link("Clear the filter") == reverse("catalog:catalog_list", args=["harbor"])


def test_a_retired_model_cannot_be_connected(alice: Client) -> None:
    some()
    (row,) = [row for row in page(alice, "?retired=yes").rows if "gpt-4" in row.text.split()]
    assert row.cells[6:] == ["Retired 23 Oct 2026", ""]


def test_connect_leads_to_the_wizard_with_the_model_chosen(alice: Client) -> None:
    some()
    found = page(alice)
    easy, away = reverse("onboarding:easy_credentials", args=["harbor", "anthropic"]), "away=%2Fw%2Fharbor%2Fmodels%2Fsupported%2F"
    assert found.link("Connect Claude Opus 5.5 of Anthropic") == f"{easy}?model=claude-opus-5-5&{away}"
    bedrock = reverse("onboarding:bedrock_new", args=["harbor"])
    assert found.link("Connect Claude Opus 5.5 (EU) of Amazon Bedrock") == f"{bedrock}?model=eu.anthropic.claude-opus-5-5"
    assert found.link("Add a model") == reverse("onboarding:add_model", args=["harbor"]) + f"?{away}"
    for row in found.rows:
        (connect,) = row.all("a")
        response = alice.get(connect["href"])
        assert response.status_code == 200
        assert parse_qs(urlsplit(connect["href"]).query)["model"][0] in response.content.decode()


@pytest.mark.parametrize("role", ["rita", "vic"])
def test_who_may_not_add_models_sees_no_connect(cast: Cast, client_for: ClientFor, role: str) -> None:
    some()
    found = page(client_for(getattr(cast, role)))
    assert len(found.rows) == 7
    assert not [label for label in found.controls if label.startswith(("Connect", "Add"))]


def test_the_tabs_lead_to_each_other(alice: Client) -> None:
    some()
    here = page(alice)
    assert here.link("Supported models 7") == reverse("catalog:catalog_list", args=["harbor"])
    models = read(alice.get(here.link("External models 0")))
    assert models.link("Supported models 7") == reverse("catalog:catalog_list", args=["harbor"])


def test_pages_of_fifty(alice: Client) -> None:
    fill_many(120)
    seen, query = [], ""
    for _ in range(3):
        found = page(alice, query)
        seen += names(found)
        assert "120 models" in found.text
        query = next((link["href"] for link in found.all("a", rel="next")), "")
    assert query == ""
    assert seen == [f"Model {number:03}" for number in range(120)]
    back = page(alice, next(found.all("a", rel="prev"))["href"])
    assert names(back) == seen[50:100]


def test_htmx_gets_the_results_alone(alice: Client) -> None:
    some()
    found = page(alice, "?q=opus", **{"HX-Request": "true"})
    assert names(found) == ["Claude Opus 5.5", "Claude Opus 5.5 (EU)"]
    assert not list(found.all("h1"))


def test_an_empty_catalogue_says_what_to_do(cast: Cast, client_for: ClientFor) -> None:
    assert "The catalogue is empty" in page(client_for(cast.alice)).text
    assert "its ID is typed in" in page(client_for(cast.alice)).text
    assert "its ID is typed in" not in page(client_for(cast.vic)).text
    cast.alice.is_staff = True
    cast.alice.save()
    staff = page(client_for(cast.alice))
    assert staff.link("Update the catalogue") == reverse("admin:catalog_catalogmodel_update")


def test_the_count_on_the_tab_follows_an_update(alice: Client, django_capture_on_commit_callbacks: object) -> None:
    assert page(alice).named("a", "Supported models 0")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        some()
    assert page(alice).named("a", "Supported models 7")
