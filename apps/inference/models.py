"""TestRun: what a test of a configuration sent and got, so that paths can be picked from the answer later, also without scripts."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.secrets import Place, register_sealed
from apps.inference.consent import Consent

__all__ = ["KEPT", "Consent", "TestRun", "TypedSecret"]

KEPT = timedelta(days=1)


class TestRun(models.Model):
    """One test of a configuration, saved or not."""

    __test__ = False  # not a test class

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    model = models.ForeignKey("external_models.ExternalModel", on_delete=models.CASCADE, null=True, related_name="test_runs")
    connection = models.ForeignKey("connections.Connection", on_delete=models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    # Definition.request_digest of what was tested: a later edit makes the run out of date.
    digest = models.CharField(max_length=64)
    passed = models.BooleanField()
    # inference.result.Result as JSON, secrets masked.
    result = models.JSONField(default=dict)
    # What was typed into Sample input, by variable name, for next time.
    sample = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["workspace", "created_at"], name="test_run_by_age")]

    def __str__(self) -> str:
        return f"Test of {self.created_at:%Y-%m-%d %H:%M:%S}"


class TypedSecret(models.Model):
    """A secret typed into a form that is not saved yet. It waits here, sealed, for the next submit of the same person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(TestRun, on_delete=models.CASCADE, related_name="typed_secrets")
    name = models.CharField(max_length=256, help_text="Header name, lower case.")
    # scheme://host:port which it was typed for: it goes nowhere else (spec 07 A8).
    origin = models.CharField(max_length=300)
    value = models.TextField(editable=False)
    # Of the last submit that had it. Not the run's age: runs of saved models stay, and looking through them would cost more and more.
    typed_at = models.DateTimeField(auto_now=True, db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        return Place(str(self.run.workspace_id), "inference_typedsecret", str(self.pk), f"{self.name} {self.origin}")


def place_of(secret: TypedSecret) -> Place:
    return secret.place


register_sealed("inference.TypedSecret", "value", place_of, related=("run",))
