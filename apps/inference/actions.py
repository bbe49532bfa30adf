"""Recording tests. The call itself happened before, outside any transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.audit.events import Event
from apps.audit.models import Outcome
from apps.audit.record import Actor, Target, hold_chain, record
from apps.connections.actions import note_use
from apps.connections.models import Connection
from apps.core.secrets import Secret, seal
from apps.external_models.models import ExternalModel, host_of
from apps.inference.models import KEPT, TestRun, TypedSecret
from apps.inference.result import Result

FORGOTTEN_AT_ONCE = 500  # typed secrets; the next test or kept key goes on


@dataclass(frozen=True, slots=True)
class Tested:
    """What was tested: its digest, the sample input, and the secrets that were typed (for which origin) and stored nowhere else."""

    digest: str
    sample: Mapping[str, str]
    typed_secrets: Mapping[str, Secret]
    origin: str


@transaction.atomic
def record_test(
    workspace: Workspace, *, model: ExternalModel | None, name: str, tested: Tested, result: Result, user: User, actor: Actor
) -> TestRun:
    """Keep a test of a configuration, saved or not. Gives the run; drops the workspace's old ones."""
    hold_chain(workspace.pk)
    if model and not ExternalModel.objects.filter(pk=model.pk).exists():
        model = None  # deleted during the call, which was made all the same
    run = TestRun(id=uuid4(), workspace=workspace, model=model, created_by=user, digest=tested.digest, sample=dict(tested.sample))
    run.passed, run.result = result.answered, result.to_json()
    run.save(force_insert=True)
    keep_typed_secrets(run, tested)
    forget_old_runs(run)
    about = model or Target("external_models.externalmodel", "", name or "Unsaved model")
    record(Event.MODEL_TESTED, actor=actor, workspace=workspace.id, target=about, outcome=outcome_of(result), changes=what_happened(result))
    return run


@transaction.atomic
def record_connection_test(connection: Connection, *, result: Result, workspace_id: UUID, actor: Actor) -> None:
    """Keep the outcome of a connection's test on the connection, unless nothing could be sent: then nothing is known of it."""
    hold_chain(workspace_id)
    if result.sent:
        note_use(connection, error="" if result.failure is None else result.failure.kind)
    record(
        Event.CONNECTION_TESTED,
        actor=actor,
        workspace=workspace_id,
        target=connection,
        outcome=outcome_of(result),
        changes=what_happened(result),
    )


@transaction.atomic
def record_failed_rotation(connection: Connection, *, result: Result, workspace_id: UUID, actor: Actor) -> None:
    """A new key was not accepted, or could not be checked: nothing changed, and the log says that somebody tried."""
    hold_chain(workspace_id)
    record(
        Event.CONNECTION_ROTATED,
        actor=actor,
        workspace=workspace_id,
        target=connection,
        outcome=outcome_of(result),
        changes=what_happened(result),
    )


@transaction.atomic
def record_key_check(workspace: Workspace, *, connection_name: str, model_name: str, result: Result, actor: Actor) -> None:
    """A key was tried before its connection was saved, so the event can only name what it was for."""
    hold_chain(workspace.pk)
    about = Target("connections.connection", "", connection_name)
    changes = {"model": model_name, **what_happened(result)}
    record(Event.CONNECTION_TESTED, actor=actor, workspace=workspace.pk, target=about, outcome=outcome_of(result), changes=changes)


@transaction.atomic
def record_refusal(workspace: Workspace, *, model: ExternalModel | None, name: str, url: str, actor: Actor) -> None:
    """An address was refused by the egress rules before a call was made. The event names its host, not its path or query."""
    hold_chain(workspace.pk)
    about = model or Target("external_models.externalmodel", "", name or "Unsaved model")
    record(
        Event.EGRESS_REFUSED,
        actor=actor,
        workspace=workspace.pk,
        target=about,
        outcome=Outcome.REFUSED,
        changes={"host": host_of(url)},
    )


def keep_typed_secrets(run: TestRun, tested: Tested) -> None:
    """Seal what was typed for the next submit of the same form: a page never carries it back."""
    for name, secret in tested.typed_secrets.items():
        row = TypedSecret(run=run, name=name, origin=tested.origin)
        row.value = seal(secret, row.place)
        row.save(force_insert=True)


def forget_old_runs(newest: TestRun) -> None:
    """Runs are scratch paper: after a day only a person's newest one of a model is of use, for its answer and its sample input."""
    old = TestRun.objects.filter(workspace=newest.workspace, created_at__lt=timezone.now() - KEPT)
    old.filter(model=None).delete()
    old.filter(model=newest.model, created_by=newest.created_by).delete()
    TypedSecret.objects.filter(run__in=old).delete()
    forget_typed_secrets()


def forget_typed_secrets() -> None:
    """Drop what was typed more than a day ago and not saved, of every workspace: in some nobody tests any more. Some of it at a time.

    What another process has locked, which forgets or re-encrypts it, is left to that one, so that two cannot wait for each other.
    """
    abandoned = TypedSecret.objects.select_for_update(skip_locked=True).filter(typed_at__lt=timezone.now() - KEPT)
    doomed = list(abandoned.order_by("typed_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    TypedSecret.objects.filter(pk__in=doomed).delete()


def outcome_of(result: Result) -> Outcome:
    if result.failure is None:
        return Outcome.SUCCESS
    return Outcome.REFUSED if result.refused_by_egress else Outcome.FAILED


def what_happened(result: Result) -> dict[str, object]:
    """For the audit log: no bodies, no secrets."""
    facts: dict[str, object] = {}
    if result.received:
        facts["status"] = result.received.status
        facts["total ms"] = result.received.total_ms
    if result.failure:
        facts["error"] = result.failure.kind
    return facts
