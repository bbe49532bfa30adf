"""Deleting what a workspace no longer wants kept (spec 06): bodies after their days, then traces. Sums stay.

In small transactions, so that nobody waits for it, and no more than the settings of the moment allow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.traces.models import CapturePolicy, Chore, JournalFile, Trace, TraceBody, TraceName

BATCH = 500
EVERY = timedelta(hours=20)
FORGOTTEN = timedelta(days=90)  # offsets of files that are gone, where a process died before it could forget them
NAME = "retention"


@dataclass(slots=True)
class Deleted:
    bodies: int = 0
    traces: int = 0


def never() -> bool:
    return False


def apply_if_due() -> Deleted | None:
    """About once a day, by one process of all; None where it is not the time."""
    Chore.objects.bulk_create([Chore(name=NAME)], ignore_conflicts=True)
    now = timezone.now()
    # What has not been yet was written by a clock that was wrong: it must not keep everything for years.
    is_due = Q(started_at__lt=now - EVERY) | Q(started_at__gt=now + EVERY)
    if not Chore.objects.filter(is_due, name=NAME).update(started_at=now):
        return None
    return apply_retention()


def apply_retention(stopping: Callable[[], bool] = never) -> Deleted:
    """All workspaces, by their policies of now. Stops between two batches when `stopping()`; what is left is for the next time."""
    deleted, now = Deleted(), timezone.now()
    for workspace_id in list(Workspace.objects.values_list("pk", flat=True)):
        policy = CapturePolicy.objects.filter(pk=workspace_id).first() or CapturePolicy()
        if policy.trace_days is not None:
            before = now - timedelta(days=policy.trace_days)
            deleted.traces += _in_batches(workspace_id, before, _delete_traces, stopping)
            TraceName.objects.filter(workspace=workspace_id, last_day__lt=before - timedelta(days=1)).delete()
        deleted.bodies += _in_batches(workspace_id, now - timedelta(days=policy.body_days), _delete_bodies, stopping)
    JournalFile.objects.filter(updated_at__lt=now - FORGOTTEN).delete()
    return deleted


def _in_batches(workspace_id: UUID, before: datetime, delete: Callable[[list[UUID]], int], stopping: Callable[[], bool]) -> int:
    """Oldest first, walking along the date: rows that were looked at are not looked at again."""
    count, since = 0, None
    while not stopping():
        traces = Trace.objects.filter(workspace=workspace_id, started_at__lt=before).order_by("started_at", "id")
        if delete is _delete_bodies:
            traces = traces.filter(body__isnull=False)
        if since:
            traces = traces.filter(started_at__gte=since)
        rows = list(traces.values_list("id", "started_at")[:BATCH])
        if not rows:
            break
        with transaction.atomic():
            count += delete([row[0] for row in rows])
        since = rows[-1][1]
    return count


def _delete_bodies(traces: list[UUID]) -> int:
    """With what the list shows of them."""
    Trace.objects.filter(pk__in=traces).update(input_preview="", output_preview="")
    return TraceBody.objects.filter(pk__in=traces).delete()[0]


def _delete_traces(traces: list[UUID]) -> int:
    _, kinds = Trace.objects.filter(pk__in=traces).delete()
    return kinds.get(Trace._meta.label, 0)
