"""Saved prompts: saving from the playground, the list, one prompt with its versions."""

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.access import MissingPermission, require
from apps.core.htmx import is_fragment_request, redirect, render_page, toast
from apps.core.pagination import paginate
from apps.playground import actions
from apps.playground.actions import Author, Content, NewerVersion, PromptNameTaken
from apps.playground.choices import list_choices
from apps.playground.code import run_prompt_curl
from apps.playground.compare import compare
from apps.playground.forms import NameForm, PlaygroundForm
from apps.playground.models import Prompt, PromptVersion
from apps.playground.page import form_of, page_url, render, typed
from apps.playground.queries import find_version, get_prompt, list_prompts
from apps.playground.saved import needed_by
from apps.playground.views import answers_shown

ANYWAY = "anyway"


@require_POST
@require(Permission.USE_MODELS)
def save(request: WorkspaceRequest) -> HttpResponse:
    """What the playground's form says, as a new prompt or as the next version of the one that was loaded."""
    choices = list_choices(request.workspace)
    form = form_of(typed(request), choices, check=True)
    form.is_valid()
    choice = form.chosen[0]
    if not form.says_what_to_save or choice is None:
        return render(request, form, run=answers_shown(request), status=422)
    content = Content(form.script, choice)
    if request.POST.get("do") == "new":
        return save_new(request, form, content)
    return save_next(request, form, content)


def save_new(request: WorkspaceRequest, form: PlaygroundForm, content: Content) -> HttpResponse:
    named = NameForm({"name": request.POST.get("prompt_name", "")})
    if not named.is_valid():
        return not_saved(request, form, name_error=" ".join(map(str, named.errors["name"])))
    try:
        made = actions.create_prompt(request.workspace, name=named.cleaned_data["name"], content=content, by=author_of(request))
    except PromptNameTaken as error:
        return not_saved(request, form, name_error=str(error))
    toast(request, f"Saved “{made.name}”")
    return saved(request, form, made)


def save_next(request: WorkspaceRequest, form: PlaygroundForm, content: Content) -> HttpResponse:
    """Over somebody's newer version only when the person has seen that there is one."""
    prompt = get_prompt(request.workspace, form.cleaned_data.get("prompt") or UUID(int=0))
    expected = as_number(request.POST.get(ANYWAY, "")) or form.cleaned_data.get("prompt_number") or 0
    try:
        version = actions.save_version(prompt, content=content, by=author_of(request), expected=expected)
    except NewerVersion as conflict:
        return not_saved(request, form, conflict=conflict)
    toast(request, f"Saved version {version.number} of “{prompt.name}”")
    return saved(request, form, version.prompt)


def not_saved(request: WorkspaceRequest, form: PlaygroundForm, **why: object) -> HttpResponse:
    return render(request, form_of(typed(request), form.choices), run=answers_shown(request), status=422, **why)


def saved(request: WorkspaceRequest, form: PlaygroundForm, prompt: Prompt) -> HttpResponse:
    """The page as it was, now of this version; without scripts the prompt's page."""
    if not is_fragment_request(request):
        return redirect(request, prompt_url(request, prompt))
    fields = typed(request) | {"prompt": str(prompt.pk), "prompt_number": str(prompt.newest)}
    fields.pop("prompt_name", None)
    response = render(request, form_of(fields, form.choices), run=answers_shown(request), focus="#save-prompt")
    response.headers["HX-Push-Url"] = page_url(request, prompt=prompt.pk, version=prompt.newest)
    return response


def author_of(request: WorkspaceRequest) -> Author:
    return Author(request.user, actor_of(request))


def prompt_url(request: WorkspaceRequest, prompt: Prompt) -> str:
    return reverse("playground:prompt", args=[request.workspace.slug, prompt.pk])


@require_GET
@require(Permission.USE_MODELS)
def prompt_list(request: WorkspaceRequest) -> HttpResponse:
    q = request.GET.get("q", "")[:200].strip()
    page = paginate(request, list_prompts(request.workspace, q), ("name_key", "id"))
    return render_page(request, "playground/prompt_list.html", {"page": page, "q": q}, partial="results")


@require_GET
@require(Permission.USE_MODELS)
def prompt(request: WorkspaceRequest, prompt_id: UUID) -> HttpResponse:
    return show_prompt(request, get_prompt(request.workspace, prompt_id))


def show_prompt(request: WorkspaceRequest, found: Prompt, form: NameForm | None = None) -> HttpResponse:
    versions = paginate(request, found.versions.all(), ("number",), descending=True)
    version = find_version(found)
    context = {
        "prompt": found,
        "version": version,
        "curl": run_prompt_curl(found.pk, needed_by(version)),
        "versions": versions,
        "form": form or NameForm(initial={"name": found.name}),
        "may_delete": may_delete(request, found),
    }
    return render_page(request, "playground/prompt.html", context, status=422 if form else 200)


@require_POST
@require(Permission.USE_MODELS)
def prompt_rename(request: WorkspaceRequest, prompt_id: UUID) -> HttpResponse:
    found = get_prompt(request.workspace, prompt_id)
    form = NameForm(request.POST)
    if not form.is_valid():
        return show_prompt(request, found, form)
    try:
        renamed = actions.rename_prompt(found, name=form.cleaned_data["name"], actor=actor_of(request))
    except PromptNameTaken as error:
        form.add_error("name", str(error))
        return show_prompt(request, found, form)
    toast(request, f"Renamed to “{renamed.name}”")
    return redirect(request, prompt_url(request, renamed))


@require_GET
@require(Permission.USE_MODELS)
def prompt_compare(request: WorkspaceRequest, prompt_id: UUID) -> HttpResponse:
    """`old` and `new` are numbers of versions; without them the newest two."""
    found = get_prompt(request.workspace, prompt_id)
    new = version_of(request, found, "new", found.newest)
    old = version_of(request, found, "old", max(1, found.newest - 1))
    numbers = list(found.versions.values_list("number", flat=True)[:200])
    older = sorted({old.number, new.number} - {found.newest}, reverse=True)
    context = {"prompt": found, "old": old, "new": new, "numbers": numbers, "sections": compare(old, new), "older": older}
    return render_page(request, "playground/prompt_compare.html", context)


def as_number(text: str) -> int | None:
    """A version's number as it stands in an address; None for what is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def version_of(request: WorkspaceRequest, found: Prompt, name: str, otherwise: int) -> PromptVersion:
    return find_version(found, as_number(request.GET.get(name, "")) or otherwise)


@require_POST
@require(Permission.USE_MODELS)
def prompt_restore(request: WorkspaceRequest, prompt_id: UUID) -> HttpResponse:
    found = get_prompt(request.workspace, prompt_id)
    version = find_version(found, as_number(request.POST.get("version", "")))
    restored = actions.restore_version(version, by=author_of(request))
    toast(request, f"Version {version.number} is the newest again", detail=f"It was saved as version {restored.number}.")
    return redirect(request, prompt_url(request, found))


@require_http_methods(["GET", "POST"])
@require(Permission.USE_MODELS)
def prompt_delete(request: WorkspaceRequest, prompt_id: UUID) -> HttpResponse:
    found = get_prompt(request.workspace, prompt_id)
    if not may_delete(request, found):
        raise MissingPermission(Permission.DELETE_MODELS)
    if request.method == "POST":
        actions.delete_prompt(found, actor=actor_of(request))
        toast(request, f"{found.name} was deleted", detail="Its traces and audit events are kept.")
        return redirect(request, reverse("playground:prompt_list", args=[request.workspace.slug]))
    return render_page(request, "playground/prompt_delete.html", {"prompt": found}, partial="dialog")


def may_delete(request: WorkspaceRequest, found: Prompt) -> bool:
    """One's own; those of others with the right to delete models."""
    return found.created_by_id == request.user.pk or Permission.DELETE_MODELS in request.permissions
