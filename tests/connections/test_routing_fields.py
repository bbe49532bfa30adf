"""Spec 04: a connection's priority, weight and limits are set on its page, and what changed is audited."""

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.connections.routing import Routing
from tests.conftest import ClientFor
from tests.connections.test_connections import add, edit, page_of, problem
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


def test_they_are_set_with_the_connection_and_changed_later(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.alice)
    assert add(bob, model, priority="2", weight="3", requests_per_minute="60", tokens_per_minute="", calls_at_once="8").status_code == 302
    connection = Connection.objects.get()
    assert Routing.of(connection) == Routing(2, 3, 60, None, 8)
    assert "Priority 2, weight 3" in bob.get(page_of(model)).content.decode()
    version = connection.version
    assert edit(bob, connection, priority="1", requests_per_minute="").status_code == 302
    connection.refresh_from_db()
    assert (Routing.of(connection), connection.version) == (Routing(1, 3, None, None, 8), version + 1)
    event = AuditEvent.objects.latest("sequence")
    assert (event.event, set(event.changes)) == ("connection.updated", {"priority", "requests per minute"})
    assert event.changes["priority"] == {"before": 2, "after": 1}


def test_a_form_that_says_nothing_of_it_changes_nothing(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.alice)
    connection = make_connection(model, cast.alice)
    Connection.objects.update(priority=5)
    edit(bob, connection, priority="5")
    connection.refresh_from_db()
    assert connection.priority == 5
    assert "Priority" not in bob.get(page_of(make_model(cast.harbor, cast.alice, "Other"))).content.decode()


@pytest.mark.parametrize(("field", "value"), [("priority", "0"), ("weight", "101"), ("calls_at_once", "0"), ("requests_per_minute", "x")])
def test_what_makes_no_sense_is_refused_beside_its_field(field: str, value: str, cast: Cast, bob: Client) -> None:
    refused = add(bob, make_model(cast.harbor, cast.alice), **{field: value})
    assert refused.status_code == 422
    assert problem(refused, field)
    assert not Connection.objects.exists()
