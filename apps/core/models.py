"""The only rows core owns: data keys, each wrapped by a master key (spec 07 A2)."""

from django.db import models
from django.utils import timezone


class DataKey(models.Model):
    """32 random bytes that encrypt one scope's values for one purpose. Rows are never deleted: a value or a backup may still need one."""

    id = models.CharField(primary_key=True, max_length=24)
    scope = models.CharField(max_length=64, help_text='A workspace ID, or "platform".')
    purpose = models.CharField(max_length=32)
    number = models.PositiveIntegerField(help_text="1 for the first key of a scope and purpose; the highest one encrypts.")
    wrapped = models.TextField()
    master_key_id = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, help_text="When every readable value had moved under this key; empty while that goes on.")

    class Meta:
        constraints = [
            # Two processes that need a scope's first key at once: one row wins, the other reads it.
            models.UniqueConstraint(fields=["scope", "purpose", "number"], name="core_datakey_one_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.purpose} of {self.scope})"
