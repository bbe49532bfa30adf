"""Every change of a connection. Each is atomic and leaves one audit event; secrets show there as *changed*."""

from collections.abc import Mapping, Sequence
from enum import Enum
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from apps.accounts.budgets import NO_BUDGET, Budget
from apps.accounts.models import Workspace
from apps.audit.events import Event
from apps.audit.record import Actor, Target, hold_chain, record
from apps.connections.bedrock import RoleCheck, Verdict
from apps.connections.models import AuthorizationProfile, BedrockRole, Connection, ConnectionSecret, RoleState
from apps.connections.origin import origin_of
from apps.connections.routing import DEFAULT_ROUTING, Routing
from apps.core.secrets import PLATFORM, Secret, fingerprint, hint, seal
from apps.external_models.actions import Author
from apps.external_models.actions import lock as lock_model
from apps.external_models.definition import Definition, looks_secret
from apps.external_models.models import ExternalModel
from apps.external_models.names import name_key


class ConnectionNameTaken(Exception):
    """Another connection of the workspace has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"This workspace already has a connection named “{name}”. Choose another name.")


class KeyAlreadyUsed(Exception):
    """The model already has a connection with this key."""

    def __init__(self, connection_name: str) -> None:
        super().__init__(f"The connection “{connection_name}” of this model already uses this key. Enter another key.")


class ProfileUnknown(Exception):
    """The authorization profile is not the workspace's, or was deleted meanwhile."""

    def __init__(self) -> None:
        super().__init__("This authorization profile is not there any more. Choose another one, or None.")


class Stay(Enum):
    """For *leave it as it is*, where None already means *none*."""

    PROFILE = "profile"


class ConnectionEditConflict(Exception):
    """The connection was changed after the page was opened."""

    def __init__(self) -> None:
        super().__init__("Somebody changed this connection while you were editing it. Reload the page, then enter the values again.")


class RoleNotSound(Exception):
    """The check did not find the role sound, and nobody said that it is to be registered all the same."""

    def __init__(self, check: RoleCheck) -> None:
        super().__init__(check.words)
        self.check = check


class RotationChangesNothing(Exception):
    """The new key is the key that the connection has."""

    def __init__(self) -> None:
        super().__init__("This connection already uses this key. Paste the new one.")


@transaction.atomic
def add_connection(
    model: ExternalModel,
    *,
    name: str,
    secrets: Mapping[str, Secret],
    parameters: Mapping[str, str],
    by: Author,
    authorization_profile: AuthorizationProfile | None = None,
    routing: Routing = DEFAULT_ROUTING,
    budget: Budget = NO_BUDGET,
) -> Connection:
    """Add a connection with its secrets by header name. Raises ConnectionNameTaken, KeyAlreadyUsed and ProfileUnknown."""
    lock_model(model)
    connection = Connection(workspace_id=model.workspace_id, model=model, name=name, name_key=name_key(name), parameters=dict(parameters))
    connection.created_by, connection.created_by_name = by.user, by.actor.name
    connection.key_fingerprint = key_fingerprint(model, secrets)
    connection.authorization_profile = own_profile(connection, authorization_profile)
    set_up, budgeted = routing.write(connection), connection.set_budget(budget)
    save_unique(connection)
    store_secrets(connection, secrets)
    changes: dict[str, object] = {"model": model.name, **{f"secret {header}": secret for header, secret in secrets.items()}}
    if connection.authorization_profile:
        changes["authorization profile"] = connection.authorization_profile.name
    changes |= {name: after for name, (_, after) in set_up.items()}
    record(Event.CONNECTION_ADDED, actor=by.actor, workspace=model.workspace_id, target=connection, changes=changes)
    if budgeted:
        record(Event.BUDGET_SET, actor=by.actor, workspace=model.workspace_id, target=connection, changes=budgeted)
    return connection


@transaction.atomic
def replace_credentials(
    connection: Connection,
    *,
    secrets: Mapping[str, Secret],
    parameters: Mapping[str, str],
    actor: Actor,
    expected_version: int | None = None,
    authorization_profile: AuthorizationProfile | Stay | None = Stay.PROFILE,
    routing: Routing | None = None,
    budget: Budget | None = None,
) -> Connection:
    """Replace the given secrets and the parameters; secrets not given stay, unless host or authorization profile change (spec 07 A8).

    `routing` and `budget` None leave those as they are; where they are all that changes, the events say so. Raises KeyAlreadyUsed,
    ProfileUnknown, ConnectionEditConflict, the last also when the endpoint is no longer the one that was read before (spec 07 A8).
    """
    endpoint = connection.model.definition.url
    connection = lock(connection)
    if expected_version is not None and (connection.version, connection.model.definition.url) != (expected_version, endpoint):
        raise ConnectionEditConflict
    changes: dict[str, object] = {f"secret {header}": secret for header, secret in secrets.items()}
    if dict(parameters) != connection.parameters:
        changes["parameters"] = (connection.parameters, dict(parameters))
    connection.parameters = dict(parameters)
    profile_before = connection.authorization_profile
    if not isinstance(authorization_profile, Stay):
        connection.authorization_profile = own_profile(connection, authorization_profile)
    if secrets:
        connection.key_fingerprint = key_fingerprint(connection.model, secrets) or connection.key_fingerprint
        connection.last_error = ""
    routed = routing.write(connection) if routing else {}
    budgeted = connection.set_budget(budget) if budget is not None else {}
    connection.version += 1
    connection.updated_at = timezone.now()
    save_unique(connection)
    cleared = clear_foreign_secrets(connection, keep=secrets)
    changes |= {f"secret {header}": "cleared: the host changed" for header in cleared}
    if profile_before != connection.authorization_profile:
        changes["authorization profile"] = tuple(str(each or "None") for each in (profile_before, connection.authorization_profile))
        cleared = clear_secrets(connection, connection.secrets.all(), keep=secrets)
        changes |= {f"secret {header}": "cleared: the authorization profile changed" for header in cleared}
    store_secrets(connection, secrets)
    event = Event.CONNECTION_UPDATED if routed and not changes else Event.CONNECTION_CREDENTIALS_REPLACED
    if changes or routed or not budgeted:
        record(event, actor=actor, workspace=connection.workspace_id, target=connection, changes=changes | routed)
    if budgeted:
        record(Event.BUDGET_SET, actor=actor, workspace=connection.workspace_id, target=connection, changes=budgeted)
    return connection


@transaction.atomic
def rotate_key(connection: Connection, *, secret: Secret, actor: Actor) -> Connection:
    """Switch to a new key that the provider has accepted. Calls under way keep the one that they began with.

    Raises KeyAlreadyUsed, and ConnectionEditConflict when the connection or its endpoint changed after `connection` was read.
    """
    read_as = (connection.version, connection.model.definition.url)
    connection = lock(connection)
    if (connection.version, connection.model.definition.url) != read_as:
        raise ConnectionEditConflict
    header = key_header(connection.model.definition)
    connection.key_fingerprint = key_fingerprint(connection.model, {header: secret})
    connection.last_error, connection.last_used_at = "", timezone.now()
    connection.version += 1
    connection.updated_at = connection.last_used_at
    save_unique(connection)
    store_secrets(connection, {header: secret})
    changes = {f"secret {header}": secret}
    record(Event.CONNECTION_ROTATED, actor=actor, workspace=connection.workspace_id, target=connection, changes=changes)
    return connection


@transaction.atomic
def switch_connection(connection: Connection, *, on: bool, actor: Actor) -> Connection:
    """Allow or stop calls through the connection. Leaves no event when nothing changes."""
    connection = lock(connection)
    if connection.inferencing_enabled != on:
        connection.inferencing_enabled = on
        connection.save(update_fields=["inferencing_enabled"])
        record(
            Event.CONNECTION_INFERENCING_SWITCHED,
            actor=actor,
            workspace=connection.workspace_id,
            target=connection,
            changes={"inferencing": (not on, on)},
        )
    return connection


@transaction.atomic
def delete_connection(connection: Connection, *, actor: Actor) -> None:
    """Delete the connection and its secrets. Its audit events stay."""
    connection = lock(connection)
    record(
        Event.CONNECTION_DELETED,
        actor=actor,
        workspace=connection.workspace_id,
        target=connection,
        changes={"model": connection.model.name},
    )
    connection.delete()


def note_use(connection: Connection, *, error: str) -> None:
    """Remember time and outcome of a call, inside a transaction that holds the chain. Not a change by anybody, so not audited itself."""
    Connection.objects.filter(pk=connection.pk).update(last_used_at=timezone.now(), last_error=error)


@transaction.atomic
def drop_secrets_of_other_hosts(model: ExternalModel, *, actor: Actor) -> list[Connection]:
    """After the endpoint changed: clear what was entered for another host, on every connection. Gives the connections that lost any."""
    hold_chain(model.workspace_id)
    losers = []
    for connection in model.connections.select_for_update(of=("self",)):
        connection.model = model
        if cleared := clear_foreign_secrets(connection, keep={}):
            changes = {f"secret {header}": "cleared: the host changed" for header in cleared}
            record(Event.CONNECTION_CREDENTIALS_REPLACED, actor=actor, workspace=model.workspace_id, target=connection, changes=changes)
            losers.append(connection)
    return losers


def clear_foreign_secrets(connection: Connection, *, keep: Mapping[str, Secret]) -> list[str]:
    """Delete secrets entered for another origin than the connection's now; names of those that `keep` does not replace."""
    foreign = connection.secrets.exclude(origin=origin_of(connection.model.definition.url, connection.parameters))
    return clear_secrets(connection, foreign, keep=keep)


def clear_secrets(connection: Connection, rows: QuerySet[ConnectionSecret], *, keep: Mapping[str, Secret]) -> list[str]:
    """Delete these secrets of the connection; names of those that `keep` does not replace."""
    names = list(rows.values_list("name", flat=True))
    if names:
        rows.delete()
    kept = {header.lower() for header in keep}
    cleared = [name for name in names if name not in kept]
    if cleared and (not keep or key_header(connection.model.definition).lower() in cleared):
        connection.key_fingerprint = ""  # or the key could not be entered again, here or on another connection
        connection.save(update_fields=["key_fingerprint"])
    return cleared


def own_profile(connection: Connection, profile: AuthorizationProfile | None) -> AuthorizationProfile | None:
    """The profile as it is now, inside a transaction that holds the chain. Raises ProfileUnknown for a foreign or deleted one."""
    if profile is None:
        return None
    found = AuthorizationProfile.objects.filter(pk=profile.pk, workspace=connection.workspace_id).first()
    if found is None or connection.workspace_id is None:
        raise ProfileUnknown
    return found


def store_secrets(connection: Connection, secrets: Mapping[str, Secret]) -> None:
    """Seal each secret for its own row and the connection's present origin."""
    origin = origin_of(connection.model.definition.url, connection.parameters)
    for header, secret in secrets.items():
        name = header.lower()
        row = ConnectionSecret.objects.filter(connection=connection, name=name).first() or ConnectionSecret(
            connection=connection, name=name
        )
        row.origin, row.hint = origin, hint(secret)
        row.value = seal(secret, row.place(connection))
        row.save()


def key_fingerprint(model: ExternalModel, secrets: Mapping[str, Secret]) -> str:
    """Fingerprint of the connection's key, "" when it is not among these secrets."""
    header = key_header(model.definition)
    if header not in secrets:
        return ""
    return fingerprint(secrets[header], f"model:{model.pk}", workspace=str(model.workspace_id or PLATFORM))


def key_header(definition: Definition) -> str:
    """Which secret header is the key that must be unique: the first whose name says so, else the first; "" without any.

    It follows from the definition alone: replacing a second secret must not make that one the key.
    """
    headers = definition.secret_headers
    return next((name for name in headers if looks_secret(name)), headers[0] if headers else "")


def lock(connection: Connection) -> Connection:
    """The row as it is now, locked to the end of the transaction with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(connection.workspace_id)
    row = Connection.objects.select_for_update(of=("self",)).select_related("model").filter(pk=connection.pk).first()
    if row is None:
        raise Http404("This connection was deleted meanwhile.")
    return row


def save_unique(connection: Connection) -> None:
    """Save, or say which of the two constraints refused: the name, or the key."""
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        others = Connection.objects.exclude(pk=connection.pk)
        same_key = others.filter(model=connection.model, key_fingerprint=connection.key_fingerprint).exclude(key_fingerprint="").first()
        if same_key:
            raise KeyAlreadyUsed(same_key.name) from error
        if others.filter(workspace=connection.workspace, name_key=connection.name_key).exists():
            raise ConnectionNameTaken(connection.name) from error
        raise


@transaction.atomic
def record_key_lookup(workspace: Workspace, *, found: Sequence[Connection], actor: Actor) -> None:
    """Somebody asked whose key it is. The event names the connections that hold it, never the key or its fingerprint."""
    hold_chain(workspace.pk)
    about = Target("connections.connection", "", "Whose key is this?")
    names = [connection.name for connection in found]
    record(Event.CONNECTION_KEY_LOOKED_UP, actor=actor, workspace=workspace.pk, target=about, changes={"found": names})


# Bedrock roles


@transaction.atomic
def request_registration(
    workspace: Workspace, *, role_arn: str, sts_region: str, check: RoleCheck, automatic: bool, by: Author
) -> BedrockRole:
    """Ask for a role to be registered. `check` was made before, outside of any transaction (spec 07 G2).

    A role that the check found open or closed is refused at once; a sound one waits for platform staff, unless the deployment registers
    automatically. One that a person refused always waits for staff, and keeps their reason until then. One that is registered already
    stays as it is, without an event.
    """
    hold_chain(workspace.pk)
    role = BedrockRole.objects.select_for_update().filter(workspace=workspace, role_arn=role_arn).first()
    if role is None:
        role = BedrockRole(workspace=workspace, role_arn=role_arn)
    elif role.is_registered:
        return role
    refused_by_staff = role.decided_by_id is not None
    role.sts_region, role.state = sts_region, state_after(check, automatic=automatic and not refused_by_staff)
    role.check_result, role.checked_at = check.words[:500], timezone.now()
    role.requested_by, role.requested_at = by.user, timezone.now()
    decided = role.state != RoleState.REQUESTED
    reason = role.check_result if role.state == RoleState.REFUSED else ""
    if not refused_by_staff:
        role.reason, role.decided_at = reason, timezone.now() if decided else None
    role.save()
    changes = {"STS region": sts_region, "check": f"{check.verdict}: {check.words}"}
    record(Event.BEDROCK_ROLE_REQUESTED, actor=by.actor, workspace=workspace.pk, target=role, changes=changes)
    if decided:
        by_check = {"decided": "automatically, by the check"}
        _record_decision(role, reason, chains=(workspace.pk,), actor=by.actor, changes=by_check)
    return role


def state_after(check: RoleCheck, *, automatic: bool) -> RoleState:
    """Where a request leads that nobody decides on."""
    if check.verdict in (Verdict.OPEN, Verdict.CLOSED):
        return RoleState.REFUSED
    return RoleState.REGISTERED if automatic and check.verdict is Verdict.SOUND else RoleState.REQUESTED


@transaction.atomic
def register_role(role: BedrockRole, *, check: RoleCheck, override: bool, reason: str, by: Author) -> BedrockRole:
    """Platform staff register the role. Raises RoleNotSound unless the check found it sound or staff `override` that (audited)."""
    role = lock_role(role)
    if check.verdict is not Verdict.SOUND and not override:
        raise RoleNotSound(check)
    role.check_result, role.checked_at = check.words[:500], timezone.now()
    decide(role, RoleState.REGISTERED, reason, by)
    changes: dict[str, object] = {"check": f"{check.verdict}: {check.words}", "reason": reason}
    if check.verdict is not Verdict.SOUND:
        changes["override"] = True
    _record_decision(role, reason, chains=(role.workspace_id, None), actor=by.actor, changes=changes)
    return role


@transaction.atomic
def refuse_role(role: BedrockRole, *, reason: str, by: Author) -> BedrockRole:
    """Platform staff refuse the role, or take back its registration: it is not assumed any more, by nobody."""
    role = lock_role(role)
    before = role.state
    decide(role, RoleState.REFUSED, reason, by)
    changes = {"reason": reason, "state": (before, role.state)}
    _record_decision(role, reason, chains=(role.workspace_id, None), actor=by.actor, changes=changes)
    return role


def decide(role: BedrockRole, state: RoleState, reason: str, by: Author) -> None:
    role.state, role.reason = state, reason[:500]
    role.decided_by, role.decided_at = by.user, timezone.now()
    role.save()


def _record_decision(role: BedrockRole, reason: str, *, chains: Sequence[UUID | None], actor: Actor, changes: Mapping[str, object]) -> None:
    """The event of a decision, in the workspace's chain and, what staff decide, after it in the platform's (spec 07 D7)."""
    event = Event.BEDROCK_ROLE_REGISTERED if role.is_registered else Event.BEDROCK_ROLE_REFUSED
    for chain in chains:
        record(event, actor=actor, workspace=chain, target=role, changes=changes, description=reason[:500])


def lock_role(role: BedrockRole) -> BedrockRole:
    """The row as it is now, locked with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(role.workspace_id)
    row = BedrockRole.objects.select_for_update().filter(pk=role.pk).first()
    if row is None:
        raise Http404("This registration was deleted meanwhile.")
    return row
