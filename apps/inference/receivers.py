"""What this process keeps of a connection goes with it. Other processes have no way to its session any more, and drop it at its end."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from apps.connections.models import Connection
from apps.inference.role_sessions import role_sessions


@receiver(post_delete, sender=Connection)
def connection_deleted(sender: type[Connection], instance: Connection, **more: Any) -> None:
    """By itself, with its model, or with its workspace (spec 07 G4)."""
    transaction.on_commit(partial(role_sessions.forget_connection, str(instance.pk)))
