"""Connection: one named set of credentials for one external model; its secrets are rows of their own, each bound to its place."""

import uuid
from enum import StrEnum
from functools import cached_property

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.budgets import Budgeted
from apps.connections.bedrock import AwsIdentity, BedrockRole, RoleState, find_role
from apps.connections.origin import origin_of
from apps.connections.profiles import AuthorizationProfile, ProfileSecret, ProfileToken, ProfileType
from apps.core.secrets import Place, Secret, SecretUnreadable, register_sealed, unseal
from apps.external_models.models import ExternalModel

__all__ = [
    "AuthorizationProfile",
    "AwsIdentity",
    "BedrockRole",
    "Connection",
    "ConnectionSecret",
    "ProfileSecret",
    "ProfileToken",
    "ProfileType",
    "RoleState",
    "State",
]


class State(StrEnum):
    """What a connection's jack says, worst first."""

    NEEDS_KEY = "needs_key"
    NOT_CONFIGURED = "not_configured"  # its authorization profile is not
    FAILING = "failing"
    ON = "on"
    OFF = "off"


class Connection(Budgeted):
    """Public ID: `cn-` and the UUID. The name never changes: traces and bills refer to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Repeated from the model so that the database itself keeps names unique in the workspace. Null for system models.
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, null=True, related_name="connections")
    model = models.ForeignKey(ExternalModel, on_delete=models.CASCADE, related_name="connections")
    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=480, editable=False)
    inferencing_enabled = models.BooleanField(default=True)
    # Values for the parameters which the definition leaves open, by name: {"region": "eu-west-1"}. Nothing secret.
    parameters = models.JSONField(default=dict, blank=True)
    # How calls through this connection are authorized besides its secret headers.
    authorization_profile = models.ForeignKey(
        AuthorizationProfile, on_delete=models.PROTECT, null=True, blank=True, related_name="connections"
    )
    # Which connection a call takes: the lowest priority number that can answer; among equals by weight (spec 04, routing).
    priority = models.PositiveSmallIntegerField(default=1)
    weight = models.PositiveSmallIntegerField(default=1)
    # Limits of all calls through it together; None: no limit.
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    calls_at_once = models.PositiveIntegerField(null=True, blank=True)
    # HMAC of the connection's key, scoped by model (spec 07 A7): the same key twice is refused without decrypting any.
    key_fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    # The code of the last call's error, "" when it went well.
    last_error = models.CharField(max_length=40, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint("workspace", "name_key", name="connection_name_unique_in_workspace"),
            models.UniqueConstraint(
                "model", "key_fingerprint", condition=~models.Q(key_fingerprint=""), name="connection_key_unique_for_model"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return f"cn-{self.id}"

    @property
    def scope(self) -> str:
        """Whose data key seals this connection's secrets."""
        return str(self.workspace_id) if self.workspace_id else "platform"

    @property
    def state(self) -> str:
        """The State to show. Opens each secret (in memory, without revealing it), so one that cannot be read never shows as fine."""
        if self.missing_secrets():
            return State.NEEDS_KEY
        if self.authorization_profile and not self.authorization_profile.is_configured:
            return State.NOT_CONFIGURED
        if not self.inferencing_enabled:
            return State.OFF
        return State.FAILING if self.last_error else State.ON

    @property
    def last_outcome(self) -> str:
        """How the last use went: "failed", "passed", or "" where the credentials were replaced after a failure."""
        if self.last_error:
            return "failed"
        replaced = self.last_used_at is None or self.updated_at > self.last_used_at
        return "" if replaced else "passed"

    @cached_property
    def role(self) -> BedrockRole | None:
        """The registration of the role that a Bedrock connection assumes; None where none was requested, and for other connections."""
        return find_role(self.workspace, self.role_arn) if self.role_arn else None

    @property
    def role_arn(self) -> str:
        return str(self.parameters.get("role_arn", "")) if self.model.definition.is_bedrock else ""

    @property
    def role_name(self) -> str:
        return self.role_arn.rpartition("/")[2]

    @property
    def needs_role(self) -> bool:
        """Whether calls wait for the registration of the role."""
        return self.model.definition.is_bedrock and not (self.role and self.role.is_registered)

    @property
    def key_hint(self) -> str:
        return next((secret.hint for secret in self.secrets.all() if secret.hint), "")

    @property
    def parameters_initial(self) -> dict[str, str]:
        """The parameters as the fields of a form."""
        return {f"p-{name}": value for name, value in self.parameters.items()}

    @property
    def has_key(self) -> bool:
        """Whether there is a key to rotate: a role or an authorization profile has none of the connection's own."""
        return bool(self.model.definition.secret_headers)

    def missing_secrets(self) -> list[str]:
        """Names of the secret headers that this connection should hold and cannot supply: never entered, cleared, or unreadable."""
        stored = self.stored_secrets()
        return [name for name in self.model.definition.secret_headers if name.lower() not in stored]

    def stored_secrets(self) -> dict[str, Secret]:
        """The secrets that open and belong to the endpoint as it is now, by lower-case header name."""
        found = {}
        origin = origin_of(self.model.definition.url, self.parameters)
        for row in self.secrets.all():
            if row.origin != origin:
                continue
            try:
                found[row.name] = row.open(self)
            except SecretUnreadable:
                continue
        return found


class ConnectionSecret(models.Model):
    """One secret header value of a connection, sealed for exactly this row and this endpoint."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=200, help_text="Header name, lower case.")
    # scheme://host:port which the secret was entered for: it goes nowhere else (spec 07 A8).
    origin = models.CharField(max_length=300)
    value = models.TextField(editable=False)
    hint = models.CharField(max_length=16, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("connection", "name", name="connection_secret_once")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def place(self, connection: Connection) -> Place:
        return Place(connection.scope, "connections_connectionsecret", str(self.id), f"{self.name} {self.origin}")

    def open(self, connection: Connection) -> Secret:
        """The secret. Raises SecretUnreadable when the key is lost or the value was moved."""
        return unseal(self.value, self.place(connection))


def place_of(secret: ConnectionSecret) -> Place:
    return secret.place(secret.connection)


register_sealed("connections.ConnectionSecret", "value", place_of, related=("connection",))
