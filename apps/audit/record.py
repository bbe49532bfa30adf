"""Writing events: the only way in. An event stands or falls with the transaction of the change it tells of (spec 07 E)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import connection, models, transaction
from django.utils import timezone

from apps.audit import watch
from apps.audit.chain import PLATFORM, event_hash, timestamp
from apps.audit.changes import describe_changes, text
from apps.audit.checkpoints import CHECKPOINT_EVERY, sign_checkpoint
from apps.audit.events import Category, Event, known_event
from apps.audit.models import AuditEvent, ChainHead, Outcome

__all__ = ["SYSTEM", "Actor", "Event", "Outcome", "Target", "chain_of", "hold_chain", "record", "workspace_of"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it and from where. Names are kept as they were."""

    kind: str  # "user", "app" or "system"
    id: str
    name: str
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""


SYSTEM = Actor("system", "", "Patchbay")


@dataclass(frozen=True, slots=True)
class Target:
    """What it was done to. Type and name are kept after the thing is gone."""

    type: str
    id: str
    name: str


NOTHING = Target("", "", "")


def chain_of(workspace: UUID | None) -> str:
    """A workspace's chain, or the platform's."""
    return str(workspace) if workspace else PLATFORM


def workspace_of(chain: str) -> UUID | None:
    """The workspace of a chain; None for the platform's."""
    return None if chain == PLATFORM else UUID(chain)


def hold_chain(workspace: UUID | None) -> None:
    """Lock the workspace's chain, or the platform's, to the end of the transaction. Changes begin with it and end with record().

    So changes of one workspace queue before they touch anything. One that locked its rows first and came to the chain last would meet
    there somebody who holds the chain and waits for those rows (also for a foreign key, which PostgreSQL checks at commit): a deadlock.
    """
    _locked_head(chain_of(workspace))


def record(
    event: Event,
    *,
    actor: Actor,
    workspace: UUID | None,
    target: models.Model | Target | None = None,
    changes: Mapping[str, object] | None = None,
    outcome: Outcome = Outcome.SUCCESS,
    description: str = "",
) -> AuditEvent:
    """Append one event to the workspace's chain, or the platform's if there is no workspace.

    Call it last in an atomic block that began with hold_chain(). Who writes to two chains holds the workspace's first and the
    platform's second, so that no two writers wait for each other.
    Raises RuntimeError outside an atomic block, ValueError for an unknown event, TypeError for a change that is not plain data.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{event} must be recorded inside the transaction of the change it tells of.")
    known = known_event(event)
    about = _target(target)
    head = _locked_head(chain_of(workspace))
    entry = AuditEvent(
        chain=head.chain,
        sequence=head.sequence + 1,
        event=known.value,
        category=known.category.value,
        outcome=Outcome(outcome).value,
        actor_kind=text(actor.kind, 16),
        actor_id=text(actor.id, 64),
        actor_name=text(actor.name, 200),
        target_type=text(about.type, 64),
        target_id=text(about.id, 64),
        target_name=text(about.name, 200),
        changes=describe_changes(changes or {}),
        description=text(description),
        ip=text(actor.ip, 64),
        user_agent=text(actor.user_agent, 512),
        request_id=text(actor.request_id, 128),
        created_at=timezone.now(),
        previous_hash=head.hash,
    )
    entry.hash = event_hash({**vars(entry), "created_at": timestamp(entry.created_at)})
    entry.save(force_insert=True)
    ChainHead.objects.filter(pk=head.pk).update(sequence=entry.sequence, hash=entry.hash)
    if entry.sequence % CHECKPOINT_EVERY == 0:
        sign_checkpoint(entry.chain, entry.sequence, entry.hash)
    if known.category is not Category.SIGN_IN:
        transaction.on_commit(partial(watch.announce_own, entry.chain, entry.sequence))  # other processes see it for themselves (watch.py)
    return entry


def _locked_head(chain: str) -> ChainHead:
    """The chain's end, locked until the transaction ends. On SQLite the transaction itself is the lock (BEGIN IMMEDIATE)."""
    head = ChainHead.objects.select_for_update().filter(pk=chain).first()
    if head is None:
        # DO NOTHING on conflict waits for a rival who opens the same chain, and then reads the row that won.
        ChainHead.objects.bulk_create([ChainHead(chain=chain)], ignore_conflicts=True)
        head = ChainHead.objects.select_for_update().get(pk=chain)
    return head


def _target(target: models.Model | Target | None) -> Target:
    if isinstance(target, models.Model):
        return Target(target._meta.label_lower, str(target.pk), str(target))
    return target or NOTHING
