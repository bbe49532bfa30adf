"""Spec 03, *Test*: a real call through one connection, its status, latency and the provider's message."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.core.secrets import Secret, seal
from apps.external_models.definition import Paths
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun
from apps.providers.types import DataType, Variable
from tests.conftest import ClientFor
from tests.inference.conftest import KEY, allow, connect, triage_definition
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider


def url_of(connection: Connection) -> str:
    return reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk])


def run_test(client: Client, connection: Connection) -> str:
    """What the toast says, as htmx gets it with the row."""
    response = client.post(url_of(connection), headers={"HX-Request": "true"})
    assert response.status_code == 200
    html = response.content.decode()
    assert f'id="connection-{connection.pk}"' in html
    return html


def now(connection: Connection) -> Connection:
    return Connection.objects.select_related("model").get(pk=connection.pk)


def give_key(connection: Connection, key: str) -> None:
    for row in connection.secrets.all():
        row.value = seal(Secret(key), row.place(connection))
        row.save()


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def test_one_that_works(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    html = run_test(adam, connected)
    assert "production works" in html
    assert "HTTP 200 in" in html
    assert "Say hello in one short sentence." in json.loads(provider.recorded[0].request.body)["task"]["ask"]
    assert provider.recorded[0].request.header("x-harbor-key") == KEY
    after = now(connected)
    assert (after.state, after.last_error, after.last_used_at is not None) == ("on", "", True)
    event = AuditEvent.objects.get(event="connection.tested")
    assert (event.outcome, event.actor_name, event.target_name) == ("success", "Adam Admin", "production")
    assert KEY not in html + json.dumps(event.changes)


def test_without_scripts_it_leads_back_to_the_list(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    response: Any = adam.post(url_of(connected))
    assert (response.status_code, response["Location"]) == (302, f"/w/harbor/models/{connected.model_id}/")
    assert "production works" in str(next(iter(get_messages(response.wsgi_request))))
    assert "production works" in adam.get(response["Location"]).content.decode()


def test_a_refused_key_marks_the_connection_until_it_works_again(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    give_key(connected, "hk-not-the-key-0000")
    html = run_test(adam, connected)
    assert "production does not work" in html
    assert "key not known" in html
    assert (now(connected).state, now(connected).last_error) == ("failing", "upstream_auth")
    assert AuditEvent.objects.get(event="connection.tested").outcome == "failed"
    give_key(connected, KEY)
    run_test(adam, connected)
    assert now(connected).state == "on"


def test_one_that_needs_its_key_sends_nothing(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    """A4: a secret that does not open never turns into something else that is sent."""
    connected.secrets.update(value="pb1.lost.AAAA.AAAA")
    html = run_test(adam, connected)
    assert "There is no value for the secret header X-Harbor-Key" in html
    assert "Needs its key again" in html
    assert now(connected).state == "needs_key"
    assert not provider.recorded


def test_a_secret_of_another_host_is_not_sent(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    """A8, also when rows were changed behind the product's back."""
    connected.secrets.update(origin="https://models.example.com:443")
    assert "There is no value for the secret header" in run_test(adam, connected)
    assert not provider.recorded


def test_an_address_that_is_no_longer_allowed(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    """B4: checked at every use, and audited as a refusal."""
    connection = connect(cast.harbor, cast.adam, triage_definition(provider.url))
    assert "not allowed" in run_test(adam, connection)
    assert not provider.recorded
    assert AuditEvent.objects.get(event="connection.tested").outcome == "refused"
    assert now(connection).last_error == "url_not_allowed"


def test_the_sample_input_of_the_last_test_is_used(adam: Client, cast: Cast, connected: Connection, provider: RunningProvider) -> None:
    run = {"workspace": cast.harbor, "model": connected.model, "digest": "d", "passed": True}
    TestRun.objects.create(**run, created_by=cast.adam, sample={"prompt": "Hail on the A4"})
    TestRun.objects.create(**run, created_by=cast.alice, sample={"prompt": "Alice's own words"})
    run_test(adam, connected)
    assert json.loads(provider.recorded[0].request.body)["task"]["ask"] == "Hail on the A4"


@pytest.mark.parametrize(
    ("sample", "words"), [({}, "count"), ({"prompt": "Hail", "count": "many"}, "count")], ids=["missing", "of another type"]
)
def test_a_sample_that_does_not_fit_is_said_and_does_not_blame_the_connection(
    adam: Client, cast: Cast, provider: RunningProvider, sample: dict[str, str], words: str
) -> None:
    """missing_variable, bad_value: nothing was sent, so nothing is known of the connection."""
    allow(provider)
    variables = (Variable("count", "Count", DataType.NUMBER, None, True),)
    definition = triage_definition(provider.url, variables=variables, body='{"task": {"ask": "{{prompt}}", "line": {{count}}}}')
    connection = connect(cast.harbor, cast.adam, definition)
    if sample:
        TestRun.objects.create(workspace=cast.harbor, model=connection.model, created_by=cast.adam, digest="d", passed=True, sample=sample)
    html = run_test(adam, connection)
    assert "does not work" in html
    assert words in html
    assert not provider.recorded
    assert (now(connection).last_error, now(connection).last_used_at) == ("", None)
    assert AuditEvent.objects.get(event="connection.tested").outcome == "failed"


@pytest.mark.parametrize(
    "changes",
    [
        {"paths": {"output": "choices.0.x"}},
        {"paths": {"output": "a", "input_tokens": "length(@)"}},
        {"body": '{"ask": '},
        {"url": "not a url"},
        {"url": "http://{host}/x"},
        {"headers": [{"name": "bad name", "value": "värde"}]},
        {"method": "G E T"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_half_done_draft_is_told_what_is_wrong(adam: Client, cast: Cast, provider: RunningProvider, changes: dict[str, Any]) -> None:
    """A draft keeps whatever there is; testing its connection says so instead of failing."""
    allow(provider)
    connection = connect(cast.harbor, cast.adam, triage_definition(provider.url), draft=True)
    model = ExternalModel.objects.get()
    model.definition_json = {**model.definition_json, **changes}
    model.save()
    assert "does not work" in run_test(adam, connection)
    assert not provider.recorded


def test_an_output_path_that_finds_nothing(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    allow(provider)
    connection = connect(cast.harbor, cast.adam, triage_definition(provider.url, paths=Paths("choices[0].text")))
    html = run_test(adam, connection)
    assert "outcome, meter, echo, ref" in html
    assert now(connection).last_error == "output_path_no_match"


def test_a_key_in_the_providers_message_is_masked(adam: Client, cast: Cast, provider: RunningProvider) -> None:
    """A9."""
    allow(provider)
    connection = connect(cast.harbor, cast.adam, triage_definition(f"{provider.url}/fault/leak"), key="hk-planted-in-the-error-77")
    html = run_test(adam, connection)
    assert "does not work" in html
    assert "hk-planted-in-the-error-77" not in html


def test_one_that_is_switched_off_can_be_tested(adam: Client, connected: Connection, provider: RunningProvider) -> None:
    Connection.objects.update(inferencing_enabled=False)
    assert "production works" in run_test(adam, connected)
    assert now(connected).state == "off"


def test_each_connection_sends_its_own_key(adam: Client, cast: Cast, connected: Connection, provider: RunningProvider) -> None:
    second = DEMO_KEYS["triage"].second
    adam.post(f"/w/harbor/models/{connected.model_id}/connections/add/", {"name": "night desk", "secret-x-harbor-key": second})
    for name in ["production", "night desk"]:
        run_test(adam, Connection.objects.get(name=name))
    assert [record.request.header("x-harbor-key") for record in provider.recorded] == [KEY, second]


@pytest.mark.parametrize("answer", ["nul", "html", "deep", "badutf8"])
def test_odd_answers_do_not_break_the_page(adam: Client, cast: Cast, provider: RunningProvider, answer: str) -> None:
    allow(provider)
    connection = connect(cast.harbor, cast.adam, triage_definition(f"{provider.url}/fault/{answer}", paths=Paths("text")))
    run_test(adam, connection)
