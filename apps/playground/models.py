"""Runs of the playground, which are scratch paper for a day, and prompts, which stay."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from apps.playground.draft import Draft, Pick, full_name
from apps.playground.outcome import Outcome
from apps.playground.script import Script

KEPT = timedelta(days=1)
KEPT_OF_SILENT = timedelta(hours=1)  # where the workspace keeps no texts of calls
SEEN_WITHIN = timedelta(seconds=20)  # a running lane says that often that it is alive


class PlaygroundRun(models.Model):
    """One press on *Run*. Its ID comes from the page, so that the second click of a double click finds the first one's row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False, db_index=True)
    request = models.JSONField(default=dict)  # Draft.to_json

    def __str__(self) -> str:
        return f"Run of {self.created_at:%Y-%m-%d %H:%M:%S}"

    @property
    def draft(self) -> Draft:
        return Draft.from_json(self.request, tuple(lane.pick for lane in self.lanes.all()))


class LaneState(models.TextChoices):
    WAITING = "waiting", "Not run yet"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class Lane(models.Model):
    """One model's answer in a run. It is called once: whoever brings it from waiting to running makes the call."""

    run = models.ForeignKey(PlaygroundRun, on_delete=models.CASCADE, related_name="lanes")
    number = models.PositiveSmallIntegerField()
    model_id = models.UUIDField()
    model_name = models.CharField(max_length=200)
    connection_id = models.UUIDField(null=True)
    connection_name = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=8, choices=LaneState, default=LaneState.WAITING)
    alive_at = models.DateTimeField(null=True)
    stop_asked = models.BooleanField(default=False)
    outcome_json = models.JSONField("outcome", default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint("run", "number", name="playground_lane_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def pick(self) -> Pick:
        return Pick(self.model_id, self.connection_id)

    @property
    def label(self) -> str:
        return full_name(self.model_name, self.connection_name)

    @property
    def outcome(self) -> Outcome:
        return Outcome.from_json(self.outcome_json)

    @property
    def is_over(self) -> bool:
        return self.state in {LaneState.DONE, LaneState.FAILED, LaneState.STOPPED}

    @property
    def is_lost(self) -> bool:
        """Whether the process that ran it is gone."""
        return self.state == LaneState.RUNNING and (self.alive_at is None or self.alive_at < timezone.now() - SEEN_WITHIN)


class PlaygroundImage(models.Model):
    """An image that somebody attached; forgotten with the runs of its day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    created_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False, db_index=True)
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField()  # bytes
    data = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class Prompt(models.Model):
    """A saved prompt: the "prompt with a `modelId`" of the model entity. What it says stands in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=480, editable=False)
    newest = models.PositiveIntegerField(default=1)  # number of the newest version
    created_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint("workspace", "name_key", name="prompt_name_unique_in_workspace")]

    def __str__(self) -> str:
        return self.name


class PromptVersion(models.Model):
    """What a prompt said from one moment on. Never changed; restoring an old one makes a new one."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField(default=dict)  # Script.to_json
    # The names outlive the model and the connection, so that the page can say what is gone.
    model = models.ForeignKey(ExternalModel, on_delete=models.SET_NULL, null=True, related_name="prompt_versions")
    model_name = models.CharField(max_length=120)
    connection = models.ForeignKey(Connection, on_delete=models.SET_NULL, null=True, related_name="+")
    connection_name = models.CharField(max_length=120, blank=True)
    author = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=120)
    restored_from = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint("prompt", "number", name="prompt_version_once")]

    def __str__(self) -> str:
        return f"version {self.number}"

    @property
    def script(self) -> Script:
        return Script.from_json(self.content)

    @property
    def pick(self) -> Pick | None:
        return Pick(self.model_id, self.connection_id) if self.model_id else None

    @property
    def says_model(self) -> str:
        """The model and the connection as people read them."""
        return full_name(self.model_name, self.connection_name)
