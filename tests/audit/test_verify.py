"""Verifying a chain (spec 06 "Provable"): whoever changes the log, the first bad or missing event is named.

Tampering is done as somebody with the database's password could: with the triggers taken away.
"""

import json
from collections.abc import Callable
from io import StringIO
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.audit import triggers, verify
from apps.audit.chain import GENESIS, HASHED_FIELDS, event_hash, timestamp
from apps.audit.checkpoints import sign_checkpoint, signed_content
from apps.audit.events import Event
from apps.audit.models import AuditCheckpoint, AuditEvent, ChainHead
from apps.audit.record import SYSTEM, record
from apps.audit.verify import chains, verify_chain
from apps.core.datakeys import data_keys
from apps.core.keyring import decode, encode
from tests.support.database import triggers_lifted

LENGTH = 7


@pytest.fixture
def workspace(db: None) -> UUID:
    """A chain of seven events."""
    workspace = uuid4()
    grow(workspace, LENGTH)
    return workspace


def grow(workspace: UUID | None, count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            record(Event.MODEL_UPDATED, actor=SYSTEM, workspace=workspace, changes={"name": (str(number), str(number + 1))})


def at(workspace: UUID, sequence: int) -> AuditEvent:
    return AuditEvent.objects.get(chain=str(workspace), sequence=sequence)


def change(workspace: UUID, number: int, /, **values: object) -> None:
    AuditEvent.objects.filter(chain=str(workspace), sequence=number).update(**values)


def remove(workspace: UUID, *sequences: int) -> None:
    AuditEvent.objects.filter(chain=str(workspace), sequence__in=sequences).delete()


def set_head(workspace: UUID, sequence: int, hash_: str) -> None:
    ChainHead.objects.filter(chain=str(workspace)).update(sequence=sequence, hash=hash_)


def renumber(workspace: UUID, start: int, shift: int) -> None:
    for event in AuditEvent.objects.filter(chain=str(workspace), sequence__gte=start).order_by("sequence"):
        AuditEvent.objects.filter(pk=event.pk).update(sequence=event.sequence + shift)


def swap(workspace: UUID, one: int, two: int) -> None:
    change(workspace, one, sequence=1_000)
    change(workspace, two, sequence=one)
    change(workspace, 1_000, sequence=two)


def rewrite(workspace: UUID, start: int) -> None:
    """Compute every hash anew from an event on, the head included: what a patient forger does."""
    previous = at(workspace, start - 1).hash if start > 1 else GENESIS
    for event in AuditEvent.objects.filter(chain=str(workspace), sequence__gte=start).order_by("sequence"):
        event.previous_hash = previous
        event.hash = previous = event_hash({**vars(event), "created_at": timestamp(event.created_at)})
        event.save()
    set_head(workspace, AuditEvent.objects.filter(chain=str(workspace)).count(), previous)


def cut(workspace: UUID, after: int) -> None:
    AuditEvent.objects.filter(chain=str(workspace), sequence__gt=after).delete()


def cut_and_set_head_back(workspace: UUID, after: int) -> None:
    cut(workspace, after)
    set_head(workspace, after, at(workspace, after).hash)


def insert_copy(workspace: UUID, sequence: int) -> None:
    event = at(workspace, 1)
    event.pk, event.sequence = None, sequence
    event.save(force_insert=True)


type Tampering = Callable[[UUID], object]


def test_good_chain(workspace: UUID) -> None:
    verdict = verify_chain(str(workspace))
    assert (verdict.ok, verdict.checked, verdict.first_bad, verdict.reason) == (True, LENGTH, None, "")
    assert verdict.last_hash == at(workspace, LENGTH).hash


@pytest.mark.django_db
def test_chain_without_events() -> None:
    assert verify_chain(str(uuid4())).ok


@pytest.mark.parametrize("batch", [1, 2, LENGTH - 1, LENGTH, LENGTH + 1])
def test_batches_make_no_difference(workspace: UUID, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BATCH", batch)
    seen: list[int] = []
    assert verify_chain(str(workspace), seen.append).checked == LENGTH
    assert seen[-1] == LENGTH


@pytest.mark.parametrize("field", [name for name in HASHED_FIELDS if name not in {"chain", "sequence", "changes", "created_at"}])
def test_change_of_any_field_is_found(workspace: UUID, field: str) -> None:
    with triggers_lifted():
        change(workspace, 3, **{field: "x" if field != "outcome" else "failed"})
        verdict = verify_chain(str(workspace))
    assert (verdict.ok, verdict.first_bad) == (False, 3)
    assert "Event 3 was changed" in verdict.reason


@pytest.mark.parametrize(
    ("name", "tamper", "first_bad", "reason"),
    [
        ("changes", lambda w: change(w, 4, changes={"name": {"after": "other"}}), 4, "was changed"),
        ("time", lambda w: change(w, 4, created_at="2026-01-01T00:00:00Z"), 4, "was changed"),
        ("hash alone", lambda w: change(w, 4, hash="0" * 64), 4, "was changed"),
        ("first removed", lambda w: remove(w, 1), 1, "Event 1 is missing; the next one there is 2"),
        ("one removed", lambda w: remove(w, 4), 4, "Event 4 is missing; the next one there is 5"),
        ("several removed", lambda w: remove(w, 3, 4, 5), 3, "Event 3 is missing; the next one there is 6"),
        ("removed and closed up", lambda w: (remove(w, 4), renumber(w, 5, -1)), 4, "Event 4 was changed"),
        ("two swapped", lambda w: swap(w, 3, 5), 3, "Event 3 was changed"),
        ("two swapped and hashed anew", lambda w: (swap(w, 3, 5), rehash(w, 3), rehash(w, 5)), 3, "does not follow"),
        ("changed and hashed anew", lambda w: (change(w, 3, actor_name="Bob"), rehash(w, 3)), 4, "does not follow"),
        ("last changed and hashed anew", lambda w: (change(w, 7, actor_name="Bob"), rehash(w, 7)), 7, "head does not have the hash"),
        ("inserted before the first", lambda w: insert_copy(w, 0), 1, "the next one there is 0"),
        ("appended past the head", lambda w: insert_copy(w, 8), 8, "was changed"),
        ("cut off", lambda w: cut(w, 5), 6, "cut off: it ends at event 5, but had reached 7"),
        ("all removed", lambda w: cut(w, 0), 1, "cut off: it ends at event 0, but had reached 7"),
        ("head set back", lambda w: set_head(w, 5, at(w, 5).hash), 6, "head was set back to 5; events go on to 7"),
        ("head with another hash", lambda w: set_head(w, 7, "0" * 64), 7, "head does not have the hash"),
        ("head removed", lambda w: ChainHead.objects.filter(chain=str(w)).delete(), 1, "head was set back to 0"),
    ],
)  # fmt: skip
def test_tampering_is_found_and_placed(workspace: UUID, name: str, tamper: Tampering, first_bad: int, reason: str) -> None:
    """A changed, removed, reordered and cut-off event."""
    with triggers_lifted():
        tamper(workspace)
        verdict = verify_chain(str(workspace))
    assert not verdict.ok
    assert verdict.first_bad == first_bad
    assert reason in verdict.reason


def rehash(workspace: UUID, sequence: int) -> None:
    event = at(workspace, sequence)
    change(workspace, sequence, hash=event_hash({**vars(event), "created_at": timestamp(event.created_at)}))


@pytest.mark.parametrize(
    ("name", "tamper", "first_bad", "reason"),
    [
        ("cut, head set back", lambda w: cut_and_set_head_back(w, 3), 4, "ends at event 3, but a signed checkpoint names event 5"),
        ("all removed, head too", lambda w: (cut(w, 0), ChainHead.objects.all().delete()), 1, "a signed checkpoint names event 5"),
        ("rewritten", lambda w: (change(w, 2, actor_name="Bob"), rewrite(w, 2)), 5, "a signed checkpoint names"),
        ("checkpoint moved", lambda w: AuditCheckpoint.objects.update(sequence=4), 4, "signature of the checkpoint at 4 does not hold"),
        ("checkpoint of another chain", lambda w: AuditCheckpoint.objects.update(chain=str(w), hash="0" * 64), 5, "does not hold"),
        ("signature damaged", lambda w: AuditCheckpoint.objects.update(signature="!"), 5, "does not hold"),
        ("unknown signing key", lambda w: AuditCheckpoint.objects.update(key_id="nobody"), 5, "cannot be read"),
    ],
)  # fmt: skip
def test_signed_checkpoint_shows_what_hashes_alone_cannot(db: None, name: str, tamper: Tampering, first_bad: int, reason: str) -> None:
    """A forger with the database but without the keys: the head set back, every hash computed anew."""
    workspace = uuid4()
    grow(workspace, 5)
    sign_checkpoint(str(workspace), 5, at(workspace, 5).hash)
    grow(workspace, 2)
    with triggers_lifted():
        tamper(workspace)
        verdict = verify_chain(str(workspace))
    assert not verdict.ok
    assert verdict.first_bad == first_bad
    assert reason in verdict.reason


def test_sealing_key_cannot_sign(workspace: UUID) -> None:
    """A data key made for something else is no signing key, though it would do as one."""
    sealing = data_keys().newest("platform", "secrets")
    point = sign_checkpoint(str(workspace), LENGTH, at(workspace, LENGTH).hash)
    point.key_id = sealing.id
    point.signature = encode(Ed25519PrivateKey.from_private_bytes(sealing.key).sign(signed_content(point)))
    with triggers_lifted():
        point.save()
        verdict = verify_chain(str(workspace))
    assert verdict.first_bad == LENGTH
    assert "does not hold" in verdict.reason


def test_events_written_while_it_verifies_make_no_difference(workspace: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BATCH", 2)
    verdict = verify_chain(str(workspace), lambda checked: grow(workspace, 1))
    assert (verdict.ok, verdict.checked) == (True, LENGTH)


def test_other_chains_are_not_touched_by_a_broken_one(workspace: UUID) -> None:
    grow(None, 2)
    with triggers_lifted():
        remove(workspace, 2)
        assert not verify_chain(str(workspace)).ok
        assert verify_chain("platform").ok
    assert chains() == sorted([str(workspace), "platform"])


class TestCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("verify_audit", *arguments, stdout=out, stderr=out)
        return out.getvalue()

    def fail(self, *arguments: str) -> str:
        out = StringIO()
        with pytest.raises(CommandError) as failure:
            call_command("verify_audit", *arguments, stdout=out, stderr=out)
        assert failure.value.returncode == 1
        return out.getvalue()

    def test_good_run_prints_a_line_per_chain_signs_and_records(self, workspace: UUID) -> None:
        grow(None, 1)
        output = self.run()

        assert output.splitlines() == [
            f"{workspace}: ok, 7 events, last hash {at(workspace, 7).hash}",
            f"platform: ok, 1 events, last hash {AuditEvent.objects.get(chain='platform', sequence=1).hash}",
        ]
        assert set(AuditCheckpoint.objects.values_list("chain", "sequence")) == {(str(workspace), 7), ("platform", 1)}
        assert at(workspace, 8).event == "audit.verified"
        assert "ok, 8 events" in self.run()

    def test_failed_run_names_the_event_and_is_recorded_in_both_chains(self, workspace: UUID) -> None:
        with triggers_lifted():
            remove(workspace, 4)
        output = self.fail()

        assert f"{workspace}: FAILED at event 4: Event 4 is missing" in output
        failures = AuditEvent.objects.filter(event="audit.verification_failed")
        assert {event.chain for event in failures} == {str(workspace), "platform"}
        assert {(event.outcome, event.target_id) for event in failures} == {("failed", str(workspace))}
        assert not AuditCheckpoint.objects.filter(chain=str(workspace)).exists()

    def test_failure_is_recorded_for_the_platform_when_the_chain_takes_no_event(self, workspace: UUID) -> None:
        with triggers_lifted():
            set_head(workspace, 5, at(workspace, 5).hash)
        self.fail("--workspace", str(workspace))
        (event,) = AuditEvent.objects.filter(event="audit.verification_failed")
        assert event.chain == "platform"

    def test_one_workspace_by_id_or_slug(self, db: None) -> None:
        harbor = Workspace.objects.create(name="Harbor", slug="harbor")
        grow(harbor.pk, 2)
        grow(None, 1)
        assert self.run("--workspace", "harbor").startswith(f"{harbor.pk}: ok, 2 events")
        assert self.run("--workspace", str(harbor.pk)).startswith(f"{harbor.pk}: ok, 3 events")
        assert self.run("--workspace", "platform").startswith("platform: ok, 1 events")

    @pytest.mark.django_db
    def test_unknown_workspace(self) -> None:
        with pytest.raises(CommandError, match="no workspace 'nowhere'"):
            self.run("--workspace", "nowhere")

    @pytest.mark.django_db
    def test_empty_log(self) -> None:
        assert self.run() == "The audit log is empty.\n"

    def test_json_and_public_key_are_enough_to_check_a_checkpoint_outside(self, workspace: UUID) -> None:
        (chain,) = json.loads(self.run("--json"))["chains"]
        key_id, public = self.run("--public-key").split()

        assert (chain["chain"], chain["ok"], chain["checked"]) == (str(workspace), True, LENGTH)
        point = chain["checkpoint"]
        assert (point["sequence"], point["hash"], point["key_id"]) == (LENGTH, chain["last_hash"], key_id)
        stored = AuditCheckpoint.objects.get(chain=str(workspace))
        Ed25519PublicKey.from_public_bytes(decode(public)).verify(decode(point["signature"]), signed_content(stored))

    def test_missing_triggers_are_a_failure(self, workspace: UUID) -> None:
        with triggers_lifted():
            output = self.fail()
        assert "triggers are missing" in output
        assert triggers.missing(connection) == []
