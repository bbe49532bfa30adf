"""Running the lanes of a run: each is claimed once in the database, says that it is alive, can be stopped from any process, and keeps
what came of it. No database connection is held while a provider is waited for."""

import asyncio
import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.accounts.models import User
from apps.core.database import release_connection
from apps.inference.calls import Caller
from apps.inference.result import Failure
from apps.playground.asking import Asking, Emit, Question
from apps.playground.costs import priced
from apps.playground.draft import Draft
from apps.playground.models import Lane, LaneState, PlaygroundImage, PlaygroundRun, PromptVersion
from apps.playground.outcome import Outcome
from apps.providers.chat import Image
from apps.traces.models import SourceType

LOOK_EVERY = 0.5  # seconds between two looks at whether a lane shall stop
ALIVE_EVERY = 10  # looks between two signs of life
LOST = Failure("", "", "The server that ran this was stopped.", "Run it again.", "")


def claim(lane: Lane) -> bool:
    """Whether the call of this lane is ours to make: true once."""
    now = timezone.now()
    mine = Lane.objects.filter(pk=lane.pk, state=LaneState.WAITING, stop_asked=False).update(state=LaneState.RUNNING, alive_at=now)
    return bool(mine)


def question_of(lane: Lane, user: User) -> Question:
    """What the lane asks. Raises ProviderError for a variable without value, or a text that is not well formed."""
    run = lane.run
    draft = Draft.from_json(run.request, ())
    asked = f"{lane.model_id}@{lane.connection_name}" if lane.connection_id else str(lane.model_id)
    return Question(
        caller=caller_of(run, draft, user),
        asked=asked,
        script=draft.script.filled(draft.values),
        values=draft.values,
        images=images_of(run, draft.images),
        stream=draft.stream,
    )


def caller_of(run: PlaygroundRun, draft: Draft, user: User) -> Caller:
    """A prompt that is run as it was saved is the source itself; once edited, the playground is."""
    caller = Caller(run.workspace_id, SourceType.PLAYGROUND, str(user.pk), user.name, user.pk, user.name)
    version = None
    if draft.prompt_id and draft.prompt_number:
        versions = PromptVersion.objects.filter(prompt__workspace=run.workspace_id, prompt=draft.prompt_id, number=draft.prompt_number)
        version = versions.select_related("prompt").first()
    if version is None or version.script != draft.script:
        return caller
    return replace(caller, source_type=SourceType.PROMPT, source_id=str(version.prompt_id), source_name=version.prompt.name)


def images_of(run: PlaygroundRun, wanted: Sequence[UUID]) -> tuple[Image, ...]:
    rows = PlaygroundImage.objects.filter(workspace=run.workspace_id, created_by=run.created_by_id).in_bulk(wanted)
    return tuple(Image(rows[pk].media_type, base64.b64encode(rows[pk].data).decode()) for pk in wanted if pk in rows)


async def run_lane(lane: Lane, question: Question, emit: Emit = lambda text: None) -> None:
    """Make a claimed lane's call and keep what came of it, also when this task is cancelled or somebody stops the lane."""
    asking = Asking(question, emit)
    calling = asyncio.create_task(asking.run())
    looking = asyncio.create_task(stop_when_asked(lane.pk, calling))
    try:
        await asyncio.wait({calling})
    finally:
        looking.cancel()
        calling.cancel()
        await asyncio.gather(calling, looking, return_exceptions=True)
        await sync_to_async(keep)(lane.pk, asking.outcome)


async def stop_when_asked(lane_id: int, calling: "asyncio.Task[None]") -> None:
    looks = 0
    while True:
        await asyncio.sleep(LOOK_EVERY)
        looks += 1
        with suppress(Exception):  # a database that is away for a moment must not end the call
            if await sync_to_async(is_stop_asked)(lane_id, say_alive=looks % ALIVE_EVERY == 0):
                calling.cancel()


def is_stop_asked(lane_id: int, *, say_alive: bool) -> bool:
    """Also true where the lane is gone."""
    try:
        if say_alive:
            Lane.objects.filter(pk=lane_id).update(alive_at=timezone.now())
        return not Lane.objects.filter(pk=lane_id, stop_asked=False).exists()
    finally:
        release_connection()


def keep(lane_id: int, outcome: Outcome) -> None:
    state = LaneState.STOPPED if outcome.stopped else LaneState.FAILED if outcome.failure else LaneState.DONE
    Lane.objects.filter(pk=lane_id).update(state=state, outcome_json=priced(outcome).to_json())
    release_connection()


def refuse_unasked(lane: Lane, failure: Failure) -> None:
    """A claimed lane whose question cannot be made."""
    keep(lane.pk, Outcome(failure=failure))


def settle(lane: Lane) -> Lane:
    """The lane as it is; one whose process is gone is given up."""
    if lane.is_lost:
        given_up = Outcome(failure=LOST).to_json()
        Lane.objects.filter(pk=lane.pk, state=LaneState.RUNNING, alive_at=lane.alive_at).update(
            state=LaneState.FAILED, outcome_json=given_up
        )
        lane.refresh_from_db()
    return lane


def ask_to_stop(lane: Lane) -> None:
    """Whichever process makes the call sees it within LOOK_EVERY; a lane that nobody began is stopped at once."""
    Lane.objects.filter(pk=lane.pk).update(stop_asked=True)
    stopped = Outcome(stopped=True).to_json()
    Lane.objects.filter(pk=lane.pk, state=LaneState.WAITING).update(state=LaneState.STOPPED, outcome_json=stopped)
