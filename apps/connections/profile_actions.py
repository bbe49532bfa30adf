"""Every change of an authorization profile. Each is atomic and leaves one audit event; secrets show there as *changed*."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit.events import Event
from apps.audit.models import Outcome
from apps.audit.record import SYSTEM, Actor, Target, hold_chain, record
from apps.connections.profile_types import spec_of
from apps.connections.profiles import AuthorizationProfile, ProfileSecret, ProfileToken
from apps.core.secrets import Secret, hint, seal
from apps.external_models.actions import Author
from apps.external_models.names import name_key


class ProfileNameTaken(Exception):
    """Another profile of the workspace has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"This workspace already has an authorization profile named “{name}”. Choose another name.")


class ProfileEditConflict(Exception):
    """The profile was changed after the page was opened."""

    def __init__(self) -> None:
        super().__init__("Somebody changed this profile while you were editing it. Reload the page, then enter the values again.")


class ProfileInUse(Exception):
    """Connections use the profile."""

    def __init__(self) -> None:
        super().__init__("This profile is in use. Take it out of the connections below first.")


@dataclass(frozen=True, slots=True)
class ProfileValues:
    """What the page says: settings by field, the origins that calls may go to, and the secrets that were entered, by stored name."""

    settings: Mapping[str, Any]
    allowed_origins: tuple[str, ...]
    secrets: Mapping[str, Secret]


@transaction.atomic
def create_profile(workspace: Workspace, *, name: str, type_name: str, values: ProfileValues, by: Author) -> AuthorizationProfile:
    """Add a profile. Raises ProfileNameTaken."""
    hold_chain(workspace.pk)
    profile = AuthorizationProfile(workspace=workspace, name=name, name_key=name_key(name), type=type_name, created_by=by.user)
    profile.settings, profile.allowed_origins = dict(values.settings), list(values.allowed_origins)
    profile.problem = profile.spec.first_problem
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
    except IntegrityError as error:
        raise ProfileNameTaken(name) from error
    store_secrets(profile, values.secrets)
    changes = {"type": profile.get_type_display(), **described(profile, {}, ()), **secret_changes(profile, values.secrets)}
    record(Event.AUTHORIZATION_PROFILE_CREATED, actor=by.actor, workspace=workspace.pk, target=profile, changes=changes)
    return profile


@transaction.atomic
def update_profile(profile: AuthorizationProfile, *, values: ProfileValues, actor: Actor, expected_version: int) -> AuthorizationProfile:
    """Replace settings, allowed hosts and the secrets given; others stay, unless what they were entered for changes (spec 07 A8).

    Tokens stay as long as nothing changes that they were obtained with, and no host is added. Raises ProfileEditConflict.
    """
    profile = lock(profile)
    if profile.version != expected_version:
        raise ProfileEditConflict
    settings_before, origins_before, slots = dict(profile.settings), tuple(profile.allowed_origins), profile.slots
    spec = profile.spec
    profile.settings, profile.allowed_origins = dict(values.settings), list(values.allowed_origins)
    more_hosts = not set(values.allowed_origins) <= set(origins_before)
    cleared = clear_homeless_secrets(profile, keep=values.secrets, more_hosts=more_hosts)
    lost = [slots[name] for name in cleared if name in slots]
    entered = [slot for name, slot in profile.slots.items() if name in values.secrets]
    reshaped = spec.shaping(settings_before) != spec.shaping(profile.settings) or any(slot.shapes_token for slot in [*lost, *entered])
    renew = reshaped or more_hosts
    if renew or not spec.has_tokens:
        profile.problem = spec.first_problem
    profile.version += 1
    profile.updated_at = timezone.now()
    profile.save()
    store_secrets(profile, values.secrets)
    tokens = ProfileToken.objects.filter(profile=profile)
    tokens.delete() if renew else tokens.update(profile_version=profile.version)
    changes = described(profile, settings_before, origins_before) | secret_changes(profile, values.secrets)
    changes |= {f"secret {slots[name].label}" if name in slots else name: "cleared" for name in cleared}
    record(Event.AUTHORIZATION_PROFILE_UPDATED, actor=actor, workspace=profile.workspace_id, target=profile, changes=changes)
    return profile


@transaction.atomic
def delete_profile(profile: AuthorizationProfile, *, actor: Actor) -> None:
    """Delete the profile, its secrets and tokens. Raises ProfileInUse, which the database decides too (PROTECT)."""
    profile = lock(profile)
    changes = {"type": profile.get_type_display()}
    record(Event.AUTHORIZATION_PROFILE_DELETED, actor=actor, workspace=profile.workspace_id, target=profile, changes=changes)
    try:
        profile.delete()
    except ProtectedError as error:
        raise ProfileInUse from error


@transaction.atomic
def record_profile_test(profile: AuthorizationProfile, *, outcome: Outcome, facts: Mapping[str, object], actor: Actor) -> None:
    """Keep that somebody tested the profile, and what came of it. The call itself happened before, outside any transaction."""
    hold_chain(profile.workspace_id)
    record(
        Event.AUTHORIZATION_PROFILE_TESTED,
        actor=actor,
        workspace=profile.workspace_id,
        target=profile,
        outcome=outcome,
        changes=facts,
    )


@transaction.atomic
def record_profile_refusal(workspace: Workspace, *, name: str, hosts: Sequence[str], actor: Actor) -> None:
    """Addresses in a profile's form that the egress rules refuse (spec 07 B7). The event names hosts, not paths or queries."""
    hold_chain(workspace.pk)
    about = Target("connections.authorizationprofile", "", name or "Unsaved profile")
    changes = {"host": ", ".join(hosts)}
    record(Event.EGRESS_REFUSED, actor=actor, workspace=workspace.pk, target=about, outcome=Outcome.REFUSED, changes=changes)


@transaction.atomic
def note_refresh_failed(
    workspace_id: UUID, profile_id: UUID, *, version: int, since: datetime, problem: str, actor: Actor = SYSTEM
) -> None:
    """Mark the profile as not configured. One event, however many calls fail after the first.

    Nothing when the profile is another one by now, or somebody else obtained a token after `since`.
    """
    hold_chain(workspace_id)
    profile = AuthorizationProfile.objects.select_for_update().filter(pk=profile_id, version=version).first()
    if profile is None or ProfileToken.objects.filter(profile=profile, obtained_at__gt=since).exists():
        return
    before, profile.problem = profile.problem, problem[:500]
    profile.save(update_fields=["problem"])
    if not before:
        changes = {"reason": profile.problem}
        event = Event.AUTHORIZATION_PROFILE_REFRESH_FAILED
        record(event, actor=actor, workspace=workspace_id, target=profile, outcome=Outcome.FAILED, changes=changes)


def lock(profile: AuthorizationProfile) -> AuthorizationProfile:
    """The row as it is now, locked to the end of the transaction with its workspace's chain. Raises Http404 when it is gone."""
    hold_chain(profile.workspace_id)
    row = AuthorizationProfile.objects.select_for_update().filter(pk=profile.pk).first()
    if row is None:
        raise Http404("This authorization profile was deleted meanwhile.")
    return row


def clear_homeless_secrets(profile: AuthorizationProfile, *, keep: Mapping[str, Secret], more_hosts: bool) -> list[str]:
    """Delete secrets that the settings have no place for any more, or another host or region; names of those not replaced.

    With `more_hosts`, hosts that were not allowed before, also what would go to them.
    """
    slots = profile.slots
    homeless = []
    for row in profile.secrets.all():
        slot = slots.get(row.name)
        if slot is None or row.origin != slot.origin or (more_hosts and slot.is_for_hosts):
            homeless.append(row)
    for row in homeless:
        row.delete()
    return [row.name for row in homeless if row.name not in keep]


def store_secrets(profile: AuthorizationProfile, secrets: Mapping[str, Secret]) -> None:
    """Seal each secret for its own row and what it is bound to. What the settings have no place for is not stored."""
    for name, slot in profile.slots.items():
        if name not in secrets:
            continue
        row = ProfileSecret.objects.filter(profile=profile, name=name).first() or ProfileSecret(profile=profile, name=name)
        row.origin, row.hint = slot.origin, hint(secrets[name])
        row.value = seal(secrets[name], row.place(profile))
        row.save()


def described(profile: AuthorizationProfile, before: Mapping[str, Any], origins_before: tuple[str, ...]) -> dict[str, object]:
    """What changed in the open settings and the allowed hosts, by label."""
    spec = spec_of(profile.type)
    labels = {part.name: part.label for part in spec.parts}
    now = profile.settings
    changes: dict[str, object] = {
        labels.get(name, name): (before.get(name), now.get(name)) for name in {**before, **now} if before.get(name) != now.get(name)
    }
    if list(origins_before) != profile.allowed_origins:
        changes["Allowed hosts"] = (list(origins_before), profile.allowed_origins)
    return changes


def secret_changes(profile: AuthorizationProfile, secrets: Mapping[str, Secret]) -> dict[str, object]:
    return {f"secret {slot.label}": secrets[name] for name, slot in profile.slots.items() if name in secrets}
