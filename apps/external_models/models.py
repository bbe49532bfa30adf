"""ExternalModel: a named definition of how to talk to one model. Credentials live on its connections."""

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.external_models.definition import BEDROCK_SCHEME, Definition
from apps.external_models.names import name_key

PLAIN_NAME = re.compile(r"[\w .,:/()+-]+")  # none of it means anything between quotes, and no @, which begins a connection


class IntegrationType(models.TextChoices):
    EASY = "easy", "Easy integration"
    API = "api", "API integration"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"


class Provider(models.TextChoices):
    """Who serves a model: the keys of apps/providers/registry.py."""

    OPENAI = "openai", "OpenAI"
    ANTHROPIC = "anthropic", "Anthropic"
    GOOGLE = "google", "Google"
    COHERE = "cohere", "Cohere"
    AZURE = "azure", "Azure OpenAI"
    BEDROCK = "bedrock", "Amazon Bedrock"
    CUSTOM = "custom", "Custom"


@dataclass(frozen=True, slots=True)
class ConnectionSummary:
    """The states of a model's connections, for its row in the list."""

    states: tuple[str, ...]

    JACKS: ClassVar = {"on": "on", "off": "off", "failing": "bad", "needs_key": "bad", "not_configured": "bad"}
    SHOWN: ClassVar = 4

    @property
    def total(self) -> int:
        return len(self.states)

    @property
    def on(self) -> int:
        return self.states.count("on")

    @property
    def failing(self) -> int:
        return self.states.count("failing")

    @property
    def not_configured(self) -> int:
        return self.states.count("not_configured")

    @property
    def needs_key(self) -> int:
        return self.states.count("needs_key")

    @property
    def shown(self) -> list[str]:
        return [self.JACKS[state] for state in self.states[: self.SHOWN]]

    @property
    def more(self) -> int:
        return max(0, self.total - self.SHOWN)


class ExternalModel(models.Model):
    """One model of one workspace; a *system* model belongs to the platform and has no workspace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, null=True, blank=True, related_name="external_models")
    name = models.CharField(max_length=120)
    # Two names that people read as the same are the same; compared here because SQLite folds ASCII only.
    name_key = models.CharField(max_length=480, editable=False)
    integration_type = models.CharField(max_length=8, choices=IntegrationType, default=IntegrationType.API)
    provider = models.CharField(max_length=32, choices=Provider, default=Provider.CUSTOM)
    model_id = models.CharField("model ID", max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    inferencing_enabled = models.BooleanField(default=False)
    is_visible = models.BooleanField(default=True, help_text="System models only: shown to workspaces.")
    definition_json = models.JSONField("definition", default=dict, blank=True)
    endpoint_host = models.CharField(max_length=255, blank=True, editable=False)
    # What makes an easy integration one of a kind in its workspace (see `easy_key`); "" for the others, which may be there twice.
    easy_key = models.CharField(max_length=64, blank=True, editable=False)
    # The digest for which a test last passed, "" when activated without one (see Definition.request_digest).
    tested_digest = models.CharField(max_length=64, blank=True, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    first_byte_seconds = models.PositiveSmallIntegerField(default=60)
    total_seconds = models.PositiveSmallIntegerField(default=300)
    # Whether a call that timed out while it waited for the answer may be made again, which may be paid twice (spec 07 F1).
    may_pay_twice = models.BooleanField(default=False)
    # Made by the page that creates the model: the second click of a double click finds the first one's row.
    creation_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    updated_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        verbose_name = "external model"
        constraints = [
            models.UniqueConstraint("workspace", "name_key", name="external_model_name_unique_in_workspace"),
            models.UniqueConstraint("name_key", condition=models.Q(workspace=None), name="system_model_name_unique"),
            models.UniqueConstraint("workspace", "easy_key", condition=~models.Q(easy_key=""), name="external_model_easy_once"),
            models.CheckConstraint(
                condition=models.Q(status="active") | models.Q(inferencing_enabled=False), name="external_model_draft_is_off"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "updated_at", "id"], name="external_model_by_date"),
            models.Index(fields=["workspace", "provider", "name_key", "id"], name="external_model_by_source"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def definition(self) -> Definition:
        return Definition.from_json(self.definition_json)

    @definition.setter
    def definition(self, definition: Definition) -> None:
        self.definition_json = definition.to_json()
        self.endpoint_host = host_of(definition.url)
        if definition.is_bedrock:  # its ID stands where others have their endpoint
            self.model_id = definition.url.removeprefix(BEDROCK_SCHEME)[:200]
        elif self.provider == Provider.CUSTOM:
            self.model_id = "" if definition.is_template else definition.model[:200]
        self.easy_key = easy_key(self.provider, definition) if self.is_easy else ""

    def rename(self, name: str) -> None:
        self.name, self.name_key = name, name_key(name)

    @property
    def is_easy(self) -> bool:
        return self.integration_type == IntegrationType.EASY

    @property
    def is_draft(self) -> bool:
        return self.status == Status.DRAFT

    @property
    def state(self) -> str:
        """What the Status column says: draft, active, or inactive (switched off)."""
        if self.is_draft:
            return "draft"
        return "active" if self.inferencing_enabled else "inactive"

    @property
    def quotable_name(self) -> str:
        """What a program calls the model by, as it can stand between quotes in any language: the name, else the ID."""
        return self.name if PLAIN_NAME.fullmatch(self.name) else str(self.pk)

    @property
    def is_system(self) -> bool:
        return self.workspace_id is None

    @property
    def connection_summary(self) -> ConnectionSummary:
        """Reads `connections` (rows of the layer above) by its name, as `queries.summarized_connections` brings them.

        One whose role may not be assumed yet is not configured, unless it is off anyway.
        """
        states = []
        for connection in self.connections.all():
            waits = self.definition.is_bedrock and not getattr(connection, "role_registered", False)
            states.append("not_configured" if waits and connection.state in {"on", "failing"} else str(connection.state))
        return ConnectionSummary(tuple(states))

    @property
    def unconfigured_profiles(self) -> list[str]:
        """The authorization profiles of its connections that cannot authorize calls, by name: what failed, and what does not open.

        One query, or two where it has profiles, of the layer above by its name.
        """
        users = self.connections.filter(authorization_profile__isnull=False).select_related("authorization_profile")
        profiles = [user.authorization_profile for user in users.prefetch_related("authorization_profile__secrets")]
        return sorted({profile.name for profile in profiles if profile and not profile.is_configured})

    @property
    def was_updated(self) -> bool:
        return self.updated_at - self.created_at > timedelta(seconds=1)


def easy_key(provider: str, definition: Definition) -> str:
    """SHA-256 over provider, model ID and endpoint: the same again is another connection, not another model (spec 02).

    "" for what has a body or a role of its own, which two models of the same ID may tell apart.
    """
    if definition.is_template or definition.is_bedrock:
        return ""
    return hashlib.sha256("\n".join((provider, definition.model, definition.url)).encode()).hexdigest()


def host_of(url: str) -> str:
    """The host part of a URL as typed, for display and search; "" where there is none yet."""
    try:
        return (urlsplit(url).netloc.rpartition("@")[2])[:255]
    except ValueError:
        return ""
