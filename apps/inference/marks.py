"""What the console shows of a connection's last calls: that its key was refused, that it fails, that it works again.

Written beside the calls, never in their way, and only when it has changed: a mark that cannot be written now is written by a later call.
"""

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import Error
from django.utils import timezone

from apps.audit import watch
from apps.connections.models import Connection
from apps.inference.profile_store import in_database

_log = logging.getLogger(__name__)
_writing: dict[UUID, "asyncio.Task[None]"] = {}


@dataclass(frozen=True, slots=True)
class Mark:
    """`error` is the code of what went wrong; "" says that all is well again."""

    workspace_id: UUID
    connection_id: UUID
    error: str


def mark(made: Mark) -> None:
    """Write it soon."""
    if made.connection_id not in _writing:
        task = _writing[made.connection_id] = asyncio.ensure_future(_write(made))
        task.add_done_callback(lambda _: _writing.pop(made.connection_id, None))


async def _write(made: Mark) -> None:
    try:
        await in_database(write, made)
    except Error:
        _log.warning("the state of connection %s could not be noted", made.connection_id)


def write(made: Mark) -> None:
    """Not a change by anybody, so not audited. The routes of this process say so from now on; others may write the same again."""
    rows = Connection.objects.filter(pk=made.connection_id).exclude(last_error=made.error)
    if rows.update(last_error=made.error, last_used_at=timezone.now()):
        watch.announce(str(made.workspace_id))
