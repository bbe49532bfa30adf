"""Every change of an external model. Each is atomic and leaves one audit event."""

from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.audit.events import Event
from apps.audit.record import Actor, hold_chain, record
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel, IntegrationType, Provider, Status
from apps.external_models.names import name_key, numbered, shortened
from apps.external_models.time_limits import TimeLimits

UNTITLED = "Untitled model"


class NameTaken(Exception):
    """Another model of the workspace has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"This workspace already has a model named “{name}”. Choose another name.")


class EditConflict(Exception):
    """The model was changed after the page was opened. Carries who changed it and when, so that the page can say so."""

    def __init__(self, model: ExternalModel) -> None:
        self.model = model
        super().__init__(f"{model.updated_by or 'Somebody'} changed this model while you were editing it.")


class ModelIsDraft(Exception):
    """A draft cannot be switched on: it was never confirmed."""

    def __init__(self) -> None:
        super().__init__("This model is a draft. Finish its set-up to switch inferencing on.")


class CannotCopy(Exception):
    """A copy of an easy integration would be the same model twice."""

    def __init__(self, model: ExternalModel) -> None:
        super().__init__(f"{model.name} is an easy integration. Add a connection to it for another key, or add it at another base URL.")


@dataclass(frozen=True, slots=True)
class Author:
    """Who edits: the user row (for *added by*) and the actor (for the audit log)."""

    user: User | None
    actor: Actor


@dataclass(frozen=True, slots=True)
class Origin:
    """By which way a model comes, and who serves it."""

    integration_type: str = IntegrationType.API
    provider: str = Provider.CUSTOM
    model_id: str = ""


@transaction.atomic
def add_model(
    workspace: Workspace,
    *,
    name: str,
    definition: Definition,
    by: Author,
    creation_key: UUID,
    as_draft: bool = True,
    origin: Origin = Origin(),
) -> ExternalModel:
    """Add a draft. The same `creation_key` again (a double click) gives the row that is there. Raises NameTaken."""
    hold_chain(workspace.pk)
    existing = ExternalModel.objects.filter(workspace=workspace, creation_key=creation_key).first()
    if existing:
        return existing
    model = ExternalModel(workspace=workspace, creation_key=creation_key, **asdict(origin))
    model.created_by = model.updated_by = by.user
    model.definition = definition
    model.rename(name or free_name(workspace, UNTITLED))
    if not insert(model):
        raced = ExternalModel.objects.filter(workspace=workspace, creation_key=creation_key).first()
        if raced is None:
            raise NameTaken(model.name)
        return raced
    event = Event.MODEL_SAVED_AS_DRAFT if as_draft else Event.MODEL_ADDED
    record(event, actor=by.actor, workspace=workspace.id, target=model, changes=describe(model, definition))
    return model


@transaction.atomic
def update_model(
    model: ExternalModel, *, name: str, definition: Definition, by: Author, expected_version: int, tested_digest: str = ""
) -> ExternalModel:
    """Change name and definition. Raises EditConflict when somebody else did since `expected_version`, and NameTaken.

    `tested_digest` says which test covers an active model's new definition; "" means none, and the event says so.
    """
    model = lock(model)
    if model.version != expected_version:
        raise EditConflict(model)
    changes = changed_fields(model, name or model.name, definition)
    if not model.is_draft and tested_digest != model.tested_digest:
        changes["tested"] = (bool(model.tested_digest), bool(tested_digest))
        set_tested(model, tested_digest)
    model.definition = definition
    model.rename(name or model.name)
    model.version += 1
    model.updated_by, model.updated_at = by.user, timezone.now()
    if not insert(model):
        raise NameTaken(name)
    event = Event.MODEL_SAVED_AS_DRAFT if model.is_draft else Event.MODEL_UPDATED
    record(event, actor=by.actor, workspace=model.workspace_id, target=model, changes=changes)
    return model


@transaction.atomic
def set_time_limits(model: ExternalModel, *, limits: TimeLimits, by: Author, expected_version: int) -> ExternalModel:
    """Change how long calls may take, and whether they are retried. Raises EditConflict. Leaves no event when nothing changes."""
    model = lock(model)
    if model.version != expected_version:
        raise EditConflict(model)
    if changes := limits.write(model):
        model.version += 1
        model.updated_by, model.updated_at = by.user, timezone.now()
        model.save(update_fields=[*TimeLimits.__slots__, "version", "updated_by", "updated_at"])
        record(Event.MODEL_UPDATED, actor=by.actor, workspace=model.workspace_id, target=model, changes=changes)
    return model


@transaction.atomic
def activate_model(model: ExternalModel, *, tested_digest: str, by: Author, key_checked: bool = False) -> ExternalModel:
    """Make a draft callable. Does nothing twice.

    An empty digest means *Confirm without a test*, which is audited as such, unless the provider has accepted the key before.
    """
    model = lock(model)
    if not model.is_draft:
        return model
    model.status, model.inferencing_enabled = Status.ACTIVE, True
    set_tested(model, tested_digest)
    model.updated_by, model.updated_at = by.user, timezone.now()
    model.save(update_fields=["status", "inferencing_enabled", "tested_digest", "tested_at", "updated_by", "updated_at"])
    event = Event.MODEL_ACTIVATED if tested_digest or key_checked else Event.MODEL_ACTIVATED_WITHOUT_TEST
    record(event, actor=by.actor, workspace=model.workspace_id, target=model)
    return model


def set_tested(model: ExternalModel, digest: str) -> None:
    model.tested_digest, model.tested_at = digest, timezone.now() if digest else None


@transaction.atomic
def switch_inferencing(model: ExternalModel, *, on: bool, actor: Actor) -> ExternalModel:
    """Allow or stop calls of the model. Raises ModelIsDraft. Leaves no event when nothing changes (a double click)."""
    model = lock(model)
    if model.is_draft:
        raise ModelIsDraft
    if model.inferencing_enabled != on:
        model.inferencing_enabled = on
        model.save(update_fields=["inferencing_enabled"])
        record(
            Event.MODEL_INFERENCING_SWITCHED, actor=actor, workspace=model.workspace_id, target=model, changes={"inferencing": (not on, on)}
        )
    return model


@transaction.atomic
def copy_model(model: ExternalModel, *, by: Author, workspace: Workspace) -> ExternalModel:
    """A new draft *Copy of NAME* with everything but secrets and connections. Raises CannotCopy, NameTaken."""
    hold_chain(workspace.pk)
    if model.easy_key:
        raise CannotCopy(model)
    copy = ExternalModel(workspace=workspace, integration_type=model.integration_type, provider=model.provider, model_id=model.model_id)
    copy.definition_json, copy.endpoint_host = model.definition_json, model.endpoint_host
    TimeLimits.of(model).write(copy)
    copy.created_by = copy.updated_by = by.user
    for _ in range(5):
        copy.rename(free_name(workspace, f"Copy of {model.name}"))
        if insert(copy):
            break
    else:
        raise NameTaken(copy.name)
    record(Event.MODEL_COPIED, actor=by.actor, workspace=workspace.id, target=copy, changes={"copied from": f"{model.name} ({model.pk})"})
    return copy


@transaction.atomic
def delete_model(model: ExternalModel, *, actor: Actor) -> None:
    """Delete the model with its connections. Its audit events stay."""
    model = lock(model)
    connections = sorted(model.connections.values_list("name", flat=True))
    record(
        Event.MODEL_DELETED,
        actor=actor,
        workspace=model.workspace_id,
        target=model,
        changes={"status": model.status, "connections deleted with it": connections},
    )
    model.delete()


def lock(model: ExternalModel) -> ExternalModel:
    """The row as it is now, locked to the end of the transaction with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(model.workspace_id)
    row = ExternalModel.objects.select_for_update(of=("self",)).select_related("updated_by").filter(pk=model.pk).first()
    if row is None:
        raise Http404("This model was deleted meanwhile.")
    return row


def insert(model: ExternalModel) -> bool:
    """Save; False when a unique constraint refuses. The database decides, so 50 requests at once leave one row."""
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError:
        return False
    return True


def free_name(workspace: Workspace, wanted: str) -> str:
    """`wanted`, or `wanted 2`, `wanted 3` ... whichever the workspace does not have yet."""
    wanted = shortened(wanted)
    same_start = ExternalModel.objects.filter(workspace=workspace, name_key__startswith=name_key(wanted))
    return numbered(wanted, set(same_start.values_list("name_key", flat=True)))


def describe(model: ExternalModel, definition: Definition) -> dict[str, object]:
    said: dict[str, object] = {"name": model.name, "method": definition.method, "url": definition.url}
    if definition.is_template:
        return said
    return said | {"model configuration": definition.configuration, "model identifier": definition.model}


def changed_fields(model: ExternalModel, name: str, after: Definition) -> dict[str, object]:
    """Before and after of every field that differs. A definition holds nothing secret, so all of it may be shown."""
    before = model.definition
    changes: dict[str, object] = {}
    if model.name != name:
        changes["name"] = (model.name, name)
    old, new = before.facts(), after.facts()
    for fact in old:
        if old[fact] != new[fact]:
            changes[fact] = (old[fact], new[fact])
    return changes
