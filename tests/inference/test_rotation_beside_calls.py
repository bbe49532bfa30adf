"""The issue: keys rotate while calls run."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import ConnectionSecret
from apps.core.secrets import sealed_under
from tests.conftest import ClientFor
from tests.inference.conftest import KEY, allow, connect, triage_definition
from tests.support.cast import Cast
from tests.support.provider import RunningProvider
from tests.support.sheet import Sheet

CALLS = 20


@pytest.mark.django_db(transaction=True)
def test_calls_go_on_while_keys_rotate(transactional_cast: Cast, client_for: ClientFor, provider: RunningProvider) -> None:
    """Connection tests with the stored key, and tests of the edit page with a key typed for an earlier test: none fails."""
    allow(provider)
    connection = connect(transactional_cast.harbor, transactional_cast.adam, triage_definition(provider.url))
    before = sealed_under(ConnectionSecret.objects.get().value)
    browser = client_for(transactional_cast.adam)
    page = Sheet(browser).open(connection.model_id).fill(h_1_value=KEY).test(prompt="Hail")
    stored = reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk]), {}
    typed = reverse("onboarding:test", args=["harbor"]), {**page.fields, "s-prompt": "Hail", "h-1-value": ""}
    start = threading.Barrier(CALLS + 1)

    def post(number: int) -> int:
        client = Client(headers={"HX-Request": "true"})
        client.cookies = browser.cookies
        start.wait(60)
        try:
            return client.post(*(stored if number % 2 else typed)).status_code
        finally:
            connections.close_all()

    def rotate() -> None:
        start.wait(60)
        try:
            call_command("rotate_secrets", "--reencrypt")
            call_command("rotate_secrets", "--reencrypt")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CALLS + 1) as pool:
        rotation = pool.submit(rotate)
        statuses = list(pool.map(post, range(CALLS)))
        rotation.result(120)

    assert statuses == [200] * CALLS
    assert [record.request.header("x-harbor-key") for record in provider.recorded] == [KEY] * (CALLS + 1)
    outcomes = AuditEvent.objects.filter(event__endswith=".tested").values_list("outcome", flat=True)
    assert list(outcomes) == ["success"] * (CALLS + 1)
    assert sealed_under(ConnectionSecret.objects.get().value) != before
