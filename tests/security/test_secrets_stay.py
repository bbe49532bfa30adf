"""Spec 07 A8: a key goes to the host that its person saw, whatever order the pages are used in."""

import re

import pytest
from django.urls import reverse

from apps.connections.models import Connection, ConnectionSecret
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.conftest import allowed, provider, provider_server
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.provider import RunningProvider
from tests.support.sheet import Sheet

__all__ = ["allowed", "provider", "provider_server"]

KEY = "hk-typed-by-adam-5577-KEY"
BODY = '{"ask": "{{prompt}}"}'


def page(sheet: Sheet, url: str, *, key: str = "") -> Sheet:
    sheet.fill(name="Echo", url=url, body=BODY, output_path="body")
    return sheet.fill(h_1_key="X-Harbor-Key", h_1_value=key) if key else sheet


def credentials_form(cast: Cast, client_for: ClientFor, connection: Connection) -> tuple[str, dict[str, str]]:
    """The edit page of a connection as Alice opened it: where it posts, and its hidden fields."""
    url = reverse("connections:edit_connection", args=["harbor", connection.model_id, connection.pk])
    html = client_for(cast.alice).get(url).content.decode()
    return url, dict(re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" value="([^"]*)"', html))


@pytest.mark.django_db
def test_back_after_a_save_does_not_bind_a_key_to_the_first_host(cast: Cast, client_for: ClientFor) -> None:
    """A8: the page as it was before its first save, sent again with another host and a key for that one."""
    sheet = page(Sheet(client_for(cast.adam)).open(), "https://first.example.com/chat")
    before = dict(sheet.fields)
    sheet.save("draft")
    sheet.fields = before
    page(sheet, "https://second.example.com/chat", key=KEY).save("draft")
    assert sheet.status == 409
    assert not ConnectionSecret.objects.exists()
    sheet.fill(h_1_value=KEY).save("draft")
    assert ExternalModel.objects.get().definition.url == "https://second.example.com/chat"
    assert [secret.origin for secret in ConnectionSecret.objects.all()] == ["https://second.example.com:443"]


@pytest.mark.django_db
def test_the_same_page_twice_is_one_model(cast: Cast, client_for: ClientFor) -> None:
    """Issue 2, *a double click on Confirm*: the second one finds the first one's model and says so."""
    sheet = page(Sheet(client_for(cast.adam)).open(), "https://first.example.com/chat", key=KEY)
    typed = dict(sheet.fields)
    answers = []
    for _ in range(2):
        sheet.fields = dict(typed)
        answers.append(sheet.save("untested").status)
    assert answers == [302, 302]
    assert ConnectionSecret.objects.count() == ExternalModel.objects.count() == 1


def test_a_key_that_was_replaced_does_not_come_back_with_an_older_page(cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    """Spec 03, *empty secret fields keep what is stored*: also when the page remembers a test with the key before it."""
    adam = Sheet(client_for(cast.adam)).open()
    page(adam, f"{allowed.url}/echo", key=KEY).test(prompt="Hello").save("confirm")
    connection = Connection.objects.get()
    edit = Sheet(client_for(cast.adam)).open(connection.model_id)
    url, hidden = credentials_form(cast, client_for, connection)
    assert client_for(cast.alice).post(url, {**hidden, "secret-x-harbor-key": "rotated-by-alice-0001"}).status_code == 302
    assert edit.fill(name="Renamed").save("untested").status == 302
    allowed.forget()
    client_for(cast.adam).post(reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk]))
    assert [record.request.header("x-harbor-key") for record in allowed.recorded] == ["rotated-by-alice-0001"]


@pytest.mark.django_db
def test_a_key_typed_for_one_host_is_not_stored_for_another(cast: Cast, client_for: ClientFor) -> None:
    """A8, two tabs: the endpoint changes while somebody types a key into a connection's form."""
    model = make_model(cast.harbor, cast.adam)
    make_connection(model, cast.adam, "First", key="the-first-key-0001")
    connection = make_connection(model, cast.adam, "Second", key="the-second-key-0002")
    url, hidden = credentials_form(cast, client_for, connection)
    add = reverse("connections:add_connection", args=["harbor", model.pk])
    html = client_for(cast.alice).get(add).content.decode()
    add_hidden = dict(re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" value="([^"]*)"', html))
    moved = Sheet(client_for(cast.adam)).open(model.pk).fill(url="https://elsewhere.example.net/v1", h_0_value="a-key-for-elsewhere-1")
    assert moved.save("untested").status == 302
    stored = list(ConnectionSecret.objects.values())
    for address, fields in [(url, hidden), (add, {**add_hidden, "name": "Third"})]:
        answer = client_for(cast.alice).post(address, {**fields, "secret-x-api-key": KEY})
        assert answer.status_code == 422
        assert "https://elsewhere.example.net/v1" in answer.content.decode()
    assert list(ConnectionSecret.objects.values()) == stored
    _, fresh = credentials_form(cast, client_for, connection)
    assert client_for(cast.alice).post(url, {**fresh, "secret-x-api-key": KEY}).status_code == 302
