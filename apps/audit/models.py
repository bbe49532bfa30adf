"""The audit log's tables. Only apps/audit writes them, and the database refuses to change or remove what is written (triggers.py).

No foreign keys: an event outlives the workspace, person and object it names, and a cascade must never reach an append-only row.
"""

from django.db import models

from apps.audit.chain import GENESIS
from apps.audit.events import label_of
from apps.core.text import visible


class Outcome(models.TextChoices):
    SUCCESS = "success", "Success"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class AuditEvent(models.Model):
    """One link of a chain. Field values are exactly what is hashed; see docs/audit-format.md."""

    chain = models.CharField(max_length=36, help_text='A workspace ID, or "platform".')
    sequence = models.PositiveBigIntegerField(help_text="1, 2, 3 ... within the chain, without gaps.")
    event = models.CharField(max_length=64)
    category = models.CharField(max_length=32)
    outcome = models.CharField(max_length=16, choices=Outcome)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=200, blank=True)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict)
    description = models.TextField(blank=True)
    ip = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=512, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            # Also the index for "newest first in this chain": both databases read it backwards.
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_event_sequence"),
        ]
        indexes = [models.Index(fields=["chain", "target_type", "target_id", "-sequence"], name="audit_event_target")]

    def __str__(self) -> str:
        return visible(f"{self.chain}/{self.sequence} {self.event}")

    @property
    def label(self) -> str:
        """The event as people read it."""
        return label_of(self.event)


class ChainHead(models.Model):
    """Where a chain ends. Its row lock is what gives writers their turn, so that numbers have no gap."""

    chain = models.CharField(primary_key=True, max_length=36)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.chain}/{self.sequence}"


class AuditCheckpoint(models.Model):
    """A signed statement that a chain had this hash at this sequence number: what shows that a tail was cut off and the head set back."""

    chain = models.CharField(max_length=36)
    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    key_id = models.CharField(max_length=24)
    signature = models.CharField(max_length=128, help_text="Ed25519, URL-safe base64 without padding.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "sequence"], name="audit_checkpoint_sequence")]

    def __str__(self) -> str:
        return f"{self.chain}/{self.sequence}"
