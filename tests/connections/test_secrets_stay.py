"""Where a connection's secrets may go, and when they must be entered again (spec 03 *Secrets*, spec 07 A2 to A9)."""

import base64
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.connections.actions import drop_secrets_of_other_hosts
from apps.connections.models import Connection, ConnectionSecret
from apps.connections.origin import origin_of
from apps.core.secrets import Secret, SecretUnreadable, hint
from apps.external_models.actions import update_model
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import KEY, actor, author, definition, make_connection, make_model
from tests.support.page import read

REPLACED = "connection.credentials_replaced"


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


def fresh(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def save_edit(client: Client, connection: Connection, **fields: str) -> Any:
    url = reverse("connections:edit_connection", args=["harbor", connection.model_id, connection.pk])
    form = read(client.get(url)).one("form", action=url)
    return client.post(url, {field["name"]: field.attrs.get("value", "") for field in form.all("input")} | fields)


def move(model: ExternalModel, url: str, by: Any) -> list[Connection]:
    """What saving the definition with another URL does."""
    moved = update_model(
        model, name=model.name, definition=definition(url), by=author(by), expected_version=model.version, tested_digest="x"
    )
    return drop_secrets_of_other_hosts(moved, actor=actor(by))


# A8: a stored secret never goes to a new host


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v2?x=1", True),  # path and query
        ("https://api.example.com/v1", "https://API.EXAMPLE.COM:443/v1", True),  # the same, written differently
        ("http://api.example.com/", "http://api.example.com:80/", True),
        ("https://api.example.com/v1", "http://api.example.com/v1", False),  # scheme
        ("https://api.example.com/v1", "https://evil.example.com/v1", False),  # host
        ("https://api.example.com/v1", "https://api.example.com:8443/v1", False),  # port
        ("https://api.example.com/v1", "https://api.example.com.evil.net/v1", False),
        ("https://api.example.com/v1", "https://api.example.com@evil.net/v1", False),
        ("https://api.example.com/v1", "https://{region}.example.com/v1", False),  # open now
        ("https://api.example.com/v1", "", False),
    ],
)
def test_another_endpoint(before: str, after: str, kept: bool, cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.bob, like=definition(before))
    connections = [make_connection(model, cast.bob, f"C{number}", key=f"sk-live-4711-{number:04}") for number in range(2)]
    losers = move(model, after, cast.bob)
    assert len(losers) == (0 if kept else 2)
    assert ConnectionSecret.objects.count() == (2 if kept else 0)
    assert {fresh(connection).state for connection in connections} == {"on" if kept else "needs_key"}
    events = [event.changes for event in AuditEvent.objects.filter(event=REPLACED)]
    assert events == [] if kept else [{"secret x-api-key": {"after": "cleared: the host changed"}}] * 2


def test_a_cleared_key_can_be_entered_again(cast: Cast, bob: Client) -> None:
    """Also for another connection: the first one does not hold it any more."""
    model = make_model(cast.harbor, cast.bob)
    connection = make_connection(model, cast.bob)
    move(model, "https://other.example.com/v1", cast.bob)
    add = reverse("connections:add_connection", args=["harbor", model.pk])
    assert bob.post(add, {"name": "Second", "secret-x-api-key": KEY}).status_code == 302
    assert save_edit(bob, connection, **{"secret-x-api-key": "sk-live-4711-ELSE"}).status_code == 302
    assert {each.state for each in Connection.objects.all()} == {"on"}


def test_going_back_does_not_bring_it_back(cast: Cast) -> None:
    model = make_model(cast.harbor, cast.bob)
    connection = make_connection(model, cast.bob)
    move(model, "https://other.example.com/v1", cast.bob)
    model.refresh_from_db()
    move(model, "https://api.example.com/v1", cast.bob)
    assert fresh(connection).state == "needs_key"


def test_a_definition_changed_behind_the_actions_back_is_no_way_either(cast: Cast) -> None:
    """Each secret knows its origin: without any clearing, it is not given out for another host."""
    model = make_model(cast.harbor, cast.bob)
    connection = make_connection(model, cast.bob)
    model.definition = definition("https://evil.example.com/v1")
    model.save()
    assert fresh(connection).stored_secrets() == {}
    assert fresh(connection).state == "needs_key"


REGIONAL = "https://{region}.example.com/v1/{deployment}"


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"p-deployment": "other"}, True),
        ({"p-region": "EU"}, True),  # host names have no case
        ({"p-region": "us"}, False),
    ],
)
def test_another_parameter(change: dict[str, str], kept: bool, cast: Cast, bob: Client) -> None:
    """A8 by the connection's own parameters in the host. The page says what was lost."""
    model = make_model(cast.harbor, cast.bob, like=definition(REGIONAL))
    connection = make_connection(model, cast.bob, parameters={"region": "eu", "deployment": "d"})
    sibling = make_connection(model, cast.bob, "Sibling", key="sk-live-4711-SIBL", parameters={"region": "eu", "deployment": "d"})
    save_edit(bob, connection, **change)
    assert fresh(connection).state == ("on" if kept else "needs_key")
    assert fresh(sibling).state == "on"
    said = bob.get(reverse("connections:connection_list", args=["harbor", model.pk])).content.decode()
    assert ("Its key was removed, because the host changed" in said) is not kept
    cleared = AuditEvent.objects.get(event=REPLACED).changes.get("secret x-api-key")
    assert cleared == (None if kept else {"after": "cleared: the host changed"})


def test_a_key_in_the_same_request_is_kept(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.bob, like=definition(REGIONAL))
    connection = make_connection(model, cast.bob, parameters={"region": "eu", "deployment": "d"})
    save_edit(bob, connection, **{"p-region": "us", "secret-x-api-key": "sk-live-4711-USUS"})
    assert fresh(connection).stored_secrets() == {"x-api-key": Secret("sk-live-4711-USUS")}
    changes = AuditEvent.objects.get(event=REPLACED).changes
    assert changes["secret X-Api-Key"] == {"after": "changed"}
    assert "cleared" not in str(changes)


def test_only_one_of_two_in_the_same_request(cast: Cast, bob: Client) -> None:
    """What was not entered again is gone, and its key may be used elsewhere."""
    model = make_model(cast.harbor, cast.bob, like=definition(REGIONAL, secret=["X-Api-Key", "X-Client-Key"]))
    given = {"X-Api-Key": KEY, "X-Client-Key": "client-key-of-harbor"}
    connection = make_connection(model, cast.bob, secrets=given, parameters={"region": "eu", "deployment": "d"})
    save_edit(bob, connection, **{"p-region": "us", "secret-x-client-key": "client-key-of-us"})
    assert fresh(connection).stored_secrets() == {"x-client-key": Secret("client-key-of-us")}
    assert fresh(connection).missing_secrets() == ["X-Api-Key"]
    assert fresh(connection).key_fingerprint == ""
    make_connection(model, cast.bob, "Second", secrets=given, parameters={"region": "us", "deployment": "d"})


@pytest.mark.parametrize(
    ("url", "parameters", "origin"),
    [
        ("https://api.example.com/x?y=1", {}, "https://api.example.com:443"),
        ("HTTPS://Api.Example.com", {}, "https://api.example.com:443"),
        ("http://127.0.0.1:8080/{path}", {}, "http://127.0.0.1:8080"),  # a missing path parameter does not matter
        ("https://[2001:db8::1]:8443/", {}, "https://2001:db8::1:8443"),
        ("https://{a}.example.com/", {"a": "eu"}, "https://eu.example.com:443"),
        ("https://{a}.example.com/", {"a": "eu.evil.net/"}, ""),
        ("https://{a}.example.com/", {}, ""),
        ("https://u:p@api.example.com/", {}, "https://api.example.com:443"),
        ("https://api.example.com:99999/", {}, ""),
        ("https://api.example.com:x/", {}, ""),
        ("api.example.com", {}, ""),
        ("https://[::1", {}, ""),
        ("", {}, ""),
    ],
)
def test_origins(url: str, parameters: dict[str, str], origin: str) -> None:
    assert origin_of(url, parameters) == origin


def test_origins_of_bedrock_roles_with_a_long_common_path() -> None:
    """A8: a secret header belongs to one role and region, however long the ARN. Rows hold 300 characters of it."""
    folder = f"arn:aws:iam::123456789012:role/{'p' * 500}"
    parameters = [{"region": region, "role_arn": f"{folder}/{name}"} for region in ("eu-west-1", "us-east-1") for name in ("A", "B")]
    origins = [origin_of("bedrock://amazon.nova-pro-v1:0", each) for each in (*parameters, {"region": "x" * 400})]
    assert len(set(origins)) == 5
    assert max(len(origin) for origin in origins) <= 300
    assert origins[0] == origin_of("bedrock://another", parameters[0])


# *Needs its key again*: nothing that cannot be opened shows as fine


def other_ring(secret: ConnectionSecret, settings: Settings) -> None:
    settings.PATCHBAY_SECRET_KEYS = "other:" + base64.b64encode(os.urandom(32)).decode()


def damaged(secret: ConnectionSecret, settings: Settings) -> None:
    version, key, nonce, sealed = secret.value.split(".")
    secret.value = ".".join([version, key, nonce, ("B" if sealed[0] == "A" else "A") + sealed[1:]])
    secret.save()


def unknown_key(secret: ConnectionSecret, settings: Settings) -> None:
    secret.value = ".".join(["pb1", "dNoSuchKey", *secret.value.split(".")[2:]])
    secret.save()


def plain_text(secret: ConnectionSecret, settings: Settings) -> None:
    secret.value = KEY
    secret.save()


def emptied(secret: ConnectionSecret, settings: Settings) -> None:
    secret.value = ""
    secret.save()


def gone(secret: ConnectionSecret, settings: Settings) -> None:
    secret.delete()


@pytest.mark.parametrize("loss", [other_ring, damaged, unknown_key, plain_text, emptied, gone], ids=lambda loss: loss.__name__)
def test_needs_its_key_again(loss: Callable[[ConnectionSecret, Settings], None], cast: Cast, bob: Client, settings: Settings) -> None:
    """Spec 03, 07 A4: on the list and the model page; every page goes on working, and nothing falls back to the stored text."""
    model = make_model(cast.harbor, cast.bob)
    connection = make_connection(model, cast.bob)
    assert fresh(connection).state == "on"
    loss(ConnectionSecret.objects.get(), settings)
    assert fresh(connection).state == "needs_key"
    assert fresh(connection).stored_secrets() == {}
    listed = bob.get(reverse("external_models:model_list", args=["harbor"])).content.decode()
    assert "1 needs its key again" in listed
    page = read(bob.get(reverse("connections:connection_list", args=["harbor", model.pk])))
    assert "Needs its key again" in page.rows[0].cells[0]
    edit = reverse("connections:edit_connection", args=["harbor", model.pk, connection.pk])
    field = read(bob.get(edit)).one("input", name="secret-x-api-key")
    assert "placeholder" not in field.attrs  # nothing is set
    assert "required" in field.attrs


@pytest.mark.parametrize("loss", [damaged, unknown_key, plain_text, emptied, gone], ids=lambda loss: loss.__name__)
def test_entering_it_again_mends_it(
    loss: Callable[[ConnectionSecret, Settings], None], cast: Cast, bob: Client, settings: Settings
) -> None:
    connection = make_connection(make_model(cast.harbor, cast.bob), cast.bob)
    loss(ConnectionSecret.objects.get(), settings)
    assert save_edit(bob, connection).status_code == 422  # empty is not enough
    assert save_edit(bob, connection, **{"secret-x-api-key": KEY}).status_code == 302
    assert fresh(connection).stored_secrets() == {"x-api-key": Secret(KEY)}


@pytest.mark.parametrize("move", ["row", "field", "origin", "workspace", "connection"])
def test_a_moved_ciphertext_does_not_open(move: str, cast: Cast) -> None:
    """A3: bound to workspace, table, row and field, and here to the origin as well. Copied by SQL, say, it opens nowhere."""
    source = make_connection(
        make_model(cast.harbor, cast.bob, like=definition(secret=["X-Api-Key", "X-Client-Key"])),
        cast.bob,
        secrets={"X-Api-Key": KEY, "X-Client-Key": "client-key-of-harbor"},
    )
    stolen = source.secrets.get(name="x-api-key")
    assert stolen.open(source) == Secret(KEY)
    goal, moved = source, stolen
    match move:
        case "row":  # the value into another connection's row of the same workspace
            goal = make_connection(make_model(cast.harbor, cast.bob, "Mine"), cast.bob, "Mine", key="my-own-key-000001")
            moved = goal.secrets.get()
        case "field":  # the value into the same connection's other header
            moved = source.secrets.get(name="x-client-key")
        case "origin":  # the row pretends to have been entered for another host
            goal.model.definition = definition("https://evil.example.com", secret=["X-Api-Key", "X-Client-Key"])
            goal.model.save()
            goal.secrets.update(origin="https://evil.example.com:443")
        case "workspace":
            goal = make_connection(make_model(cast.other, cast.charlie), cast.charlie, "Mine", key="my-own-key-000001")
            moved = goal.secrets.get()
        case "connection":  # the whole connection into another workspace
            Connection.objects.filter(pk=goal.pk).update(workspace=cast.other, model=make_model(cast.other, cast.charlie))
    ConnectionSecret.objects.filter(pk=moved.pk).update(value=stolen.value)
    goal = fresh(goal)
    with pytest.raises(SecretUnreadable):
        goal.secrets.get(pk=moved.pk).open(goal)
    assert moved.name not in goal.stored_secrets()
    assert goal.state == "needs_key"


# Hints (A6)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-live-4711-MQAA", "sk-…MQAA"),
        ("sk-4567890123456", "sk-…3456"),  # 16 characters
        ("sk-456789012345", ""),  # 15
        ("short", ""),
        ("abcdefghijklmnopqrstuvwxyz", "…wxyz"),
        ("longprefix-0123456789", "…6789"),
        ("abcd-0123456789xyz", "abcd-…9xyz"),
        ("", ""),
    ],
)
def test_hints(key: str, shown: str, cast: Cast, bob: Client) -> None:
    assert hint(Secret(key)) == shown
    if not key:
        return
    model = make_model(cast.harbor, cast.bob)
    connection = make_connection(model, cast.bob, key=key)
    assert fresh(connection).key_hint == shown
    page = read(bob.get(reverse("connections:connection_list", args=["harbor", model.pk])))
    assert page.rows[0].cells[1] == (shown or "Set")
