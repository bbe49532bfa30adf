"""The playground: the page, its buttons that change the form, Run, and *View code*."""

import asyncio
from dataclasses import replace
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.htmx import is_fragment_request, redirect, render_page, toast
from apps.core.limits import limit_calls_out
from apps.external_models.actions import switch_inferencing
from apps.inference.result import Failure
from apps.playground.asking import Question
from apps.playground.choices import Choices, list_choices
from apps.playground.code import code_of
from apps.playground.draft import MAX_LANES, Draft, Pick
from apps.playground.fields import IMAGE, Fields, edited, fields_of, focus_after
from apps.playground.images import ImageRefused, attach
from apps.playground.lanes import claim, question_of, refuse_unasked, run_lane
from apps.playground.models import Lane, PlaygroundRun
from apps.playground.page import form_of, page_url, render, run_shown, typed
from apps.playground.queries import find_version, get_prompt
from apps.playground.replay import NotReplayable, replayed
from apps.playground.runs import create_run, get_run
from apps.providers.errors import ProviderError

LANE_NUMBERS = {str(number) for number in range(1, MAX_LANES + 1)}


@require_GET
@require(Permission.USE_MODELS)
def page(request: WorkspaceRequest) -> HttpResponse:
    """Empty, or filled from `run`, `trace`, `prompt` (and `version`) or `model`."""
    choices = list_choices(request.workspace)
    run = shown_run(request, request.GET.get("run", ""))
    draft = run.draft if run else begun(request, choices)
    return render(request, form_of(fields_of(draft), choices), run=run)


def begun(request: WorkspaceRequest, choices: Choices) -> Draft:
    """What the address asks to begin with."""
    draft = Draft()
    if trace := request.GET.get("trace"):
        draft = of_trace(request, trace, choices)
    elif prompt := request.GET.get("prompt"):
        draft = of_prompt(request, prompt, request.GET.get("version", ""))
    elif model := request.GET.get("model"):
        draft = replace(draft, picks=(Pick.of_key(model),))
    if draft.picks == (None,) and (first := choices.first()):
        draft = replace(draft, picks=(first.pick,))
    return draft


def of_trace(request: WorkspaceRequest, trace: str, choices: Choices) -> Draft:
    try:
        draft, sentences = replayed(request, as_uuid(trace), choices)
    except NotReplayable as problem:
        toast(request, "This call cannot be filled in", level="error", detail=str(problem))
        return Draft()
    if sentences:
        toast(request, "Filled in from the trace, but not everything", detail=" ".join(sentences))
    return draft


def of_prompt(request: WorkspaceRequest, prompt: str, number: str) -> Draft:
    found = get_prompt(request.workspace, as_uuid(prompt))
    version = find_version(found, int(number) if number.isdecimal() and len(number) < 10 else None)
    if version.pick is None:
        toast(request, f"{version.model_name} was deleted", level="error", detail="Choose another model for this prompt.")
    return Draft(script=version.script, picks=(version.pick,), prompt_id=version.prompt_id, prompt_number=version.number)


def as_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("This is no ID.") from None


def shown_run(request: WorkspaceRequest, run_id: str) -> PlaygroundRun | None:
    """The run of the address; None, and a word about it, where it is not kept any more."""
    if not run_id:
        return None
    try:
        return get_run(request.workspace, request.user, as_uuid(run_id))
    except Http404:
        toast(request, "This run is not kept any more", level="error", detail="Runs stay for a day at most. Their traces stay longer.")
        return None


@require_POST
@require(Permission.USE_MODELS)
def edit(request: WorkspaceRequest) -> HttpResponse:
    """The form after one of its buttons, or with the fields that its texts and models ask for now. Checks nothing."""
    action = request.POST.get("do", "")
    fields, problem = with_images(request, edited(typed(request), action))
    form = form_of(fields, list_choices(request.workspace))
    return render(request, form, run=answers_shown(request), image_error=problem, focus=focus_after(fields, action))


def answers_shown(request: WorkspaceRequest) -> PlaygroundRun | None:
    shown = run_shown(request)
    try:
        return get_run(request.workspace, request.user, shown) if shown else None
    except Http404:
        return None


def with_images(request: WorkspaceRequest, fields: Fields) -> tuple[Fields, str]:
    """The fields with what was uploaded, and what is wrong with it."""
    try:
        attached = attach(request, form_of(fields, Choices([])).image_ids)
    except ImageRefused as problem:
        return fields, str(problem)
    return fields | {f"{IMAGE}{image}": "1" for image in attached}, ""


@require_POST
@require(Permission.SWITCH_INFERENCING)
def switch_on(request: WorkspaceRequest) -> HttpResponse:
    """Let the model of one lane be called; what was typed stays."""
    number = lane_asked(request)
    choice = list_choices(request.workspace).find(request.POST.get(f"lane-{number}", ""))
    if choice is None or choice.model.is_system:
        toast(request, "Choose a model of this workspace first", level="error")
    else:
        switch_inferencing(choice.model, on=True, actor=actor_of(request))
        # Without Undo: it would load the page anew.
        toast(request, f"{choice.model.name} is on", detail="It can be called from now on.")
    fields, problem = with_images(request, typed(request))
    form = form_of(fields, list_choices(request.workspace))
    return render(request, form, run=answers_shown(request), image_error=problem, focus=f"#id_lane-{number}")


def lane_asked(request: WorkspaceRequest) -> int:
    """The lane whose button was pressed."""
    number = request.GET.get("lane", "")
    return int(number) if number in LANE_NUMBERS else 1


@require_POST
@require(Permission.USE_MODELS)
@limit_calls_out
async def run(request: WorkspaceRequest) -> HttpResponse:
    """Make the run. With scripts each lane then opens its stream; without, all of them are called here, at the same time."""
    made = await sync_to_async(make_run)(request)
    if isinstance(made, HttpResponse):
        return made
    if not is_fragment_request(request):
        await run_all(await sync_to_async(claim_all)(made, request))
        return redirect(request, page_url(request, run=made.pk))
    return await sync_to_async(lanes_to_stream)(request, made)


def make_run(request: WorkspaceRequest) -> PlaygroundRun | HttpResponse:
    """The run, or the page with what is wrong."""
    choices = list_choices(request.workspace)
    fields, problem = with_images(request, typed(request))
    form = form_of(fields, choices, check=True)
    if not form.is_valid() or problem:
        return render(request, form, run=answers_shown(request), status=422, image_error=problem)
    chosen = [choice for choice in form.chosen if choice]
    run = create_run(request.workspace, request.user, run_id=form.cleaned_data["token"], draft=form.draft, chosen=chosen)
    release_connection()
    return run


def claim_all(run: PlaygroundRun, request: HttpRequest) -> list[tuple[Lane, Question]]:
    """The lanes that are ours to call, with their questions."""
    ready = []
    for lane in run.lanes.all():
        if not claim(lane):
            continue
        try:
            lane.run = run
            ready.append((lane, question_of(lane, run.created_by)))
        except ProviderError as error:
            refuse_unasked(lane, Failure.of(error))
    release_connection()
    return ready


async def run_all(ready: list[tuple[Lane, Question]]) -> None:
    async with asyncio.TaskGroup() as group:
        for lane, question in ready:
            group.create_task(run_lane(lane, question))


def lanes_to_stream(request: WorkspaceRequest, made: PlaygroundRun) -> HttpResponse:
    run = get_run(request.workspace, request.user, made.pk)
    response = render(request, form_of(fields_of(run.draft), list_choices(request.workspace)), run=run)
    response.headers["HX-Push-Url"] = page_url(request, run=run.pk)
    return response


@require_POST
@require(Permission.USE_MODELS)
def code(request: WorkspaceRequest) -> HttpResponse:
    """The call of one lane as a program would make it through the gateway."""
    form = form_of(typed(request), list_choices(request.workspace), check=True)
    form.is_valid()
    number = lane_asked(request)
    lane = next((each for each in form.lanes if each["number"] == number), None)
    if lane is None or lane["choice"] is None:
        toast(request, "Choose a model first", level="error")
        return render(request, form_of(typed(request), form.choices), run=answers_shown(request), status=422)
    context = {"samples": code_of(lane["choice"], form), "choice": lane["choice"], "back": back_url(request)}
    return render_page(request, "playground/code.html", context, partial="dialog")


def back_url(request: WorkspaceRequest) -> str:
    shown = run_shown(request)
    return page_url(request, run=shown) if shown else page_url(request)
