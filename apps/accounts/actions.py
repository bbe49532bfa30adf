"""Changes to people, workspaces and memberships. Every one leaves its audit event in its transaction."""

from collections.abc import Mapping

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.accounts.models import Membership, User, Workspace, normalize_email
from apps.accounts.permissions import Role
from apps.audit.events import Event
from apps.audit.record import Actor, hold_chain, record


class AccountError(Exception):
    """A change that is refused; the text is a sentence for its reader."""


class AlreadyExists(AccountError):
    """What was to be made is there already: a caller that runs again may take that for success."""


@transaction.atomic
def create_workspace(*, name: str, slug: str, owner: User | None, actor: Actor, organization: str = "") -> Workspace:
    """Raises AlreadyExists for a slug in use, ValidationError for an unusable name or slug."""
    workspace = Workspace(name=name.strip(), slug=slug, organization=organization.strip())
    workspace.clean_fields()
    try:
        with transaction.atomic():
            workspace.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyExists(f"A workspace with the slug {slug} exists already.") from error
    if owner is not None:
        Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    changes: dict[str, object] = {"name": workspace.name, "slug": workspace.slug, "organization": workspace.organization}
    record(Event.WORKSPACE_CREATED, actor=actor, workspace=workspace.pk, target=workspace, changes=changes | _named("owner", owner))
    return workspace


def _named(key: str, user: User | None) -> dict[str, object]:
    return {key: user.name} if user else {}


@transaction.atomic
def create_user(
    *,
    email: str,
    password: str,
    name: str,
    actor: Actor,
    is_staff: bool = False,
    workspace: Workspace | None = None,
    role: Role | None = None,
) -> User:
    """A person, with ``workspace`` and ``role`` a member of it. Raises AlreadyExists, or ValidationError for a weak password."""
    user = User(email=normalize_email(email), name=name.strip(), is_staff=is_staff)
    user.clean_fields(exclude=["password"])
    validate_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyExists(f"A user with the e-mail {user.email} exists already.") from error
    # The workspace's chain before the platform's: see audit.record.
    if workspace is not None and role is not None:
        add_member(workspace=workspace, user=user, role=role, actor=actor)
    record(Event.USER_CREATED, actor=actor, workspace=None, target=user, changes={"name": user.name, "platform staff": is_staff})
    return user


@transaction.atomic
def update_profile(user: User, *, name: str, timezone: str, actor: Actor) -> None:
    changes: dict[str, object] = {}
    for field, value in {"name": name.strip(), "timezone": timezone}.items():
        before = getattr(user, field)
        if before != value:
            changes[field] = (before, value)
            setattr(user, field, value)
    if changes:
        user.clean_fields()
        user.save(update_fields=list(changes))
        record(Event.USER_UPDATED, actor=actor, workspace=None, target=user, changes=changes)


@transaction.atomic
def update_user(user: User, *, name: str, is_active: bool, is_staff: bool, actor: Actor) -> None:
    """What platform staff may change of somebody else."""
    changes: dict[str, object] = {}
    wanted = {"name": name.strip(), "is_active": is_active, "is_staff": is_staff}
    stored = User.objects.select_for_update().get(pk=user.pk)
    for field, value in wanted.items():
        if getattr(stored, field) != value:
            changes[field] = (getattr(stored, field), value)
        setattr(user, field, value)
    if changes:
        user.save(update_fields=list(changes))
        record(Event.USER_UPDATED, actor=actor, workspace=None, target=user, changes=changes)


@transaction.atomic
def rename_workspace(workspace: Workspace, *, name: str, organization: str, actor: Actor) -> None:
    """The slug stays: links to the workspace are kept in places we cannot reach."""
    hold_chain(workspace.pk)
    stored = Workspace.objects.select_for_update().get(pk=workspace.pk)
    wanted = {"name": name.strip(), "organization": organization.strip()}
    changes = {field: (getattr(stored, field), value) for field, value in wanted.items() if getattr(stored, field) != value}
    for field, value in wanted.items():
        setattr(workspace, field, value)
    if changes:
        workspace.clean_fields()
        workspace.save(update_fields=list(changes))
        record(Event.WORKSPACE_RENAMED, actor=actor, workspace=workspace.pk, target=workspace, changes=changes)


@transaction.atomic
def end_other_sessions(user: User, *, actor: Actor) -> None:
    """Every session of the person stops being valid. The caller renews the one it is in."""
    user.sessions_version += 1
    user.save(update_fields=["sessions_version"])
    record(Event.SESSIONS_ENDED, actor=actor, workspace=None, target=user)


@transaction.atomic
def add_member(*, workspace: Workspace, user: User, role: Role, actor: Actor, by: Role | None = None) -> Membership:
    """``by`` is the role of the person who does it; None stands for the platform, which may do all."""
    _check_owner_rights(by, role)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    except IntegrityError as error:
        raise AlreadyExists(f"{user.name} is a member of {workspace.name} already.") from error
    record(Event.MEMBER_ADDED, actor=actor, workspace=workspace.pk, target=user, changes={"role": role.value})
    return membership


@transaction.atomic
def change_role(membership: Membership, *, role: Role, actor: Actor, by: Role | None = None) -> None:
    current = _locked(membership)
    before = Role(current.role)
    if before is role:
        return
    _check_owner_rights(by, before, role)
    check_another_owner(current)
    current.role = membership.role = role
    current.save(update_fields=["role"])
    changes: Mapping[str, object] = {"role": (before.value, role.value)}
    record(Event.MEMBER_ROLE_CHANGED, actor=actor, workspace=current.workspace_id, target=current.user, changes=changes)


@transaction.atomic
def remove_member(membership: Membership, *, actor: Actor, by: Role | None = None) -> None:
    current = _locked(membership)
    _check_owner_rights(by, Role(current.role))
    check_another_owner(current)
    user, workspace_id, role = current.user, current.workspace_id, current.role
    current.delete()
    record(Event.MEMBER_REMOVED, actor=actor, workspace=workspace_id, target=user, changes={"role": (role, None)})


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with its workspace locked, so that two owners cannot unmake each other at the same moment."""
    hold_chain(membership.workspace_id)
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    return Membership.objects.select_related("user").get(pk=membership.pk)


def _check_owner_rights(by: Role | None, *roles: Role) -> None:
    if Role.OWNER in roles and by not in {None, Role.OWNER}:
        raise AccountError("Only an owner can make or unmake an owner.")


def check_another_owner(membership: Membership) -> None:
    """Raises AccountError if this membership is the workspace's only owner."""
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(workspace=membership.workspace_id, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise AccountError("A workspace needs an owner. Make somebody else an owner first.")


def sentences(error: ValidationError) -> str:
    """A validation error as text for a terminal, with the names of the fields."""
    if hasattr(error, "error_dict"):
        return " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
    return " ".join(error.messages)
