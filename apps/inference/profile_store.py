"""The token row of a profile, as one process after the other sees it: read, claim, store. Synchronous, and no call out in here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.audit.record import hold_chain
from apps.connections.profile_actions import note_refresh_failed
from apps.connections.profile_types import slots_of, spec_of
from apps.connections.profiles import AuthorizationProfile, ProfileToken, place_of_access, place_of_refresh
from apps.core.database import release_connection
from apps.core.secrets import Secret, SecretUnreadable, seal, unseal
from apps.inference.oauth_requests import Granted
from apps.inference.profile_material import Material, not_configured

# How long a claim holds, in seconds: longer than a token request may take, so that nobody takes over from somebody still at it.
LEASE = 15.0
MARGIN = 30.0  # seconds before its end that a token is renewed, or a tenth of its life where that is less


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `obtained_at` tells older ones from newer ones."""

    access: Secret = field(repr=False)
    obtained_at: datetime
    expires_at: datetime | None
    version: int

    def is_fresh(self) -> bool:
        """Whether it may be sent without asking for another one first."""
        if self.expires_at is None:
            return True
        margin = min(MARGIN, (self.expires_at - self.obtained_at).total_seconds() / 10)
        return timezone.now() < self.expires_at - timedelta(seconds=margin)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to renew, until then. `refresh` is what it can be renewed with."""

    until: datetime
    since: datetime
    refresh: Secret | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else is renewing, at most until then."""

    until: datetime


async def in_database[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in the thread for database work, and give its connection back: a call may last minutes."""

    def run() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            release_connection()

    return await sync_to_async(run)()


def begin(material: Material, refused_until: datetime | None) -> Token | Claim | Wait:
    """The stored token if it is fresh and newer than what was refused; else the claim to renew it, or whom to wait for.

    Raises ProviderError(PROFILE_NOT_CONFIGURED) when the profile was changed or deleted since `material` was read.
    """
    row = token_row(material)
    if token := usable(row, material, refused_until):
        return token
    now = timezone.now()
    until = now + timedelta(seconds=LEASE)
    free = Q(renewing_until=None) | Q(renewing_until__lte=now)
    if not ProfileToken.objects.filter(free, pk=row.pk).update(renewing_until=until):
        row.refresh_from_db(fields=["renewing_until"])
        return Wait(row.renewing_until or now)
    row = token_row(material)  # whoever held the claim before may have stored a token meanwhile
    if token := usable(row, material, refused_until):
        release(material, until)
        return token
    return Claim(until, now, refresh_of(row))


def token_row(material: Material) -> ProfileToken:
    """The row, with its profile. Raises ProviderError(PROFILE_NOT_CONFIGURED) when the tokens of `material` are worth nothing there.

    An edit that has nothing to do with tokens leaves them alone, also while one is being obtained: a rotated refresh token that was not
    kept would be lost for good. One that adds a host does not: nobody has entered or allowed anything for it yet (spec 07 A8).
    """
    profile = AuthorizationProfile.objects.prefetch_related("secrets").filter(pk=material.id).first()
    if profile is None or (profile.version != material.version and not is_good_for(Material.of(profile), material)):
        raise not_configured(material.name, "It was changed or deleted while the call was prepared. Try again.")
    row = ProfileToken.objects.filter(profile=profile).first()
    if row is None:
        ProfileToken.objects.bulk_create([ProfileToken(profile=profile)], ignore_conflicts=True)
        row = ProfileToken.objects.get(profile=profile)
    row.profile = profile
    return row


def is_good_for(now: Material, then: Material) -> bool:
    """Whether a token obtained with the profile as it was then may be used by it as it is now."""
    return shape_of(now) == shape_of(then) and now.allowed_origins <= then.allowed_origins


def shape_of(material: Material) -> tuple[list[Any], dict[str, Secret]]:
    """What a token is obtained with."""
    slots = slots_of(material.type, material.settings)
    secrets = {name: secret for name, secret in material.secrets.items() if slots[name].shapes_token}
    return spec_of(material.type).shaping(material.settings), secrets


def usable(row: ProfileToken, material: Material, refused_until: datetime | None) -> Token | None:
    if row.profile_version != row.profile.version or not row.access_token or row.obtained_at is None:
        return None
    if refused_until and row.obtained_at <= refused_until:
        return None
    try:
        token = Token(unseal(row.access_token, place_of_access(row)), row.obtained_at, row.expires_at, material.version)
    except SecretUnreadable:
        return None
    return token if token.is_fresh() else None


def refresh_of(row: ProfileToken) -> Secret | None:
    if row.profile_version != row.profile.version or not row.refresh_token:
        return None
    try:
        return unseal(row.refresh_token, place_of_refresh(row))
    except SecretUnreadable:
        return None


@transaction.atomic
def store(material: Material, granted: Granted, claimed_until: datetime | None = None) -> Token:
    """Keep the tokens, the new refresh token among them, before anybody uses them; the profile is configured from here on.

    A claim that somebody else has by now is left alone.
    """
    hold_chain(material.workspace_id)  # or an edit, which locks profile and token in the other order, could wait for this and this for it
    row = token_row(material)
    row.profile_version = row.profile.version
    row.access_token = seal(granted.access, place_of_access(row))
    if granted.refresh:
        row.refresh_token = seal(granted.refresh, place_of_refresh(row))
    row.obtained_at, row.expires_at = granted.obtained_at, granted.expires_at
    row.save(update_fields=["profile_version", "access_token", "refresh_token", "obtained_at", "expires_at"])
    if claimed_until:
        release(material, claimed_until)
    AuthorizationProfile.objects.filter(pk=material.id).exclude(problem="").update(problem="")
    return Token(granted.access, granted.obtained_at, granted.expires_at, material.version)


def release(material: Material, claimed_until: datetime) -> None:
    """Give the claim back, unless it is another one's by now."""
    ProfileToken.objects.filter(profile=material.id, renewing_until=claimed_until).update(renewing_until=None)


def fail(material: Material, claim: Claim, problem: str, *, forget_refresh: bool) -> None:
    """Give the claim back and mark the profile. A refresh token that the server does not know any more is not tried again."""
    if forget_refresh:
        own = ProfileToken.objects.filter(profile=material.id, profile_version=material.version, renewing_until=claim.until)
        own.update(refresh_token="", access_token="")
    release(material, claim.until)
    note_refresh_failed(material.workspace_id, material.id, version=material.version, since=claim.since, problem=problem)
