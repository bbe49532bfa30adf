"""One lane of a run: its event stream, its stop, and how it stands under the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.htmx import is_fragment_request, redirect, render_fragment
from apps.inference.result import Failure
from apps.playground.asking import Question
from apps.playground.lanes import ask_to_stop, claim, question_of, refuse_unasked, run_lane, settle
from apps.playground.models import Lane
from apps.playground.page import lane_context, page_url
from apps.playground.runs import get_lane
from apps.providers.errors import ProviderError

SIGN_OF_LIFE = 10.0  # seconds without a word after which a comment keeps proxies from closing the stream
LOOK_AGAIN = 1.0  # seconds between two looks at a lane that somebody else runs
HEADERS = {"X-Accel-Buffering": "no"}


@require_GET
@require(Permission.USE_MODELS)
def lane(request: WorkspaceRequest, run_id: UUID, number: int) -> HttpResponse:
    """The answer and its figures, for the page that followed the stream; for a browser the whole page."""
    found = settle(get_lane(request.workspace, request.user, run_id, number))
    if not is_fragment_request(request):
        return redirect(request, page_url(request, run=run_id))
    return render_fragment(request, "playground/_lane_result.html", lane_context(request, found) | {"fresh": True})


@require_POST
@require(Permission.USE_MODELS)
def lane_stop(request: WorkspaceRequest, run_id: UUID, number: int) -> HttpResponse:
    ask_to_stop(get_lane(request.workspace, request.user, run_id, number))
    if is_fragment_request(request):
        return HttpResponse(status=204)
    return redirect(request, page_url(request, run=run_id))


@require_GET
@require(Permission.USE_MODELS)
async def lane_stream(request: WorkspaceRequest, run_id: UUID, number: int) -> HttpResponseBase:
    """Events: `text` with a piece of the answer as a JSON string, `done` at the end. The first to ask makes the call; whoever asks
    later waits for it, and gets what was kept."""
    found, question = await sync_to_async(prepare)(request, run_id, number)
    events = live(found, question) if question else kept(found)
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=HEADERS)


def prepare(request: WorkspaceRequest, run_id: UUID, number: int) -> tuple[Lane, Question | None]:
    """The lane, and what to ask where the call is ours to make."""
    found = get_lane(request.workspace, request.user, run_id, number)
    question = None
    if claim(found):
        try:
            question = question_of(found, request.user)
        except ProviderError as error:
            refuse_unasked(found, Failure.of(error))
    found.refresh_from_db()
    release_connection()
    return found, question


async def live(found: Lane, question: Question) -> AsyncIterator[str]:
    """The answer as it comes. Closing this, as the server does when the browser leaves, ends the call."""
    pieces: asyncio.Queue[str | None] = asyncio.Queue()
    running = asyncio.create_task(run_lane(found, question, pieces.put_nowait))
    running.add_done_callback(lambda task: pieces.put_nowait(None))
    try:
        while True:
            try:
                piece = await asyncio.wait_for(pieces.get(), SIGN_OF_LIFE)
            except TimeoutError:
                yield ": waiting\n\n"
                continue
            if piece is None:
                break
            yield event("text", piece)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    yield event("done")


async def kept(found: Lane) -> AsyncIterator[str]:
    """What came of a lane that is called elsewhere, or was."""
    while not found.is_over:
        yield ": waiting\n\n"
        await asyncio.sleep(LOOK_AGAIN)
        found = await sync_to_async(look_again)(found)
    yield event("text", found.outcome.text)
    yield event("done")


def look_again(found: Lane) -> Lane:
    found.refresh_from_db()
    found = settle(found)
    release_connection()
    return found


def event(name: str, text: str = "") -> str:
    """One event; JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(text)}\n\n"
