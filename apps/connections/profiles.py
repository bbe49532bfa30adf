"""AuthorizationProfile: a reusable way of authorizing calls (spec 03). Its secrets and its token are rows of their own, sealed in place."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.connections.profile_types import ProfileType, Slot, TypeSpec, missing_labels, slots_of, spec_of
from apps.core.secrets import Place, Secret, SecretUnreadable, register_sealed, unseal

__all__ = ["AuthorizationProfile", "ProfileSecret", "ProfileToken", "ProfileType"]


class AuthorizationProfile(models.Model):
    """One profile of a workspace. Name and type never change: connections and audit events refer to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="authorization_profiles")
    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=480, editable=False)
    type = models.CharField(max_length=24, choices=ProfileType)
    # What is not secret: names, places, prefixes, URLs, scope. Its shape is the type's own (apps/connections/profile_types.py).
    settings = models.JSONField(default=dict, blank=True)
    # Origins (https://api.example.com:443) that calls authorized by this profile may go to. Whoever may edit a model must not be able
    # to send the workspace's credentials to a host of their own (spec 07 A8).
    allowed_origins = models.JSONField(default=list, blank=True)
    # Why the profile cannot authorize calls now, in words; "" while it can. Says so wherever the profile is used.
    problem = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["name_key", "id"]
        constraints = [models.UniqueConstraint("workspace", "name_key", name="profile_name_unique_in_workspace")]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> TypeSpec:
        return spec_of(self.type)

    @property
    def slots(self) -> dict[str, Slot]:
        """The secrets that it has, by name, as its settings are now."""
        return slots_of(self.type, self.settings)

    @property
    def is_configured(self) -> bool:
        """Whether calls can be authorized by it, as far as is known."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why calls cannot be authorized by it, in words; "" while they can. Opens each secret, in memory, without revealing it."""
        if missing := missing_labels(self.slots, self.stored_secrets()):
            return f"Enter it again: {', '.join(missing)}."
        return self.problem

    @property
    def path_names(self) -> frozenset[str]:
        """The `{name}`s of an address that the profile fills in, so that connections need not."""
        return frozenset(
            row["name"] for rows in self.spec.rows for row in self.settings.get(rows.name, ()) if row.get("location") == "path"
        )

    def stored_secrets(self) -> dict[str, Secret]:
        """The secrets that open and belong to the settings as they are now, by name."""
        found, slots = {}, self.slots
        for row in self.secrets.all():
            if row.name not in slots or row.origin != slots[row.name].origin:
                continue
            try:
                found[row.name] = row.open(self)
            except SecretUnreadable:
                continue
        return found


class ProfileSecret(models.Model):
    """One secret field of a profile, sealed for exactly this row and, where it goes to a token URL, for that URL's origin."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.ForeignKey(AuthorizationProfile, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=200)
    origin = models.CharField(max_length=300, blank=True)
    value = models.TextField(editable=False)
    hint = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("profile", "name", name="profile_secret_once")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def place(self, profile: AuthorizationProfile) -> Place:
        return Place(str(profile.workspace_id), "connections_profilesecret", str(self.id), f"{self.name} {self.origin}")

    def open(self, profile: AuthorizationProfile) -> Secret:
        """The secret. Raises SecretUnreadable when the key is lost or the value was moved."""
        return unseal(self.value, self.place(profile))


class ProfileToken(models.Model):
    """The OAuth tokens of a profile. One row, so that every process uses the same token and only one renews it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.OneToOneField(AuthorizationProfile, on_delete=models.CASCADE, related_name="token")
    # The profile's version that it was obtained for: a token of older settings is none.
    profile_version = models.PositiveIntegerField(default=0)
    access_token = models.TextField(blank=True, editable=False)
    refresh_token = models.TextField(blank=True, editable=False)
    expires_at = models.DateTimeField(null=True)
    obtained_at = models.DateTimeField(null=True)
    # Whoever set this renews the token; the others wait until then, and take over when it has passed.
    renewing_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Token of {self.profile_id}"

    @property
    def note(self) -> str:
        """How long the token is good for, for the summary table."""
        if not self.access_token:
            return ""
        if self.expires_at is None:
            return "Token used until it is refused"
        seconds = (self.expires_at - timezone.now()).total_seconds()
        if seconds <= 0:
            return "Token expired, renewed with the next call"
        return f"Token valid for {f'{seconds / 60:.0f} min' if seconds >= 90 else f'{seconds:.0f} s'}"

    def place(self, field: str) -> Place:
        return Place(str(self.profile.workspace_id), "connections_profiletoken", str(self.id), field)


def place_of_secret(secret: ProfileSecret) -> Place:
    return secret.place(secret.profile)


def place_of_access(token: ProfileToken) -> Place:
    return token.place("access_token")


def place_of_refresh(token: ProfileToken) -> Place:
    return token.place("refresh_token")


register_sealed("connections.ProfileSecret", "value", place_of_secret, related=("profile",))
register_sealed("connections.ProfileToken", "access_token", place_of_access, related=("profile",))
register_sealed("connections.ProfileToken", "refresh_token", place_of_refresh, related=("profile",))
