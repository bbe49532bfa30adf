"""API apps: named program identities with scopes, and the keys that they call with (spec 01; spec 07 A11, D4)."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.budgets import Budgeted

EXPIRES_SOON = timedelta(days=14)


class KeyState(StrEnum):
    """What a key is worth just now."""

    ACTIVE = "active"
    EXPIRES_SOON = "expires soon"
    NO_RIGHTS = "no rights"  # of whoever made it
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def lets_in(self) -> bool:
        return self in {KeyState.ACTIVE, KeyState.EXPIRES_SOON}


class ApiApp(models.Model):
    """A program of a workspace. `scopes` are values of permissions.Scope."""

    rows: "Sequence[ApiKey]"  # for the page: see api_queries

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="api_apps")
    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=480, editable=False)
    description = models.CharField(max_length=300, blank=True)
    scopes = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        verbose_name = "API app"
        ordering = ["name_key", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name_key"], name="api_app_name_unique_in_workspace")]

    def __str__(self) -> str:
        return self.name


class ApiKey(Budgeted):
    """One key of an app: `pb_<id>_<secret>`. Only the SHA-256 of the secret is stored; its right is never more than its maker's now."""

    state: KeyState  # for the page: see api_queries
    scopes_now: Sequence[str]

    id = models.CharField(primary_key=True, max_length=16, editable=False)  # hex
    app = models.ForeignKey(ApiApp, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, editable=False)
    hint = models.CharField(max_length=4, editable=False)  # the last four
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    # None: no limit.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.name

    def state_at(self, now: datetime, *, has_rights: bool) -> KeyState:
        """`has_rights`: whether the key's maker still covers any of its scopes."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        if not has_rights:
            return KeyState.NO_RIGHTS
        if self.expires_at is not None and self.expires_at <= now + EXPIRES_SOON:
            return KeyState.EXPIRES_SOON
        return KeyState.ACTIVE
