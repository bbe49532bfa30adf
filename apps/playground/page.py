"""What the playground's templates are given."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse

from apps.accounts.requests import WorkspaceRequest
from apps.core.htmx import render_page
from apps.playground.choices import Choices
from apps.playground.draft import MAX_LANES
from apps.playground.fields import Fields
from apps.playground.forms import PlaygroundForm
from apps.playground.images import own_images
from apps.playground.lanes import settle
from apps.playground.models import Lane, LaneState, PlaygroundRun, Prompt
from apps.playground.outcome import Outcome
from apps.providers.errors import ErrorKind
from apps.traces.models import SourceType

# Lowest, highest, step; the last one stands among the rarer ones.
SLIDERS = {"temperature": ("0", "2", "0.1"), "max_tokens": ("16", "4096", "16"), "top_p": ("0", "1", "0.05")}
FINISHES = {
    "stop": "Complete",
    "length": "Cut at the maximum output tokens",
    "tools": "Asks for tools",
    "filtered": "Filtered",
    "other": "Other",
}
INACTIVE = {ErrorKind.MODEL_INACTIVE, ErrorKind.CONNECTION_INACTIVE}


def page_url(request: WorkspaceRequest, **query: object) -> str:
    url = reverse("playground:page", args=[request.workspace.slug])
    return f"{url}?{urlencode(query)}" if query else url


def url_or_none(name: str, *arguments: object) -> str:
    """The address of a page of another app, "" where that app has none."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def lane_context(request: WorkspaceRequest, lane: Lane) -> dict[str, Any]:
    """One lane that was run."""
    outcome = lane.outcome
    inactive = bool(outcome.failure and outcome.failure.kind in INACTIVE)
    return {
        "lane": lane,
        "number": lane.number,
        "outcome": outcome,
        "inactive": inactive,
        "finish": FINISHES.get(outcome.finish, ""),
        "trace_url": url_or_none("traces:trace_detail", request.workspace.slug, outcome.trace_id) if outcome.trace_id else "",
        "streams": lane.state in {LaneState.WAITING, LaneState.RUNNING},
    }


def render(
    request: WorkspaceRequest,
    form: PlaygroundForm,
    *,
    run: PlaygroundRun | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The page, or for htmx its form, with the answers of a run where there is one."""
    return render_page(request, "playground/page.html", page_context(request, form, run) | more, partial="form", status=status)


def page_context(request: WorkspaceRequest, form: PlaygroundForm, run: PlaygroundRun | None) -> dict[str, Any]:
    ran = [lane_context(request, settle(lane)) for lane in run.lanes.all()] if run else []
    prompt_id = form.initial.get("prompt")
    loaded = Prompt.objects.filter(workspace=request.workspace, pk=prompt_id).first() if prompt_id else None
    return {
        "form": form,
        "run": run,
        "lanes": with_answers(form.lanes, ran),
        "sliders": [{"field": form[name], "min": low, "max": high, "step": step} for name, (low, high, step) in SLIDERS.items()],
        "may_add_lane": len(form.lane_numbers) < MAX_LANES,
        "images": own_images(request, form.image_ids),
        "loaded": loaded,
        "history_url": history_url(request),
        "nothing": Outcome(),  # for a lane that was not run
    }


def with_answers(lanes: list[dict[str, Any]], ran: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each lane with the answer of its model: lanes may have been added, removed or turned to another model since."""
    waiting = list(ran)
    found = []
    for entry in lanes:
        pick = entry["choice"].pick if entry["choice"] else None
        answer = next((each for each in waiting if each["lane"].pick == pick), None)
        if answer:
            waiting.remove(answer)
        found.append(entry | {"ran": answer})
    return found


def history_url(request: WorkspaceRequest) -> str:
    """The traces of the playground, for those who have that page."""
    url = url_or_none("traces:trace_list", request.workspace.slug)
    return f"{url}?{urlencode({'where': f'source_type:is:{SourceType.PLAYGROUND.value}'})}" if url else ""


def form_of(fields: Mapping[str, str], choices: Choices, *, check: bool = False) -> PlaygroundForm:
    return PlaygroundForm(fields, choices, check=check)


def typed(request: WorkspaceRequest) -> Fields:
    """The posted form as fields. Never a file."""
    return {name: str(value) for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}


def run_shown(request: WorkspaceRequest) -> UUID | None:
    """The run whose answers the page has, as it says itself."""
    try:
        return UUID(request.POST.get("shown", ""))
    except ValueError:
        return None
