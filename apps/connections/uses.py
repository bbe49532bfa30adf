"""When connections were last used by calls. Nobody has changed anything by that: it is not audited, and the version stays."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from apps.connections.models import Connection

APART = timedelta(minutes=1)
MOST_NOTED = 10_000

_noted: dict[UUID, datetime] = {}  # what this process has written


def note_uses(answered: Mapping[UUID, datetime]) -> None:
    """The last call that went well of each connection, by ID. At most one statement a minute for each, and never backwards."""
    for connection_id, at in answered.items():
        before = _noted.get(connection_id)
        if before is not None and at < before + APART:
            continue
        if len(_noted) >= MOST_NOTED:
            _noted.clear()
        _noted[connection_id] = at
        older = Q(last_used_at=None) | Q(last_used_at__lt=at)
        Connection.objects.filter(older, pk=connection_id).update(last_used_at=at)
