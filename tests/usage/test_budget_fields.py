"""Spec 01, spec 04: budgets are set where the other limits are, by those who may (*budgets* in the table of rights), and audited."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.accounts.api_keys import look_up
from apps.accounts.budgets import Budget
from apps.accounts.models import ApiKey, User
from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from tests.accounts.test_api_apps import APPS, FIELDS, KEY, NEW, confirm, page
from tests.conftest import ClientFor
from tests.connections.test_connections import add, adding, edit, page_of, problem, to
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.page import read


@pytest.fixture
def alice(cast: Cast, client_for: ClientFor) -> Client:
    return confirm(client_for(cast.alice))


def events() -> list[tuple[str, dict[str, Any]]]:
    """The last two, newest first."""
    return [(event.event, event.changes) for event in AuditEvent.objects.order_by("-sequence")[:2]]


def test_a_key_is_made_with_a_budget(alice: Client) -> None:
    answer = alice.post(NEW, FIELDS | {"budget_per_day": "5", "budget_per_month": "100.50", "budget_only_warns": "on"})
    record = look_up(KEY.findall(page(answer))[0])
    assert record.budget == Budget(Decimal(5), Decimal("100.5"), budget_only_warns=True)
    (last, changes), (before, _) = events()
    assert (last, before) == ("budget.set", "api_app.key_created")
    assert changes == {
        "budget per day": {"before": None, "after": "5"},
        "budget per month": {"before": None, "after": "100.50"},
        "budget only warns": {"before": False, "after": True},
        "currency": {"after": "USD"},
    }
    assert "USD 100.50 a month" in page(alice.get(APPS))


def test_it_is_changed_and_taken_away(alice: Client) -> None:
    alice.post(NEW, FIELDS | {"budget_per_day": "5"})
    key = ApiKey.objects.get()
    url = f"{APPS}{key.app_id}/keys/{key.pk}/"
    form = read(alice.get(url))
    assert form.one("input", name="budget_per_day")["value"] == "5.00"
    assert "Calls of models without a price are not counted." in page(alice.get(url))
    assert alice.post(url, {"key_name": "production", "budget_per_day": "7.25"}).status_code == 302
    assert events()[0] == ("budget.set", {"budget per day": {"before": "5.00", "after": "7.25"}, "currency": {"after": "USD"}})
    alice.post(url, {"key_name": "production", "budget_per_day": "7.25"})
    assert AuditEvent.objects.filter(event="budget.set").count() == 2  # nothing changed: no event
    alice.post(url, {"key_name": "production", "budget_only_warns": "on"})  # of nothing
    key.refresh_from_db()
    assert key.budget == Budget()


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1000001", "five", "NaN"])
def test_what_is_no_amount_is_refused_beside_its_field(alice: Client, cast: Cast, amount: str) -> None:
    answer = alice.post(NEW, FIELDS | {"budget_per_month": amount})
    assert problem(answer, "budget_per_month")
    assert not ApiKey.objects.exists()
    assert problem(add(alice, make_model(cast.harbor, cast.alice), budget_per_day=amount), "budget_per_day")


def test_a_connection_has_one_from_those_who_may(cast: Cast, client_for: ClientFor) -> None:
    """A member edits connections; budgets are the admins' (spec 01), and stay as they are when a member saves."""
    adam, bob = client_for(cast.adam), client_for(cast.bob)
    model = make_model(cast.harbor, cast.alice)
    assert add(adam, model, budget_per_month="40").status_code == 302
    connection = Connection.objects.get()
    assert connection.budget == Budget(None, Decimal(40))
    assert [name for name, _ in events()] == ["budget.set", "connection.added"]
    assert 'name="budget_per_day"' not in page(bob.get(adding(model)))
    assert edit(bob, connection, priority="2", budget_per_month="4000").status_code == 302
    assert edit(bob, connection, budget_only_warns="on").status_code == 302
    connection.refresh_from_db()
    assert (connection.priority, connection.budget) == (2, Budget(None, Decimal(40)))
    assert edit(adam, connection, budget_per_month="", budget_per_day="3").status_code == 302
    connection.refresh_from_db()
    assert connection.budget == Budget(Decimal(3))
    assert events()[0][0] == "budget.set"


def test_a_page_that_says_nothing_of_it_changes_nothing(cast: Cast, client_for: ClientFor) -> None:
    connection = make_connection(make_model(cast.harbor, cast.alice), cast.alice)
    Connection.objects.update(budget_per_day=3)
    answer = client_for(cast.adam).post(to("edit", connection), {"version": "1", "priority": "4"})
    connection.refresh_from_db()
    assert (answer.status_code, connection.priority, connection.budget) == (302, 4, Budget(Decimal(3)))


@pytest.mark.parametrize("who", ["alice", "rita"])
def test_pages_show_how_far_it_is_spent(cast: Cast, client_for: ClientFor, who: str) -> None:
    person: User = getattr(cast, who)
    connection = make_connection(make_model(cast.harbor, cast.alice), cast.alice)
    url = f"/w/harbor/models/{connection.model_id}/"
    assert "budgets" not in page(client_for(person).get(page_of(connection.model)))
    Connection.objects.update(budget_per_day=3)
    assert f'hx-get="{url}budgets/"' in page(client_for(person).get(page_of(connection.model)))
    assert "budgets" not in page(client_for(cast.vic).get(page_of(connection.model)))
    card = read(client_for(person).get(f"{url}budgets/"))
    meter = card.one("progress")
    assert (meter["max"], meter["value"], meter["aria-label"]) == ("3.00", "0", "Budget per day of Production, 0 percent spent")
