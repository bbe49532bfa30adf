"""Writing events (spec 06 "Audit log", spec 07 E)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from apps.audit.chain import GENESIS
from apps.audit.checkpoints import CHECKPOINT_EVERY
from apps.audit.events import Category, Event
from apps.audit.models import AuditCheckpoint, AuditEvent, ChainHead
from apps.audit.queries import events_for_target, events_of
from apps.audit.record import SYSTEM, Actor, Outcome, Target, record
from apps.audit.verify import verify_chain
from apps.core.redaction import call_secrets, register
from apps.core.secrets import Secret

ALICE = Actor("user", "7", "Alice", ip="192.0.2.7", user_agent="Firefox", request_id="req-1")
MODEL = Target("external_models.externalmodel", "m-1", "Claims helper")
WRITERS, EVENTS_EACH = 16, 10


def add(workspace: UUID | None = None, event: Event = Event.MODEL_ADDED, **given: object) -> AuditEvent:
    with transaction.atomic():
        return record(event, actor=ALICE, workspace=workspace, **{"target": MODEL, **given})  # type: ignore[arg-type]


@pytest.mark.django_db
def test_event_holds_who_what_where_and_the_link_to_the_one_before() -> None:
    workspace = uuid4()
    first = add(workspace)
    second = add(workspace, Event.MODEL_DELETED, outcome=Outcome.REFUSED, description="Still in use")

    stored = AuditEvent.objects.get(pk=second.pk)

    assert (stored.chain, stored.sequence, stored.event, stored.category) == (str(workspace), 2, "model.deleted", "models")
    assert (stored.outcome, stored.description) == ("refused", "Still in use")
    assert (stored.actor_kind, stored.actor_id, stored.actor_name) == ("user", "7", "Alice")
    assert (stored.ip, stored.user_agent, stored.request_id) == ("192.0.2.7", "Firefox", "req-1")
    assert (stored.target_type, stored.target_id, stored.target_name) == ("external_models.externalmodel", "m-1", "Claims helper")
    assert (first.previous_hash, stored.previous_hash) == (GENESIS, first.hash)
    head = ChainHead.objects.get(pk=str(workspace))
    assert (head.sequence, head.hash) == (2, stored.hash)


@pytest.mark.django_db
def test_every_workspace_and_the_platform_has_its_own_chain() -> None:
    one, two = uuid4(), uuid4()
    for workspace in (one, two, None, one):
        add(workspace)

    assert [event.sequence for event in events_of(one)] == [2, 1]
    assert [event.sequence for event in events_of(two)] == [1]
    assert [event.chain for event in events_of(None)] == ["platform"]


@pytest.mark.django_db
def test_target_may_be_a_row() -> None:
    row = ContentType.objects.get_for_model(AuditEvent)
    workspace = uuid4()
    add(workspace, target=row)
    add(workspace)

    (event,) = events_for_target(workspace, "contenttypes.contenttype", str(row.pk))

    assert event.target_name == str(row)


@pytest.mark.django_db(transaction=True)
def test_event_outside_a_transaction_is_refused() -> None:
    """E: an event is written in the change's transaction or not at all."""
    with pytest.raises(RuntimeError, match="inside the transaction"):
        record(Event.SIGNED_IN, actor=ALICE, workspace=None)

    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="not in the event registry"):
        add(event="model.exploded")  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_rolled_back_change_leaves_no_event_and_no_gap() -> None:
    """E: an event never tells of a change that was rolled back."""
    workspace = uuid4()
    add(workspace)
    with transaction.atomic():
        record(Event.MODEL_UPDATED, actor=ALICE, workspace=workspace)
        transaction.set_rollback(True)
    with transaction.atomic():
        record(Event.MODEL_ACTIVATED, actor=ALICE, workspace=workspace)

    assert [(event.sequence, event.event) for event in events_of(workspace)] == [(2, "model.activated"), (1, "model.added")]
    assert verify_chain(str(workspace)).ok


@pytest.mark.django_db(transaction=True)
def test_parallel_writers_leave_one_chain_without_a_gap() -> None:
    """E: number and head under a row lock; a new chain is opened by many at once."""
    workspace = uuid4()

    def write(writer: int) -> None:
        for number in range(EVENTS_EACH):
            add(workspace, description=f"{writer}/{number}")
        connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    verdict = verify_chain(str(workspace))
    assert (verdict.ok, verdict.checked) == (True, WRITERS * EVENTS_EACH)
    assert events_of(workspace).values("description").distinct().count() == WRITERS * EVENTS_EACH


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (("old", "new"), {"before": "old", "after": "new"}),
        ("new", {"after": "new"}),
        ((None, True), {"before": None, "after": True}),
        ((Secret("sk-old-value-1234"), Secret("sk-new-value-1234")), {"after": "changed"}),
        (("", Secret("sk-new-value-1234")), {"after": "changed"}),
        (Secret("sk-new-value-1234"), {"after": "changed"}),
        ([{"name": "x-key", "value": Secret("sk-new-value-1234")}], {"after": [{"name": "x-key", "value": "changed"}]}),
        ((0.1, 1e22), {"before": "0.1", "after": "1e+22"}),
        ((Decimal("0.10"), 2**70), {"before": "0.10", "after": "1180591620717411303424"}),
        (datetime(2026, 11, 20, 9, 30, tzinfo=UTC), {"after": "2026-11-20T09:30:00.000000Z"}),
        (Outcome.FAILED, {"after": "failed"}),
        ("a\x00b\ud800c", {"after": "a\ufffdb\ufffdc"}),
        ("a\u202eb\x07", {"after": "a\u202eb\x07"}),
        ({"z": 1, "é": [1, {"a": None}]}, {"after": {"z": 1, "é": [1, {"a": None}]}}),
    ],
)
def test_changes_are_stored_the_same_way_in_every_database(given: object, stored: object) -> None:
    """A5 (secrets: *changed*), C3 (U+0000 and surrogates), C6 (other characters kept, made visible when shown)."""
    workspace = uuid4()
    event = add(workspace, changes={"field": given})

    assert AuditEvent.objects.get(pk=event.pk).changes == {"field": stored}
    assert verify_chain(str(workspace)).ok


@pytest.mark.django_db
def test_change_that_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold a object"):
        add(changes={"field": object()})


@pytest.mark.django_db
def test_long_texts_are_cut_and_still_verify() -> None:
    workspace = uuid4()
    with transaction.atomic():
        actor = Actor("user", "7", "A" * 999, user_agent="U" * 9_999)
        event = record(Event.MODEL_UPDATED, actor=actor, workspace=workspace, changes={"template": ("x" * 20_000, "y")})

    stored = AuditEvent.objects.get(pk=event.pk)
    assert (len(stored.actor_name), len(stored.user_agent)) == (200, 512)
    assert stored.changes["template"]["before"] == "x" * 9_999 + "…"
    assert verify_chain(str(workspace)).ok


@pytest.mark.django_db
def test_value_revealed_in_this_call_is_in_no_event() -> None:
    """A9."""
    with call_secrets():
        register("sk-planted-0123456789")
        event = add(description="401: bad key sk-planted-0123456789", changes={"error": ("", "sk-planted-0123456789?")})

    stored = AuditEvent.objects.get(pk=event.pk)
    assert stored.description == "401: bad key ••••"
    assert stored.changes == {"error": {"before": "", "after": "••••?"}}


@pytest.mark.django_db
def test_every_thousandth_event_leaves_a_signed_checkpoint() -> None:
    ChainHead.objects.create(chain="platform", sequence=CHECKPOINT_EVERY - 2)
    events = [add(), add()]

    (checkpoint,) = AuditCheckpoint.objects.all()
    assert (checkpoint.chain, checkpoint.sequence, checkpoint.hash) == ("platform", CHECKPOINT_EVERY, events[1].hash)


def test_every_event_has_a_label_a_category_and_a_lasting_name() -> None:
    for event in Event:
        assert event.label
        assert isinstance(event.category, Category)
        assert len(event.value) <= 64
        assert Event(event.value) is event
    assert len({event.label for event in Event}) == len(Event)
    assert SYSTEM.kind == "system"
