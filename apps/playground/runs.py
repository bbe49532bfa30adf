"""Runs of the playground: made once for each press on *Run*, seen by the person who made them, forgotten after a day."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core import chores
from apps.playground.choices import Choice
from apps.playground.draft import Draft
from apps.playground.models import KEPT, KEPT_OF_SILENT, Lane, PlaygroundImage, PlaygroundRun
from apps.traces.models import CaptureMode, CapturePolicy

FORGOTTEN_AT_ONCE = 200  # runs; the next one goes on


def create_run(workspace: Workspace, user: User, *, run_id: UUID, draft: Draft, chosen: Sequence[Choice]) -> PlaygroundRun:
    """The run with its lanes, waiting. The second click of a double click gets the first one's."""
    forget_old_runs()
    try:
        return insert(workspace, user, run_id, draft, chosen)
    except IntegrityError:
        first = PlaygroundRun.objects.filter(pk=run_id, workspace=workspace, created_by=user).prefetch_related("lanes").first()
        if first and first.draft == draft:
            return first
        return insert(workspace, user, uuid4(), draft, chosen)  # an old page whose text was changed is another run


@transaction.atomic
def insert(workspace: Workspace, user: User, run_id: UUID, draft: Draft, chosen: Sequence[Choice]) -> PlaygroundRun:
    run = PlaygroundRun(id=run_id, workspace=workspace, created_by=user, request=draft.to_json())
    run.save(force_insert=True)
    Lane.objects.bulk_create(lane_of(run, number, choice) for number, choice in enumerate(chosen, 1))
    return run


def lane_of(run: PlaygroundRun, number: int, choice: Choice) -> Lane:
    lane = Lane(run=run, number=number, model_id=choice.model.pk, model_name=choice.model.name)
    if choice.connection:
        lane.connection_id, lane.connection_name = choice.connection.pk, choice.connection.name
    return lane


def forget_old_runs() -> None:
    """Drop what is older than a day, of every workspace, and than an hour where no texts are to be kept.

    Done every few minutes, and before each run: some of it at a time.
    """
    now = timezone.now()
    silent = CapturePolicy.objects.filter(mode=CaptureMode.METADATA).values("workspace")
    for kept in (PlaygroundRun.objects, PlaygroundImage.objects):
        past = Q(created_at__lt=now - KEPT) | Q(created_at__lt=now - KEPT_OF_SILENT, workspace__in=silent)
        doomed = list(kept.filter(past).order_by("created_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        if doomed:
            kept.filter(pk__in=doomed).delete()


chores.add(forget_old_runs)


def get_run(workspace: Workspace, user: User, run_id: UUID) -> PlaygroundRun:
    """A run of that person. What others asked is none of their business: the same 404 as for one that is gone."""
    run = PlaygroundRun.objects.filter(workspace=workspace, created_by=user, pk=run_id).prefetch_related("lanes").first()
    if run is None:
        raise Http404("No such run.")
    return run


def get_lane(workspace: Workspace, user: User, run_id: UUID, number: int) -> Lane:
    lanes = Lane.objects.select_related("run").filter(run__workspace=workspace, run__created_by=user)
    lane = lanes.filter(run=run_id, number=number).first()
    if lane is None:
        raise Http404("No such run.")
    return lane
