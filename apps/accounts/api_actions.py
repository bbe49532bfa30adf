"""Every change of API apps and their keys. Each is atomic and leaves its audit event; a key's text is in none of them (spec 07 A11)."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from apps.accounts.actions import AccountError
from apps.accounts.api_credentials import ID_LENGTH, KeyText
from apps.accounts.budgets import NO_BUDGET, Budget
from apps.accounts.models import ApiApp, ApiKey, Membership, User, Workspace
from apps.accounts.permissions import Scope
from apps.audit.events import Event
from apps.audit.record import Actor, hold_chain, record
from apps.core.names import name_key


class ApiAppNameTaken(AccountError):
    """Another API app of the workspace has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"This workspace already has an API app named “{name}”. Choose another name.")


class ScopesRefused(AccountError):
    """Nobody gives more than they have (spec 07 D3)."""


class ApiAppEditConflict(AccountError):
    """The app was changed after the page was opened."""

    def __init__(self) -> None:
        super().__init__("Somebody changed this API app while you were editing it. Reload the page, then enter the values again.")


class KeyMadeAlready(AccountError):
    """The same form was sent twice. The key is there, and its text went with the first answer."""

    def __init__(self, key: ApiKey) -> None:
        super().__init__("This key was made already, and its text was shown then.")
        self.key = key


class KeyNotUsable(AccountError):
    """A revoked key stays as it is."""

    def __init__(self) -> None:
        super().__init__("This key is revoked and cannot be changed. Add another key instead.")


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What somebody decides about a key. Limits per minute; None is no limit, or no end."""

    name: str
    expires_at: datetime | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget: Budget = NO_BUDGET


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with the only copy of its text."""

    key: ApiKey
    text: KeyText


@transaction.atomic
def create_api_app(workspace: Workspace, *, name: str, scopes: Iterable[Scope], maker: User, actor: Actor, description: str = "") -> ApiApp:
    """Raises ApiAppNameTaken, or ScopesRefused for what the maker's role does not cover."""
    hold_chain(workspace.pk)
    wanted = _in_order(scopes)
    _check_scopes(workspace.pk, wanted, maker)
    app = ApiApp(workspace=workspace, name=name, name_key=name_key(name), description=description, scopes=wanted)
    app.created_by, app.created_by_name = maker, maker.name
    _save(app)
    changes: dict[str, object] = {"scopes": wanted} | ({"description": description} if description else {})
    record(Event.API_APP_CREATED, actor=actor, workspace=workspace.pk, target=app, changes=changes)
    return app


@transaction.atomic
def create_app_with_key(
    workspace: Workspace,
    *,
    name: str,
    scopes: Iterable[Scope],
    terms: KeyTerms,
    creation_key: UUID,
    maker: User,
    actor: Actor,
    description: str = "",
) -> NewKey:
    """An app and its first key together. Raises as the two do."""
    hold_chain(workspace.pk)
    _check_new(workspace.pk, creation_key)
    app = create_api_app(workspace, name=name, scopes=scopes, maker=maker, actor=actor, description=description)
    return create_api_key(app, terms=terms, creation_key=creation_key, maker=maker, actor=actor)


@transaction.atomic
def update_api_app(
    app: ApiApp, *, name: str, description: str, scopes: Iterable[Scope], expected_version: int, by: User, actor: Actor
) -> ApiApp:
    """Counts for the app's keys from their next call on. Raises ApiAppEditConflict, ApiAppNameTaken or ScopesRefused."""
    app = lock_app(app)
    if app.version != expected_version:
        raise ApiAppEditConflict
    wanted = _in_order(scopes)
    _check_scopes(app.workspace_id, [scope for scope in wanted if scope not in app.scopes], by)
    changes = _assign(app, {"name": name, "description": description, "scopes": wanted})
    if not changes:
        return app
    app.name_key, app.version, app.updated_at = name_key(name), app.version + 1, timezone.now()
    _save(app)
    record(Event.API_APP_UPDATED, actor=actor, workspace=app.workspace_id, target=app, changes=changes)
    return app


@transaction.atomic
def delete_api_app(app: ApiApp, *, actor: Actor) -> None:
    """With its keys: none of them calls any more."""
    app = lock_app(app)
    keys = [f"{key.name} …{key.hint}" for key in app.keys.all()]
    record(Event.API_APP_DELETED, actor=actor, workspace=app.workspace_id, target=app, changes={"keys": keys})
    app.delete()


@transaction.atomic
def create_api_key(app: ApiApp, *, terms: KeyTerms, creation_key: UUID, maker: User, actor: Actor) -> NewKey:
    """Another key of the app; what it may is never more than what `maker` may. Raises KeyMadeAlready for the same `creation_key`."""
    app = lock_app(app)
    key_id = _check_new(app.workspace_id, creation_key)
    text = KeyText(key_id)
    key = ApiKey(id=key_id, app=app, digest=text.digest, hint=text.hint, created_by=maker, created_by_name=maker.name)
    stated, budgeted = _assign(key, _terms(terms)), key.set_budget(terms.budget)
    key.save(force_insert=True)
    changes = stated | {"app": app.name, "key": f"…{key.hint}"}
    record(Event.API_KEY_CREATED, actor=actor, workspace=app.workspace_id, target=key, changes=changes)
    if budgeted:
        record(Event.BUDGET_SET, actor=actor, workspace=app.workspace_id, target=key, changes=budgeted)
    return NewKey(key, text)


@transaction.atomic
def update_api_key(key: ApiKey, *, terms: KeyTerms, actor: Actor) -> ApiKey:
    """Name, end, limits and budget. Raises KeyNotUsable for a revoked one."""
    key = lock_key(key)
    if key.revoked_at is not None:
        raise KeyNotUsable
    changes, budgeted = _assign(key, _terms(terms)), key.set_budget(terms.budget)
    if changes or budgeted:
        key.save()
    if changes:
        changes["app"] = key.app.name
        record(Event.API_KEY_UPDATED, actor=actor, workspace=key.app.workspace_id, target=key, changes=changes)
    if budgeted:
        record(Event.BUDGET_SET, actor=actor, workspace=key.app.workspace_id, target=key, changes=budgeted)
    return key


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: Actor) -> ApiKey:
    """For good. A key that is revoked already stays as it is."""
    key = lock_key(key)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        changes = {"app": key.app.name, "key": f"…{key.hint}"}
        record(Event.API_KEY_REVOKED, actor=actor, workspace=key.app.workspace_id, target=key, changes=changes)
    return key


def lock_app(app: ApiApp) -> ApiApp:
    """The row as it is now, locked to the end of the transaction with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(app.workspace_id)
    row = ApiApp.objects.select_for_update().filter(pk=app.pk).first()
    if row is None:
        raise Http404("This API app was deleted meanwhile.")
    return row


def lock_key(key: ApiKey) -> ApiKey:
    """The same for a key."""
    hold_chain(key.app.workspace_id)
    row = ApiKey.objects.select_for_update(of=("self",)).select_related("app").filter(pk=key.pk).first()
    if row is None:
        raise Http404("This API key was deleted meanwhile.")
    return row


def key_id_for(workspace_id: UUID, creation_key: UUID) -> str:
    """The ID of the key that a form makes. Sent twice it makes one; another workspace's form cannot reach it."""
    return hashlib.sha256(workspace_id.bytes + creation_key.bytes).hexdigest()[:ID_LENGTH]


def _check_new(workspace_id: UUID, creation_key: UUID) -> str:
    key_id = key_id_for(workspace_id, creation_key)
    existing = ApiKey.objects.select_related("app").filter(pk=key_id).first()
    if existing is not None:
        raise KeyMadeAlready(existing)
    return key_id


def _check_scopes(workspace_id: UUID, scopes: Iterable[str], person: User) -> None:
    membership = Membership.objects.filter(workspace=workspace_id, user=person).first()
    held = membership.permissions if membership else frozenset()
    beyond = [scope for scope in scopes if Scope(scope).permission not in held]
    if beyond:
        raise ScopesRefused(f"{person.name} may not give {', '.join(beyond)}: the role in this workspace does not cover it.")


def _in_order(scopes: Iterable[Scope]) -> list[str]:
    wanted = set(scopes)
    if not wanted:
        raise ScopesRefused("Choose at least one scope.")
    return [scope.value for scope in Scope if scope in wanted]


def _terms(terms: KeyTerms) -> dict[str, object]:
    return {
        "name": terms.name,
        "expires_at": terms.expires_at,
        "requests_per_minute": terms.requests_per_minute,
        "tokens_per_minute": terms.tokens_per_minute,
    }


def _assign(row: ApiApp | ApiKey, wanted: Mapping[str, object]) -> dict[str, object]:
    """Set the fields; what changed of them, as the audit log says it."""
    changes: dict[str, object] = {}
    for field, value in wanted.items():
        before = getattr(row, field)
        if before != value:
            changes[field.replace("_", " ")] = (before, value)
            setattr(row, field, value)
    return changes


def _save(app: ApiApp) -> None:
    try:
        with transaction.atomic():
            app.save()
    except IntegrityError as error:
        raise ApiAppNameTaken(app.name) from error
