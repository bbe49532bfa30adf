"""Connections of a model (spec 03): adding, editing, switching and deleting them, by their pages."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionSecret
from apps.core.secrets import Secret
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import KEY, definition, make_connection, make_model
from tests.support.page import Element, read

HTMX = {"HX-Request": "true"}
REGIONAL = definition(
    "https://{region}.example.com:8443/v1/{deployment}", secret=["X-Api-Key", "X-Client-Key"], plain=[("X-Line", "motor")]
)
OTHER_KEY = "sk-live-4711-OTHR"


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.alice)


def page_of(model: ExternalModel) -> str:
    return reverse("connections:connection_list", args=["harbor", model.pk])


def adding(model: ExternalModel) -> str:
    return reverse("connections:add_connection", args=["harbor", model.pk])


def to(action: str, connection: Connection, slug: str = "harbor") -> str:
    return reverse(f"connections:{action}_connection", args=[slug, connection.model_id, connection.pk])


def add(client: Client, model: ExternalModel, name: str = "Production", key: str = KEY, **more: str) -> Any:
    return client.post(adding(model), {"name": name, "secret-x-api-key": key, **more})


def edit(client: Client, connection: Connection, **fields: str) -> Any:
    """Change these fields of the edit page as it stands."""
    form = read(client.get(to("edit", connection))).one("form", action=to("edit", connection))
    standing = {field["name"]: field.attrs.get("value", "") for field in form.all("input")}
    return client.post(to("edit", connection), standing | fields)


def problem(response: Any, field: str) -> str:
    """What stands at a field of the refused form."""
    assert response.status_code == 422, response.status_code
    control = read(response).one("input", name=field)
    return read(response).one(id_=control["aria-describedby"].split()[0]).text if "aria-describedby" in control.attrs else ""


def stored(connection: Connection) -> dict[str, Secret]:
    return Connection.objects.get(pk=connection.pk).stored_secrets()


def latest(event: str) -> Any:
    return AuditEvent.objects.filter(event=event).order_by("-sequence")[0]


def row_of(client: Client, model: ExternalModel, name: str) -> Element:
    (row,) = [row for row in read(client.get(page_of(model))).rows if next(row.all("b")).text == name]
    return row


# Add


def test_the_form_asks_for_what_the_definition_leaves_open(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.alice, like=REGIONAL)
    form = read(bob.get(adding(model))).one("form", action=adding(model))
    labels = {form.one(id_=label["for"])["name"]: label.text for label in form.all("label")}
    assert labels == {
        "name": "Connection name",
        "secret-x-api-key": "X-Api-Key",
        "secret-x-client-key": "X-Client-Key",
        "p-region": "region in the URL",
        "p-deployment": "deployment in the URL",
        "priority": "Priority optional",
        "weight": "Weight optional",
        "requests_per_minute": "Requests per minute optional",
        "tokens_per_minute": "Tokens per minute optional",
        "calls_at_once": "Calls at once optional",
    }
    assert {field["name"] for field in form.all("input", type_="password")} == {"secret-x-api-key", "secret-x-client-key"}


def test_add(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.alice, like=REGIONAL)
    more = {"secret-x-client-key": "client-key-of-harbor", "p-region": "eu", "p-deployment": "triage 7"}
    response = add(bob, model, " Production   EU ", f" {KEY}\t", **more)
    assert response["Location"] == page_of(model)
    connection = Connection.objects.get()
    assert (connection.name, connection.created_by, connection.workspace) == ("Production EU", cast.bob, cast.harbor)
    assert connection.parameters == {"region": "eu", "deployment": "triage 7"}
    assert stored(connection) == {"x-api-key": Secret(KEY), "x-client-key": Secret("client-key-of-harbor")}
    assert connection.public_id == f"cn-{connection.pk}"
    name, key, by, _on, _switch, _menu = row_of(bob, model, "Production EU").cells
    assert (name, key, by) == ("Production EU Never used", "sk-…MQAA", "Bob Member")
    event = latest("connection.added")
    assert (event.target_name, event.actor_name) == ("Production EU", "Bob Member")
    assert event.changes == {
        "model": {"after": "Claims triage"},
        "secret X-Api-Key": {"after": "changed"},
        "secret X-Client-Key": {"after": "changed"},
    }


def test_a_model_without_secrets_takes_connections_too(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.alice, like=definition(secret=[]))
    assert bob.post(adding(model), {"name": "One"}).status_code == 302
    assert bob.post(adding(model), {"name": "Two"}).status_code == 302  # no key, so no key twice
    assert row_of(bob, model, "One").cells[1] == "None"
    assert Connection.objects.first().state == "on"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Enter a name"),
        ("name", "   ", "Enter a name"),
        ("name", "x" * 121, "at most 120"),
        ("name", "a@b", "Leave out @"),
        ("name", "a\u202eb", "invisible"),
        ("name", "\ufdfa" * 100, "too long"),
        ("secret-x-api-key", "", "Enter the value"),
        ("secret-x-api-key", "  ", "Enter the value"),
        ("secret-x-api-key", "sk-…MQAA", "This is a mask"),
        ("secret-x-api-key", "••••••••", "This is a mask"),
        ("secret-x-api-key", "sk-************MQAA", "This is a mask"),
        ("secret-x-api-key", "sk\r\nX-Evil: 1", "printable ASCII"),
        ("secret-x-api-key", "schlüssel-größe", "printable ASCII"),
        ("secret-x-api-key", "k" * 8193, "8,192"),
        ("p-region", "", "required"),
        ("p-region", "evil.example", "cannot be a part of a host name"),
        ("p-region", "evil/x", "cannot be a part of a host name"),
        ("p-region", "user@evil", "cannot be a part of a host name"),
        ("p-deployment", "..", "cannot make a path step"),
        ("p-deployment", "x" * 501, "at most 500"),
    ],
)
def test_add_refuses(field: str, value: str, said: str, cast: Cast, bob: Client) -> None:
    """Spec 03, 07 A6, B9, C2. What was typed stays, but for secrets."""
    model = make_model(cast.harbor, cast.alice, like=REGIONAL)
    typed = {
        "name": "Production",
        "secret-x-api-key": KEY,
        "secret-x-client-key": "client-key-of-harbor",
        "p-region": "eu",
        "p-deployment": "d",
    }
    response = bob.post(adding(model), typed | {field: value})
    assert said in problem(response, field)
    form = read(response)
    assert form.one("input", name="secret-x-client-key").attrs.get("value", "") == ""
    if field != "name":
        assert form.one("input", name="name")["value"] == "Production"
    assert KEY not in response.content.decode()
    assert not Connection.objects.exists()


@pytest.mark.parametrize("again", ["Production", "PRODUCTION", " pro\u00adduction".replace("\u00ad", ""), "\uff30roduction"])
def test_a_name_is_unique_in_the_workspace(again: str, model: ExternalModel, cast: Cast, bob: Client) -> None:
    """Spec 03: without case, across models."""
    make_connection(make_model(cast.harbor, cast.alice, "Other model"), cast.alice, key=OTHER_KEY)
    response = add(bob, model, again)
    assert "This workspace already has a connection named" in problem(response, "name")
    assert not model.connections.exists()


def test_names_of_other_workspaces_do_not_count(model: ExternalModel, cast: Cast, bob: Client) -> None:
    make_connection(make_model(cast.other, cast.charlie), cast.charlie)
    assert add(bob, model).status_code == 302


def test_a_key_is_unique_for_its_model(model: ExternalModel, cast: Cast, bob: Client) -> None:
    """Spec 03 and A7: refused with the name of the connection that has it. Another model may have the same key."""
    make_connection(model, cast.alice, "Night shift")
    for key in (KEY, f"  {KEY} "):
        response = add(bob, model, "Day shift", key)
        assert "The connection “Night shift” of this model already uses this key" in problem(response, "secret-x-api-key")
        assert KEY not in response.content.decode()
    assert add(bob, make_model(cast.harbor, cast.alice, "Other model"), "Day shift").status_code == 302


def test_the_key_is_the_header_that_names_a_credential(cast: Cast, bob: Client) -> None:
    """Two connections may well share a tenant header; the one that counts is the key. The message stands at its field."""
    model = make_model(cast.harbor, cast.alice, like=definition(secret=["X-Tenant", "X-Api-Key"]))
    make_connection(model, cast.alice, "First", secrets={"X-Tenant": "harbor", "X-Api-Key": KEY})
    refused = bob.post(adding(model), {"name": "Second", "secret-x-tenant": "elsewhere", "secret-x-api-key": KEY})
    assert "“First” of this model already uses this key" in problem(refused, "secret-x-api-key")
    assert bob.post(adding(model), {"name": "Second", "secret-x-tenant": "harbor", "secret-x-api-key": OTHER_KEY}).status_code == 302


def test_htmx_gets_the_dialog_and_a_redirect(model: ExternalModel, bob: Client) -> None:
    dialog = bob.get(adding(model), headers=HTMX)
    assert b"<html" not in dialog.content
    assert read(dialog).one("dialog").has_control("Add connection")
    refused = bob.post(adding(model), {"name": "", "secret-x-api-key": KEY}, headers=HTMX)
    assert (refused.status_code, b"<html" in refused.content) == (422, False)
    done = bob.post(adding(model), {"name": "Production", "secret-x-api-key": KEY}, headers=HTMX)
    assert done["HX-Redirect"] == page_of(model)


# Edit


def test_empty_secrets_keep_what_is_stored(cast: Cast, bob: Client) -> None:
    """A6. Nothing of them is in the form."""
    model = make_model(cast.harbor, cast.alice, like=REGIONAL)
    connection = make_connection(
        model,
        cast.alice,
        secrets={"X-Api-Key": KEY, "X-Client-Key": "client-key-of-harbor"},
        parameters={"region": "eu", "deployment": "d"},
    )
    page = read(bob.get(to("edit", connection)))
    fields = {field["name"]: field.attrs.get("value") for field in page.one("form", action=to("edit", connection)).all("input")}
    assert {name: value for name, value in fields.items() if name.startswith(("secret", "p-"))} == {
        "secret-x-api-key": None,
        "secret-x-client-key": None,
        "p-region": "eu",
        "p-deployment": "d",
    }
    assert page.one("input", name="secret-x-api-key")["placeholder"] == "Set, leave empty to keep it"
    assert "name" not in fields  # not editable afterwards
    assert edit(bob, connection, **{"p-deployment": "e"}).status_code == 302
    assert stored(connection) == {"x-api-key": Secret(KEY), "x-client-key": Secret("client-key-of-harbor")}
    assert latest("connection.credentials_replaced").changes == {
        "parameters": {"before": {"region": "eu", "deployment": "d"}, "after": {"region": "eu", "deployment": "e"}}
    }


def test_a_new_key_replaces_the_old_one(model: ExternalModel, cast: Cast, bob: Client) -> None:
    connection = make_connection(model, cast.alice, state="failing")
    assert edit(bob, connection, **{"secret-x-api-key": OTHER_KEY}).status_code == 302
    assert stored(connection) == {"x-api-key": Secret(OTHER_KEY)}
    assert ConnectionSecret.objects.get().hint == "sk-…OTHR"
    assert row_of(bob, model, "Production").cells[0] == "Production Never used"  # no longer failing: this key was not tried yet
    assert latest("connection.credentials_replaced").changes == {"secret X-Api-Key": {"after": "changed"}}
    assert add(bob, model, "Old key", KEY).status_code == 302  # free again


def test_replacing_one_secret_keeps_the_key_known(cast: Cast, bob: Client) -> None:
    """A7: which key the connection has does not change with another of its secrets."""
    model = make_model(cast.harbor, cast.alice, like=definition(secret=["X-Api-Key", "X-Client-Key"]))
    connection = make_connection(model, cast.alice, secrets={"X-Api-Key": KEY, "X-Client-Key": "client-key-of-harbor"})
    assert edit(bob, connection, **{"secret-x-client-key": "client-key-of-another"}).status_code == 302
    response = add(bob, model, "Twin", KEY, **{"secret-x-client-key": "client-key-of-third"})
    assert "“Production” of this model already uses this key" in problem(response, "secret-x-api-key")
    assert add(bob, model, "Sibling", OTHER_KEY, **{"secret-x-client-key": "client-key-of-another"}).status_code == 302


def test_somebody_elses_key_is_refused_on_edit_too(model: ExternalModel, cast: Cast, bob: Client) -> None:
    make_connection(model, cast.alice, "Night shift")
    connection = make_connection(model, cast.alice, "Day shift", key=OTHER_KEY)
    response = edit(bob, connection, **{"secret-x-api-key": KEY})
    assert "“Night shift” of this model already uses this key" in problem(response, "secret-x-api-key")
    assert stored(connection) == {"x-api-key": Secret(OTHER_KEY)}
    assert edit(bob, connection, **{"secret-x-api-key": OTHER_KEY}).status_code == 302  # its own


@pytest.mark.parametrize("mask", ["sk-…MQAA", "••••••••", "********", "sk***************MQAA", " sk-…MQAA "])
def test_a_mask_is_no_value(mask: str, model: ExternalModel, cast: Cast, bob: Client) -> None:
    """A6: no masked value is ever accepted."""
    connection = make_connection(model, cast.alice)
    assert "This is a mask" in problem(edit(bob, connection, **{"secret-x-api-key": mask}), "secret-x-api-key")
    assert stored(connection) == {"x-api-key": Secret(KEY)}


def test_two_people_editing(model: ExternalModel, cast: Cast, bob: Client, client_for: ClientFor) -> None:
    """The second one is told of it; the first one's work stays."""
    connection = make_connection(model, cast.alice)
    adam = client_for(cast.adam)
    version = read(bob.get(to("edit", connection))).one("input", name="version")["value"]
    assert edit(adam, connection, **{"secret-x-api-key": OTHER_KEY}).status_code == 302
    response = bob.post(to("edit", connection), {"version": version, "secret-x-api-key": "sk-live-4711-BOBS"})
    assert response.status_code == 422
    assert "Somebody changed this connection while you were editing it" in read(response).one("dialog").text
    assert stored(connection) == {"x-api-key": Secret(OTHER_KEY)}
    assert AuditEvent.objects.filter(event="connection.credentials_replaced").count() == 1


@pytest.mark.parametrize("version", ["", "x", "-1", "0", "99", "9" * 30, "\uff11", "1.0"])
def test_a_version_that_is_not_current_is_a_conflict(version: str, model: ExternalModel, cast: Cast, bob: Client) -> None:
    connection = make_connection(model, cast.alice)
    Connection.objects.filter(pk=connection.pk).update(version=7)
    assert bob.post(to("edit", connection), {"version": version, "secret-x-api-key": OTHER_KEY}).status_code == 422
    assert stored(connection) == {"x-api-key": Secret(KEY)}


def test_a_switch_between_does_not_break_an_edit(model: ExternalModel, cast: Cast, bob: Client) -> None:
    connection = make_connection(model, cast.alice)
    version = read(bob.get(to("edit", connection))).one("input", name="version")["value"]
    bob.post(to("switch", connection), {"on": "0"})
    assert bob.post(to("edit", connection), {"version": version, "secret-x-api-key": OTHER_KEY}).status_code == 302


def test_a_header_put_before_the_key_meanwhile_does_not_get_it(model: ExternalModel, cast: Cast, bob: Client) -> None:
    """The field names its header; by number, the key would go out under another name."""
    typed = {field["name"]: KEY for field in read(bob.get(adding(model))).all("input", type_="password")}
    model.definition = definition(secret=["X-Client-Key", "X-Api-Key"])
    model.save()
    assert "Enter the value" in problem(bob.post(adding(model), {"name": "Production", **typed}), "secret-x-client-key")
    assert not Connection.objects.exists()


# Switch


def test_switching(model: ExternalModel, cast: Cast, bob: Client) -> None:
    connection = make_connection(model, cast.alice)
    response = bob.post(to("switch", connection), {"on": "0"}, follow=True)
    assert response.redirect_chain == [(page_of(model), 302)]
    toast = next(element for element in read(response).all("div") if "data-toast" in element.attrs)
    assert "Production is off" in toast.text
    assert row_of(bob, model, "Production").one("button", role="switch")["aria-checked"] == "false"
    undo = toast.one("form")["action"]
    assert bob.post(undo).status_code == 302
    assert row_of(bob, model, "Production").one("button", role="switch")["aria-checked"] == "true"
    changes = [
        event.changes["inferencing"] for event in AuditEvent.objects.filter(event="connection.inferencing_switched").order_by("sequence")
    ]
    assert changes == [{"before": True, "after": False}, {"before": False, "after": True}]


def test_a_double_click_is_one_change(model: ExternalModel, cast: Cast, bob: Client) -> None:
    connection = make_connection(model, cast.alice)
    for _ in range(2):
        row = read(bob.post(to("switch", connection), {"on": "0"}, headers=HTMX)).one("tr", id_=f"connection-{connection.pk}")
        assert row.one("button", role="switch")["aria-checked"] == "false"
    assert AuditEvent.objects.filter(event="connection.inferencing_switched").count() == 1


# Delete


def test_delete(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    connection = make_connection(model, cast.alice)
    make_connection(model, cast.alice, "Spare", key=OTHER_KEY)
    adam = client_for(cast.adam)
    asked = read(adam.get(to("delete", connection))).one("dialog")
    assert "Delete Production?" in asked.text
    assert "It is the last connection" not in asked.text
    response = adam.post(to("delete", connection), follow=True)
    assert "Production was deleted" in read(response).text
    assert [row.cells[0] for row in read(response).rows] == ["Spare Never used"]
    assert ConnectionSecret.objects.count() == 1
    event = latest("connection.deleted")
    assert (event.target_name, event.target_id, event.actor_name) == ("Production", str(connection.pk), "Adam Admin")
    assert adam.post(to("delete", connection)).status_code == 404


def test_the_last_one_can_be_deleted(model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    """Spec 03: the model then shows *No connections*."""
    connection = make_connection(model, cast.alice)
    adam = client_for(cast.adam)
    assert "It is the last connection of Claims triage" in read(adam.get(to("delete", connection))).one("dialog").text
    page = read(adam.post(to("delete", connection), follow=True))
    assert "No connections" in page.one("section", id_="connections").text
    model.refresh_from_db()
    assert (model.status, model.inferencing_enabled) == ("active", True)
    listed = read(adam.get(reverse("external_models:model_list", args=["harbor"]))).rows[0]
    assert listed.cells[3] == "None yet"


# Rights and borders


@pytest.mark.parametrize(
    ("person", "action", "status"), [("bob", "delete", 403), ("rita", "edit", 403), ("vic", "switch", 403), ("vic", "edit", 403)]
)
def test_who_may_not(person: str, action: str, status: int, model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    connection = make_connection(model, cast.alice)
    client = client_for(getattr(cast, person))
    assert client.post(to(action, connection), {"on": "0", "secret-x-api-key": OTHER_KEY, "version": "1"}).status_code == status
    fresh = Connection.objects.get()
    assert fresh.inferencing_enabled
    assert stored(fresh) == {"x-api-key": Secret(KEY)}


@pytest.mark.parametrize("action", ["edit", "switch", "delete"])
def test_a_connection_is_found_through_its_model_only(action: str, model: ExternalModel, cast: Cast, client_for: ClientFor) -> None:
    """D2: another workspace, another model of the same workspace, and nothing at all are the same 404."""
    connection = make_connection(model, cast.alice)
    sibling = make_model(cast.harbor, cast.alice, "Sibling")
    foreign = make_model(cast.other, cast.charlie)
    name = f"connections:{action}_connection"
    adam, charlie = client_for(cast.adam), client_for(cast.charlie)
    tries = [
        (adam, ["harbor", sibling.pk, connection.pk]),
        (adam, ["harbor", model.pk, uuid4()]),
        (adam, ["harbor", uuid4(), connection.pk]),
        (charlie, ["harbor", model.pk, connection.pk]),
        (charlie, ["other", model.pk, connection.pk]),
        (charlie, ["other", foreign.pk, connection.pk]),
    ]
    for client, args in tries:
        assert client.post(reverse(name, args=args), {"on": "0", "version": "1", "secret-x-api-key": "x"}).status_code == 404
    assert Connection.objects.get().inferencing_enabled


def test_an_unfinished_definition_takes_a_connection(cast: Cast, bob: Client) -> None:
    """A draft keeps whatever there is; a page about it must not break."""
    for number, url in enumerate(["", "https://", "https://{", "https://{a}{", "nonsense", "https://[::1"]):
        model = make_model(cast.harbor, cast.alice, f"Draft {number}", state="draft", like=Definition(url=url))
        assert bob.get(page_of(model)).status_code == 200
        assert bob.post(adding(model), {"name": f"C {number}"}).status_code == 302
