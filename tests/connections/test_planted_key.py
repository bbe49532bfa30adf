"""Keys planted in every way a connection can get one, looked for wherever anything is kept or shown (spec 03 *Secrets*, 07 A5, A6, A9)."""

import base64
import html
import io
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.contrib.sessions.models import Session
from django.core import serializers
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.forms import CredentialsForm
from apps.connections.models import Connection, ConnectionSecret
from apps.core.secrets import Secret
from apps.external_models.models import ExternalModel
from apps.inference.models import TypedSecret
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback
from tests.support.cast import Cast
from tests.support.models import definition, make_model
from tests.support.page import read
from tests.support.provider import RunningProvider, provider, provider_server
from tests.support.sheet import Sheet

__all__ = ["provider", "provider_server"]

# Characters that each encoding writes differently, so that finding one form is not finding another by luck.
PLANTED = {
    "added": "sk-plant-added/+'<&>\"%-0001-QQQA",
    "a second header": "sk-plant-second/+'<&>\"%-0002-QQQB",
    "replaced": "sk-plant-replaced/+'<&>\"%-0003-QQQC",
    "twice": "sk-plant-added/+'<&>\"%-0001-QQQA",
    "in a refused form": "sk-plant-refused/+'<&>\"%-0004-QQQD",
    "not printable": "sk-plant-umläut/+'<&>\"%-0005-QQQE",
    "in a field too many": "sk-plant-stray/+'<&>\"%-0006-QQQF",
    "in the wizard": "sk-plant-wizard/+'<&>\"%-0007-QQQG",
    "in the wizard, refused": "sk-plant-wizard-no/+'<&>\"%-0008-QQQH",
}

type Seen = list[str]


def written(key: str) -> set[str]:
    """The key as pages, logs and databases would write it."""
    plain = key.encode()
    return {
        key,
        html.escape(key),
        quote(key, safe=""),
        quote(key),
        quote_plus(key),
        json.dumps(key)[1:-1],
        json.dumps(key, ensure_ascii=False)[1:-1],
        base64.b64encode(plain).decode().rstrip("="),
        base64.urlsafe_b64encode(plain).decode().rstrip("="),
        plain.hex(),
        repr(key)[1:-1],
    }


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + repr([vars(record) for record in caplog.records])


def plant(adam: Client, model: ExternalModel, provider: RunningProvider) -> Iterator[Any]:
    """Everything that people do with keys; gives each response."""
    add = reverse("connections:add_connection", args=["harbor", model.pk])
    first = {"name": "Production", "secret-x-api-key": PLANTED["added"], "secret-x-client-key": PLANTED["a second header"]}
    yield adam.post(add, first | {"extra": PLANTED["in a field too many"]}, follow=True)
    yield adam.post(add, first | {"name": "Twin"})
    yield adam.post(add, first | {"name": "", "secret-x-api-key": PLANTED["in a refused form"]}, headers={"HX-Request": "true"})
    yield adam.post(add, first | {"name": "Other", "secret-x-api-key": PLANTED["not printable"]})
    connection = Connection.objects.get()
    place = ["harbor", model.pk, connection.pk]
    for fields in (
        {"secret-x-api-key": PLANTED["replaced"], "version": "1"},
        {"secret-x-api-key": PLANTED["in a refused form"], "version": "1"},
    ):
        yield adam.post(reverse("connections:edit_connection", args=place), fields)
    yield adam.post(reverse("inference:test_connection", args=place), follow=True)
    yield adam.post(reverse("inference:test_connection", args=place), headers={"HX-Request": "true"})
    yield adam.post(reverse("connections:switch_connection", args=place), {"on": "0"})
    yield adam.post(reverse("external_models:copy_model", args=["harbor", model.pk]), follow=True)
    sheet = Sheet(adam).open().fill(name="By the wizard", url=f"{provider.url}/echo", body='{"ask": "{{prompt}}"}')
    sheet.fill(h_1_key="X-Api-Key", h_1_value=PLANTED["in the wizard, refused"]).save("confirm")
    sheet.fill(h_1_value=PLANTED["in the wizard"]).test(prompt="Hello").save("draft")
    yield sheet.seen


def pages(cast: Cast, client_for: ClientFor) -> Iterator[Any]:
    """Every page about models, for everybody who may see one, and the platform admin's."""
    for person in (cast.alice, cast.bob, cast.rita, cast.vic):
        client = client_for(person)
        yield client.get(reverse("external_models:model_list", args=["harbor"]))
        for model in ExternalModel.objects.all():
            for name in ("connections:connection_list", "connections:add_connection", "onboarding:custom_edit"):
                yield client.get(reverse(name, args=["harbor", model.pk]))
            for name in ("definition", "model_audit", "delete_model"):
                yield client.get(reverse(f"external_models:{name}", args=["harbor", model.pk]))
        for connection in Connection.objects.all():
            for name in ("edit_connection", "delete_connection"):
                yield client.get(reverse(f"connections:{name}", args=["harbor", connection.model_id, connection.pk]))
    staff = client_for(cast.pat)
    index = staff.get(reverse("admin:index"))
    yield index
    for link in read(index).all("a"):
        if link.attrs.get("href", "").startswith(reverse("admin:index")):
            yield staff.get(link["href"])


def texts(responses: Iterator[Any]) -> str:
    """Bodies, headers and cookies."""
    return "\n".join(
        each if isinstance(each, str) else each.content.decode() + repr(each.headers) + str(each.cookies) for each in responses
    )


def database_text() -> str:
    """Every column of every table. A search index can only be asked, not listed; what it holds is in tables of its own beside it."""
    parts = []
    with database.cursor() as cursor:
        for table in set(database.introspection.table_names(cursor)) - {"traces_search"}:
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")  # noqa: S608 - names come from the database itself
            parts += [value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(parts)


def dump() -> str:
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


def sessions() -> str:
    return repr([session.get_decoded() for session in Session.objects.all()])


def objects() -> str:
    """What a debugger, a stray print or a logged variable would show."""
    shown: list[object] = []
    for connection in Connection.objects.all():
        stored = connection.stored_secrets()
        shown += [connection, vars(connection), stored, list(stored.values()), connection.scope, connection.parameters_initial]
        form = CredentialsForm({"secret-x-api-key": PLANTED["added"]}, model=connection.model, connection=connection)
        form.is_valid()
        shown += [form, form.errors, form.secrets, form.as_p(), str(form)]
    shown += [vars(row) for row in (*ConnectionSecret.objects.all(), *TypedSecret.objects.all())]
    shown += [serializers.serialize("json", [*Connection.objects.all(), *ConnectionSecret.objects.all()])]
    shown += [Secret(PLANTED["added"]), [Secret(PLANTED["added"])], {"key": Secret(PLANTED["added"])}]
    return "\n".join(repr(each) for each in shown)


def audit_rows() -> str:
    return repr(list(AuditEvent.objects.values()))


@pytest.mark.django_db
def test_a_planted_key_is_nowhere(cast: Cast, client_for: ClientFor, provider: RunningProvider, log: Callable[[], str]) -> None:
    allow_loopback(provider.port)
    model = make_model(cast.harbor, cast.bob, like=definition(f"{provider.url}/echo", secret=["X-Api-Key", "X-Client-Key"]))
    answers = texts(plant(client_for(cast.adam), model, provider))
    sinks = {
        "answers to the forms": answers,
        "pages": texts(pages(cast, client_for)),
        "audit log": audit_rows(),
        "database": database_text(),
        "dumpdata": dump(),
        "sessions": sessions(),
        "objects": objects(),
        "log": log(),
    }
    # The story was told: keys were stored, used, refused and replaced, and the places where they might be are not empty.
    arrived = [record.request.header("x-api-key") for record in provider.recorded]
    assert arrived == [PLANTED["replaced"], PLANTED["replaced"], PLANTED["in the wizard"]]
    assert ConnectionSecret.objects.count() >= 2
    assert all(len(text) > 200 for text in sinks.values()), {name: len(text) for name, text in sinks.items()}
    found = {
        (secret, sink) for sink, text in sinks.items() for secret, key in PLANTED.items() if any(form in text for form in written(key))
    }
    assert found == set()


@pytest.mark.parametrize(
    "leak",
    [
        str,
        lambda secret: f"{secret}",
        lambda secret: "%s" % secret,  # noqa: UP031
        lambda secret: "".join([secret]),
        lambda secret: json.dumps({"key": secret}),
        pickle.dumps,
        lambda secret: format(secret, ">40"),
        hash,
        list,
        iter,
        bytes,
    ],
)
def test_a_secret_has_no_text_form(leak: Callable[[Any], object]) -> None:
    """A5."""
    with pytest.raises(TypeError):
        leak(Secret(PLANTED["added"]))
