"""Traces as calls leave them: recorded, and brought into rows."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core.ids import uuid7
from apps.traces.capture import preload
from apps.traces.models import Trace
from apps.traces.record import Attempt, TraceRecord
from apps.traces.store import flush, record

ASKED = '{"messages": [{"role": "system", "content": "You triage claims."}, {"role": "user", "content": "Hail on the roof"}]}'


def entry(workspace: Workspace, *, at: datetime | None = None, by: User | None = None, **values: Any) -> TraceRecord:
    """A Playground call that succeeded, except where `values` say otherwise."""
    given = {
        "id": uuid7(),
        "workspace_id": workspace.pk,
        "started_at": (at or timezone.now()).timestamp(),
        "status": "success",
        "source_type": "playground",
        "source_id": str(by.pk) if by else "",
        "source_name": by.name if by else "",
        "user_id": by.pk if by else None,
        "user_name": by.name if by else "",
        "api": "openai",
        "model_name": "Claims triage",
        "attempts": (Attempt(UUID(int=7), "claims-prod", 1200.0, "", 200),),
        "connection_name": "claims-prod",
        "response_ms": 1250.0,
        "first_token_ms": 400.0,
        "input_tokens": 92,
        "output_tokens": 104,
        "input": ASKED,
        "output": "Severity: low.",
    }
    return TraceRecord(**(given | values))


def keep(*entries: TraceRecord) -> list[Trace]:
    """Rows of these calls, in their order."""
    for each in entries:
        preload(each.workspace_id)
        record(each)
    ids = [each.id for each in entries]
    patience = time.monotonic() + 60  # seconds: where a running server has its own worker, that one brings them in
    while flush() is None and Trace.objects.filter(id__in=ids).count() < len(ids) and time.monotonic() < patience:
        time.sleep(0.05)
    rows = Trace.objects.in_bulk(ids)
    return [rows[each] for each in ids]


def make_traces(workspace: Workspace, count: int, **values: Any) -> list[Trace]:
    return keep(*many(workspace, count, **values))


def many(workspace: Workspace, count: int, **values: Any) -> Iterable[TraceRecord]:
    return (entry(workspace, **values) for _ in range(count))
