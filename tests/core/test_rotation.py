"""rotate_secrets (spec 03 "Secrets", spec 07 A2): while the product runs, in batches, stopped and resumed."""

import base64
import os
import signal
import threading
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionSecret
from apps.core import rotation as rotations
from apps.core.datakeys import data_keys
from apps.core.models import DataKey
from apps.core.rotation import Rotation, reencrypt_rows
from apps.core.secrets import Place, Secret, SecretUnreadable, fingerprint, seal, sealed_columns, sealed_under, unseal
from apps.external_models.models import ExternalModel

OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))


def make_secrets(count: int) -> Workspace:
    """A workspace with one model whose connections hold the values value-0, value-1 ..."""
    name = uuid4().hex[:12]
    workspace = Workspace.objects.create(name=name, slug=name)
    model = ExternalModel.objects.create(workspace=workspace, name=name, name_key=name)
    for number in range(count):
        label = f"c{number}"
        owner = Connection.objects.create(workspace=workspace, model=model, name=label, name_key=label)
        row = ConnectionSecret(connection=owner, name="x-api-key", origin="https://api.test:443")
        row.value = seal(Secret(f"value-{number}"), row.place(owner))
        row.save()
    return workspace


def rows(workspace: Workspace) -> list[ConnectionSecret]:
    return list(ConnectionSecret.objects.filter(connection__workspace=workspace).select_related("connection"))


def opens(row: ConnectionSecret) -> bool:
    return row.open(row.connection) == Secret(f"value-{row.connection.name[1:]}")


def keys_of(workspace: Workspace) -> set[str]:
    return {sealed_under(row.value) for row in rows(workspace)}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_secrets", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def forget_opened_keys() -> None:
    """As a process that has just started."""
    data_keys().opened.clear()


@pytest.mark.django_db
def test_new_master_key_wraps_data_keys_and_leaves_rows_alone(settings: Settings) -> None:
    settings.PATCHBAY_SECRET_KEYS = f"old:{OLD}"
    workspace = make_secrets(3)
    before = [row.value for row in rows(workspace)]

    settings.PATCHBAY_SECRET_KEYS = f"new:{NEW},old:{OLD}"
    run()
    settings.PATCHBAY_SECRET_KEYS = f"new:{NEW}"  # the old master key can be thrown away

    assert set(DataKey.objects.values_list("master_key_id", flat=True)) == {"new"}
    assert [row.value for row in rows(workspace)] == before
    assert all(opens(row) for row in rows(workspace))


@pytest.mark.django_db
def test_reencrypt_moves_every_row_of_every_workspace_under_a_new_data_key() -> None:
    one, two = make_secrets(5), make_secrets(2)
    before = keys_of(one) | keys_of(two)

    output = run("--reencrypt", "--batch-size", "3")

    assert "7 secrets re-encrypted" in output
    assert output.count("values under new keys") == 3  # progress after each batch
    assert not before & (keys_of(one) | keys_of(two))
    assert len(keys_of(one)) == len(keys_of(two)) == 1
    forget_opened_keys()
    assert all(opens(row) for row in [*rows(one), *rows(two)])


@pytest.mark.django_db
def test_rotation_is_audited_with_figures_and_no_value() -> None:
    make_secrets(2)
    run("--reencrypt")
    event = AuditEvent.objects.get(event="secrets.rotated")
    assert (event.chain, event.outcome) == ("platform", "success")
    assert event.changes["reencrypted"] == {"after": 2}


@pytest.mark.django_db
def test_each_rotation_makes_one_new_key_and_keeps_the_old_ones() -> None:
    """A backup, or a transaction that began before, may still need an old data key."""
    workspace = make_secrets(1)
    run("--reencrypt")
    run("--reencrypt")
    numbers = DataKey.objects.filter(scope=str(workspace.pk)).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3]


@pytest.mark.django_db
def test_stopped_rotation_goes_on_with_the_keys_it_had_made() -> None:
    workspace = make_secrets(6)
    (before,) = keys_of(workspace)
    first = Rotation()
    reencrypt_rows(first, batch_size=2, stopping=lambda: True, progress=lambda line: None)
    assert (first.reencrypted, first.stopped) == (2, True)
    assert len(keys_of(workspace)) == 2
    assert all(opens(row) for row in rows(workspace))

    output = run("--reencrypt")

    assert "4 secrets re-encrypted" in output
    assert len(keys_of(workspace)) == 1
    assert before not in keys_of(workspace)
    assert DataKey.objects.filter(scope=str(workspace.pk)).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_between_batches(number: signal.Signals) -> None:
    workspace = make_secrets(6)

    class Interrupting(StringIO):
        def write(self, text: str) -> int:
            if "values under new keys" in text:
                signal.raise_signal(number)
            return super().write(text)

    out = Interrupting()
    handler = signal.getsignal(number)
    call_command("rotate_secrets", "--reencrypt", "--batch-size", "2", stdout=out)

    assert "Stopped as asked" in out.getvalue()
    assert "2 secrets re-encrypted" in out.getvalue()
    assert all(opens(row) for row in rows(workspace))
    assert signal.getsignal(number) is handler


@pytest.mark.django_db
def test_rows_that_do_not_open_are_named_and_do_not_stop_the_rest() -> None:
    workspace = make_secrets(3)
    lost, moved, good = rows(workspace)
    ConnectionSecret.objects.filter(pk=lost.pk).update(value="pb1.missing.AAAAAAAAAAAAAAAA.AAAA")
    ConnectionSecret.objects.filter(pk=moved.pk).update(value=good.value)
    out = StringIO()

    with pytest.raises(CommandError, match="2 could not be opened") as failure:
        call_command("rotate_secrets", "--reencrypt", stdout=out, stderr=out)

    assert failure.value.returncode == 1
    assert str(lost.pk) in out.getvalue()
    assert str(moved.pk) in out.getvalue()
    good.refresh_from_db()
    assert opens(good)
    assert ConnectionSecret.objects.get(pk=moved.pk).value != good.value
    assert AuditEvent.objects.get(event="secrets.rotated").outcome == "failed"


@pytest.mark.django_db
def test_lost_master_key_is_reported_and_the_others_are_wrapped(settings: Settings) -> None:
    settings.PATCHBAY_SECRET_KEYS = f"lost:{OLD}"
    workspace = make_secrets(1)
    settings.PATCHBAY_SECRET_KEYS = f"new:{NEW}"
    make_secrets(1)
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("rotate_secrets", stdout=out, stderr=out)

    assert str(workspace.pk) in out.getvalue()
    assert "PATCHBAY_SECRET_KEYS has no key 'lost'" in out.getvalue()


@pytest.mark.django_db
def test_value_that_was_replaced_meanwhile_is_not_put_back() -> None:
    """Compare and set: SQLite has no row locks, and an edit must never be lost to a rotation."""
    workspace = make_secrets(1)
    (stale,) = rows(workspace)
    edited = seal(Secret("edited"), stale.place(stale.connection))
    ConnectionSecret.objects.filter(pk=stale.pk).update(value=edited)
    (column,) = (column for column in sealed_columns() if column.model == "connections.ConnectionSecret")
    rotation = Rotation()

    rotations._reencrypt(column, stale, rotation, scopes={})

    assert ConnectionSecret.objects.get(pk=stale.pk).value == edited
    assert (rotation.reencrypted, rotation.overtaken) == (0, 1)


@pytest.mark.django_db
def test_fingerprints_stay_the_same(settings: Settings) -> None:
    """A7: a database constraint compares them, so their key is wrapped anew and never replaced."""
    settings.PATCHBAY_SECRET_KEYS = f"old:{OLD}"
    before = fingerprint(Secret("sk-1"), "model:1")
    settings.PATCHBAY_SECRET_KEYS = f"new:{NEW},old:{OLD}"
    run("--reencrypt")
    settings.PATCHBAY_SECRET_KEYS = f"new:{NEW}"
    assert fingerprint(Secret("sk-1"), "model:1") == before


@pytest.mark.django_db(transaction=True)
def test_keys_rotate_while_secrets_are_read_and_written() -> None:
    """Issue: "keys rotate while calls run". Readers and an editor work on all rows while two rotations pass."""
    workspace = make_secrets(30)
    (first_key,) = keys_of(workspace)
    done, problems, reads = threading.Event(), list[str](), list[int]()

    def read() -> None:
        count = 0
        try:
            while not (done.is_set() and count):  # each at least once, whenever its thread comes to run
                found = rows(workspace)
                count += len(found)
                problems.extend(row.connection.name for row in found if not opens(row))
        except SecretUnreadable as error:
            problems.append(str(error))
        finally:
            reads.append(count)
            connection.close()

    def edit() -> None:
        try:
            while not done.is_set():
                for row in rows(workspace)[:5]:
                    value = seal(Secret(f"value-{row.connection.name[1:]}"), row.place(row.connection))
                    ConnectionSecret.objects.filter(pk=row.pk).update(value=value)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for work in (read, read, read, edit)]
    for thread in threads:
        thread.start()
    run("--reencrypt", "--batch-size", "4")
    run("--reencrypt", "--batch-size", "4")
    done.set()
    for thread in threads:
        thread.join()

    assert problems == []
    assert min(reads) > 0
    run("--reencrypt")  # a value that was sealed before the first rotation may have been stored after the second: the next one finds it
    assert first_key not in keys_of(workspace)
    assert all(opens(row) for row in rows(workspace))


@pytest.mark.django_db
def test_every_column_that_holds_sealed_values_is_registered() -> None:
    """A column that rotate_secrets does not know stays under its old key for ever."""
    assert {(column.model, column.field) for column in sealed_columns()} >= {
        ("connections.ConnectionSecret", "value"),
        ("inference.TypedSecret", "value"),
    }
    for column in sealed_columns():
        assert column.place_of.__module__.startswith("apps.")


def test_batch_size_must_be_positive() -> None:
    with pytest.raises(CommandError, match="1 or more"):
        run("--batch-size", "0")


@pytest.mark.django_db
def test_scope_without_rows_keeps_working() -> None:
    place = Place("platform", "t", "1", "f")
    text = seal(Secret("a"), place)
    run("--reencrypt")
    assert unseal(text, place) == Secret("a")
    assert sealed_under(seal(Secret("b"), place)) != sealed_under(text)
