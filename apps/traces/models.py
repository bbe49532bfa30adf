"""Traces: one row per call (spec 06), what was said in a row beside it, and the hourly sums that figures are read from.

Models, connections, sources and people are kept by ID and name, without foreign keys: a trace outlives what it tells of.
"""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.core.ids import uuid7

NONE = UUID(int=0)


class Status(models.TextChoices):
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class SourceType(models.TextChoices):
    TEST = "test", "Test"
    PLAYGROUND = "playground", "Playground"
    PROMPT = "prompt", "Prompt"
    API_KEY = "api_key", "API key"


class Trace(models.Model):
    """One call. Times in milliseconds; unknown counts and costs are null, never 0. Rows come from the journal only (store.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)  # version 7: later calls have greater IDs
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    started_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=9, choices=Status)
    source_type = models.CharField(max_length=10, choices=SourceType)
    source_id = models.CharField(max_length=64, blank=True)
    source_name = models.CharField(max_length=200, blank=True)
    user_id = models.UUIDField(null=True)
    user_name = models.CharField(max_length=150, blank=True)
    model_id = models.UUIDField(null=True)
    model_name = models.CharField(max_length=200, blank=True)  # as the caller wrote it where there is no such model
    connection_id = models.UUIDField(null=True)
    connection_name = models.CharField(max_length=120, blank=True)
    api = models.CharField(max_length=16, blank=True)  # what the call was asked in: record.Api
    streamed = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    response_ms = models.FloatField(default=0)
    first_token_ms = models.FloatField(null=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    cached_tokens = models.PositiveIntegerField(null=True)
    cache_write_tokens = models.PositiveIntegerField(null=True)
    provider = models.CharField(max_length=16, blank=True)  # with provider_model: what the price was looked up by
    provider_model = models.CharField(max_length=200, blank=True)
    cost = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    currency = models.CharField(max_length=3, blank=True)
    price_id = models.BigIntegerField(null=True)  # catalog.Price, whose rows are never deleted
    error_code = models.CharField(max_length=40, blank=True)
    # The beginning of what was asked and answered, one line each, for the list; "" where the workspace keeps no bodies.
    input_preview = models.CharField(max_length=200, blank=True)
    output_preview = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            # With the response time, so that a walk along the date need not look at the rows.
            models.Index(fields=["workspace", "-started_at", "-id", "response_ms"], name="trace_by_day"),
            models.Index(fields=["workspace", "response_ms"], name="trace_by_time"),
            models.Index(fields=["workspace", "model_id", "-started_at", "-id"], name="trace_by_model"),
            models.Index(fields=["workspace", "connection_id", "-started_at", "-id"], name="trace_by_connection"),
            models.Index(fields=["workspace", "source_name", "-started_at", "-id"], name="trace_by_source"),
            # Without what most calls have; conditions.rare says these conditions in the same words.
            models.Index(fields=["workspace", "status", "-started_at", "-id"], name="trace_rare_status", condition=~Q(status="success")),
            models.Index(
                fields=["workspace", "source_type", "-started_at", "-id"], name="trace_rare_source", condition=~Q(source_type="api_key")
            ),
            models.Index(fields=["workspace", "error_code", "-started_at", "-id"], name="trace_with_error", condition=~Q(error_code="")),
            models.Index(fields=["workspace", "user_id", "-started_at", "-id"], name="trace_by_user", condition=Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.request_id

    @property
    def request_id(self) -> str:
        """What callers see in `x-patchbay-request-id`."""
        return request_id_of(self.id)


def request_id_of(trace_id: UUID) -> str:
    return f"req_{trace_id.hex}"


class TraceBody(models.Model):
    """What a call said, as far as the workspace keeps it, and what went wrong in full."""

    trace = models.OneToOneField(Trace, primary_key=True, on_delete=models.CASCADE, related_name="body")
    input = models.TextField(blank=True)  # as sent by the caller, in the format of Trace.api
    output = models.TextField(blank=True)  # the text of the answer; JSON where it is tool calls alone
    error = models.JSONField(default=dict)  # message, hint, stage, provider_message, provider_status
    attempts = models.JSONField(default=list)  # one object per attempt: connection, ms, error_code, status
    stored_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.trace_id)


class Sums(models.Model):
    """What is added up of calls. Calls whose tokens are not known add none."""

    requests = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=10, default=Decimal(0))
    cost_unknown = models.PositiveIntegerField(default=0)  # calls that used tokens of no known price
    response_ms = models.FloatField(default=0)  # sum

    class Meta:
        abstract = True


class TraceHour(Sums):
    """Sums of one hour: one row per model, connection and source that had calls. Written by sums.py only; retention leaves them."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    # NONE stands for no model and no connection, because a unique constraint takes two nulls for different.
    model_id = models.UUIDField(default=NONE)
    connection_id = models.UUIDField(default=NONE)
    source_type = models.CharField(max_length=10, choices=SourceType)
    source_id = models.CharField(max_length=64, blank=True)
    source_name = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("workspace", "hour", "model_id", "connection_id", "source_type", "source_id", name="trace_hour_once"),
        ]
        indexes = [models.Index(fields=["workspace", "model_id", "hour"], name="trace_hour_by_model")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}:00"


class Span(models.TextChoices):
    HOUR = "h", "Hour"
    DAY = "d", "Day"  # of UTC


class TraceFigure(Sums):
    """Sums of one hour or day of one subject, apart by how long the calls took: what figures.py reads totals and percentiles from.

    The subject is a model, a connection, an API key for what it ran that has a name of its own (hours.subject_of_key), or NONE for the
    whole workspace. So a figure over 90 days of a million calls reads 90 days times
    the few dozen buckets that occur, whatever the number of models, connections and keys.
    """

    pk = models.CompositePrimaryKey("workspace_id", "subject_id", "span", "start", "bucket")
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    subject_id = models.UUIDField(default=NONE)
    span = models.CharField(max_length=1, choices=Span)
    start = models.DateTimeField()
    bucket = models.SmallIntegerField()  # figures.bucket_of

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H} {self.span} {self.bucket}"


class Kind(models.TextChoices):
    MODEL = "m", "Model"
    CONNECTION = "c", "Connection"


class TraceName(models.Model):
    """A name that a model or a connection had in calls, from one day of UTC to another: what names.py looks a name up in.

    "" and NONE stand for calls that came to none.
    """

    pk = models.CompositePrimaryKey("workspace_id", "kind", "name", "subject_id")
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=1, choices=Kind)
    name = models.CharField(max_length=200, blank=True)
    subject_id = models.UUIDField(default=NONE)
    first_day = models.DateTimeField()
    last_day = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class JournalFile(models.Model):
    """How far a file of the journal has been brought into the database: written in the same transaction as the rows of its records."""

    name = models.CharField(max_length=64, primary_key=True)
    offset = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Chore(models.Model):
    """When something that one process does for all of them was begun last."""

    name = models.CharField(max_length=32, primary_key=True)
    started_at = models.DateTimeField(default=datetime.fromtimestamp(0, UTC))

    def __str__(self) -> str:
        return self.name


class CaptureMode(models.TextChoices):
    MASKED = "masked", "Everything, with patterns masked"
    METADATA = "metadata", "Metadata only"
    EVERYTHING = "everything", "Everything"


class CapturePolicy(models.Model):
    """What a workspace keeps of inputs and outputs (spec 06). Without a row, the defaults hold. capture.py carries it out."""

    workspace = models.OneToOneField("accounts.Workspace", primary_key=True, on_delete=models.CASCADE, related_name="+")
    mode = models.CharField(max_length=10, choices=CaptureMode, default=CaptureMode.MASKED)
    mask_emails = models.BooleanField(default=True)
    mask_cards = models.BooleanField(default=True)
    mask_keys = models.BooleanField(default=True)
    patterns = models.JSONField(default=list, blank=True)  # texts: regular expressions of RE2
    body_limit = models.PositiveIntegerField(default=65_536)  # characters of input and of output
    body_days = models.PositiveIntegerField(default=30)
    trace_days = models.PositiveIntegerField(null=True, blank=True, default=None)  # None: for ever

    def __str__(self) -> str:
        return f"{self.workspace}: {self.get_mode_display()}"
