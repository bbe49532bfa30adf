"""An update of the catalogue (spec 06): the difference first, dated prices, nothing ever lost, its event in the platform's chain."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM
from apps.audit.verify import verify_chain
from apps.catalog import queries
from apps.catalog.actions import Outdated, preview_catalog, update_catalog
from apps.catalog.models import CatalogModel, Price
from apps.catalog.offers import DatedRates, Tier
from tests.support.catalog import SEES, day, fill, offer, rates, row, snapshot

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def history(model_id: str = "gpt-6-sol") -> list[tuple[str, str | None, Decimal | None]]:
    """Each price row: from, to, input rate."""
    prices = Price.objects.filter(model__model_id=model_id).order_by("valid_from")
    return [(f"{price.valid_from:%Y-%m-%d}", price.valid_to and f"{price.valid_to:%Y-%m-%d}", price.input) for price in prices]


def test_a_preview_changes_nothing() -> None:
    difference = preview_catalog(snapshot(offer()))
    assert [section.lines for section in difference.sections] == [
        ("openai gpt-6-sol (GPT-6 Sol): USD 2 in, 10 out per million tokens",),
    ]
    assert not CatalogModel.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_first_update_adds_models_with_what_is_known_of_them() -> None:
    tiers = (Tier(272_000, Decimal(4), Decimal(15)),)
    price = rates("2", "10", cached_read=Decimal("0.2"), tiers=tiers, other={"web_searches_kcount": "10"})
    fill(offer(context_window=1_050_000, max_output=128_000, retires_on=date(2027, 1, 14), prices=(DatedRates(None, price),), **SEES))
    made = row("gpt-6-sol")
    assert (made.name, made.context_window, made.max_output, made.retires_on) == ("GPT-6 Sol", 1_050_000, 128_000, date(2027, 1, 14))
    assert [str(each.value) for each in made.input_modalities or []] == ["text", "image"]
    assert made.features is not None
    assert made.price is not None
    assert (made.price.input, made.price.output, made.price.cached_read, made.price.cached_write) == (2, 10, Decimal("0.2"), None)
    assert made.price.tiers == [{"above": 272_000, "input": "4", "output": "15"}]
    assert (made.price.source, made.price.version, made.price.currency) == ("genai-prices", "1.0", "USD")


def test_what_is_not_known_stays_unknown() -> None:
    """Spec 06: unknown, never 0."""
    fill(offer(price=None))
    made = row("gpt-6-sol")
    assert (made.context_window, made.input_modalities, made.features, made.retires_on, made.price) == (None, None, None, None, None)


def test_a_second_update_changes_nothing() -> None:
    tiers = (Tier(272_000, Decimal(4)),)
    offers = [
        offer(prices=(DatedRates(None, rates("0.0375", "10", tiers=tiers)),), **SEES),
        offer("cohere", "command", "Command", price=None),
    ]
    fill(*offers)
    before = list(Price.objects.values())
    assert fill(*offers, version="2.0").is_empty
    assert list(Price.objects.values()) == before
    assert AuditEvent.objects.filter(event="catalog.updated").count() == 1


def test_a_changed_price_is_another_row_and_history_stays() -> None:
    with time_machine.travel(NOON, tick=False):
        fill(offer(price=("2", "10")))
    with time_machine.travel(NOON + timedelta(days=9), tick=False):
        difference = fill(offer(price=("1.5", "10")), version="2.0")
        assert difference.sections[0].title == "Changed prices"
        assert difference.sections[0].lines == (
            "openai gpt-6-sol (GPT-6 Sol): USD 2 in, 10 out per million tokens -> USD 1.5 in, 10 out per million tokens",
        )
    assert history() == [("2026-11-21", "2026-11-30", 2), ("2026-11-30", None, Decimal("1.5"))]
    made = row("gpt-6-sol")
    old, new = queries.price_now(made, NOON + timedelta(days=1)), queries.price_now(made, NOON + timedelta(days=10))
    assert old is not None
    assert new is not None
    assert (old.version, old.input, new.version, new.input) == ("1.0", 2, "2.0", Decimal("1.5"))
    assert queries.price_now(made, NOON - timedelta(days=1)) is None, "not known then, which is not free"


def test_a_dated_price_begins_on_its_date() -> None:
    """The source knows that o3 became cheaper in June 2025: that is since when the price holds."""
    with time_machine.travel(NOON, tick=False):
        fill(offer(prices=(DatedRates(None, rates("10", "40")), DatedRates(day("2025-06-10"), rates("2", "8")))))
    assert history() == [("2025-06-10", None, 2)]


def test_an_announced_price_waits_for_its_day() -> None:
    prices = (DatedRates(None, rates("0.75", "3.75")), DatedRates(day("2027-01-01"), rates("1.5", "7.5")))
    with time_machine.travel(NOON, tick=False):
        difference = fill(offer(prices=prices))
        assert difference.added
        made = row("gpt-6-sol")
        assert made.price is not None
        assert made.next_price is not None
        assert (made.price.input, made.next_price.input) == (Decimal("0.75"), Decimal("1.5"))
    assert history() == [("2026-11-21", "2027-01-01", Decimal("0.75")), ("2027-01-01", None, Decimal("1.5"))]
    with time_machine.travel(day("2027-02-01"), tick=False):
        assert fill(offer(prices=prices)).is_empty
        later = row("gpt-6-sol")
        assert later.price is not None
        assert (later.price.input, later.next_price) == (Decimal("1.5"), None)


def test_an_announcement_that_is_taken_back_never_held() -> None:
    now, later = DatedRates(None, rates("2", "10")), DatedRates(day("2027-01-01"), rates("4", "20"))
    with time_machine.travel(NOON, tick=False):
        fill(offer(prices=(now, later)))
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        (section,) = fill(offer(prices=(now,))).sections
        assert section.lines == ("openai gpt-6-sol (GPT-6 Sol): the price announced for 2027-01-01 is taken back",)
    assert history() == [("2026-11-21", None, 2)]


def test_a_price_that_the_source_no_longer_gives_ends() -> None:
    with time_machine.travel(NOON, tick=False):
        fill(offer())
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        fill(offer(price=None))
        assert row("gpt-6-sol").price is None
    assert history() == [("2026-11-21", "2026-11-22", 2)]


def test_a_model_that_is_gone_is_withdrawn_and_comes_back() -> None:
    fill(offer(), offer(model_id="gpt-5", name="GPT-5"))
    difference = fill(offer())
    assert [section.title for section in difference.sections] == ["Withdrawn (kept, and no longer offered)"]
    assert row("gpt-5").is_retired
    assert [each.model_id for each in queries.list_catalog()] == ["gpt-6-sol"]
    assert queries.find("openai", "gpt-5") == row("gpt-5"), "a row that was used stays"
    assert fill(offer()).is_empty
    fill(offer(), offer(model_id="gpt-5", name="GPT-5"))
    assert not row("gpt-5").is_retired


def test_changed_facts_are_shown_and_applied() -> None:
    fill(offer())
    (section,) = fill(offer(context_window=1_050_000, retires_on=date(2027, 1, 14), deprecated=True)).sections
    assert section.lines == (
        "openai gpt-6-sol (GPT-6 Sol): context window not known -> 1,050,000; deprecated no -> yes; "
        "retirement date not known -> 2027-01-14",
    )
    assert row("gpt-6-sol").context_window == 1_050_000
    assert len(history()) == 1


def test_the_event_is_in_the_platforms_chain() -> None:
    """E: who, from which version, and what; the chain verifies."""
    fill(offer())
    fill(offer(price=("3", "10")), offer(model_id="gpt-5", name="GPT-5"), version="2.0")
    event = AuditEvent.objects.filter(event="catalog.updated").latest("sequence")
    assert (event.chain, event.actor_kind, event.target_name) == ("platform", "system", "Catalogue")
    assert event.description == "Updated from genai-prices 2.0: 1 models added, 1 changed (1 in price), 0 withdrawn"
    assert event.changes["version"] == {"after": "2.0"}
    assert "USD 2 in, 10 out" in event.changes["Changed prices"]["after"][1]
    assert verify_chain("platform").ok


def test_only_the_difference_that_was_seen_is_applied() -> None:
    seen = preview_catalog(snapshot(offer()))
    with pytest.raises(Outdated) as error:
        update_catalog(snapshot=snapshot(offer(price=("9", "9"))), actor=SYSTEM, seen=seen.digest)
    assert not CatalogModel.objects.exists()
    update_catalog(snapshot=snapshot(offer(price=("9", "9"))), actor=SYSTEM, seen=error.value.difference.digest)
    assert CatalogModel.objects.count() == 1


def test_the_database_holds_the_rules() -> None:
    """One row per model, one open price, no price that ends before it begins, no negative rate; used rows cannot be deleted."""
    fill(offer())
    made, now = row("gpt-6-sol"), timezone.now()
    later = {"model": made, "source": "genai-prices", "version": "1", "valid_from": now + timedelta(days=1)}
    for wrong in (
        CatalogModel(provider="openai", model_id="gpt-6-sol", name="Twin", position=0, name_key="twin", search_key="twin"),
        CatalogModel(provider="acme", model_id="x", name="X", position=0, name_key="x", search_key="x"),
        Price(**later),
        Price(**later, valid_to=now),
        Price(**later, valid_to=now + timedelta(days=2), input=Decimal(-1)),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            wrong.save()
    with pytest.raises(ProtectedError):
        made.delete()
