"""The last step of easy integration: the key, checked with its provider before anything is saved (spec 02)."""

from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import redirect as see_other
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.actions import ConnectionNameTaken, KeyAlreadyUsed
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.htmx import redirect, toast
from apps.core.limits import limit_calls_out
from apps.egress import rules
from apps.external_models.actions import Author
from apps.inference import pipeline
from apps.inference.actions import record_key_check, record_refusal
from apps.inference.models import TestRun
from apps.inference.result import Result
from apps.inference.target import Target
from apps.inference.trail import Trail, trail_of_test
from apps.onboarding.actions import add_easy_model
from apps.onboarding.builder import as_uuid
from apps.onboarding.easy import carried, check_model_id, easy_provider, step_url
from apps.onboarding.easy_page import EasyPage
from apps.onboarding.keeping import keep_typed_secrets
from apps.onboarding.wizard import earlier, show_step
from apps.providers.jsonread import storable


@dataclass(frozen=True, slots=True)
class ReadyCheck:
    """What the check needs, read from the database before it."""

    page: EasyPage
    target: Target
    trail: Trail


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def credentials(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Check the key, then save. Async, so that a closed browser cancels the check."""
    ready = await sync_to_async(prepare)(request, provider)
    if isinstance(ready, HttpResponse):
        return ready
    result = await pipeline.check(ready.target, ready.page.asked, rules=ready.page.rules, trail=ready.trail)
    return await sync_to_async(finish)(request, ready.page, result)


def prepare(request: WorkspaceRequest, provider: str) -> ReadyCheck | HttpResponse:
    page = read_page(request, provider)
    if isinstance(page, HttpResponse):
        return page
    if page.data is None:
        return show(request, page)
    step = page.data.get("step", "")
    if back := earlier(request, step, provider, page.carried):
        return back
    if not page.check():
        if page.refused:
            record_refusal(request.workspace, model=None, name=page.name, url=page.definition.url, actor=actor_of(request))
        return show(request, page, status=422)
    if step == "save-anyway":
        return save(request, page, key_checked=False)
    ready = ReadyCheck(page, page.target, trail_of_test(request.workspace, request.user, name=page.name))
    release_connection()
    return ready


def read_page(request: WorkspaceRequest, key: str) -> EasyPage | HttpResponse:
    """The step as its address and the submitted form say it. Without a model in the address, the step before."""
    provider, setup = easy_provider(key)
    query = carried(request.GET, setup)
    try:
        model_id = check_model_id(query.get("model", ""))
    except ValueError:
        return see_other(step_url("easy_model", request.workspace.slug, key, **query, step="next" if "model" in query else ""))
    data = {name: storable(text) for name, text in request.POST.dict().items()} if request.method == "POST" else None
    run_id = as_uuid(data.get("kept")) if data else None
    runs = TestRun.objects.filter(workspace=request.workspace, created_by=request.user).prefetch_related("typed_secrets")
    run = runs.filter(pk=run_id).first() if run_id else None
    return EasyPage(provider, setup, model_id, query, data, request.workspace, request.user, rules.current(), run)


def show(request: WorkspaceRequest, page: EasyPage, *, status: int = 200) -> HttpResponse:
    if page.data is not None:
        keep_typed_secrets(page)
    return show_step(request, "onboarding/easy_credentials.html", "credentials", {"shown": page, "form": page.form}, status=status)


def finish(request: WorkspaceRequest, page: EasyPage, result: Result) -> HttpResponse:
    record_key_check(
        request.workspace, connection_name=page.form.cleaned_data["name"], model_name=page.name, result=result, actor=actor_of(request)
    )
    if result.failure:
        page.blame(result)
        return show(request, page, status=422)
    return save(request, page, key_checked=True)


def save(request: WorkspaceRequest, page: EasyPage, *, key_checked: bool) -> HttpResponse:
    try:
        added = add_easy_model(
            page.integration(key_checked=key_checked), workspace=request.workspace, by=Author(request.user, actor_of(request))
        )
    except ConnectionNameTaken as error:
        page.form.add_error("name", str(error))
    except KeyAlreadyUsed as error:
        page.form.add_error("key", str(error))
    else:
        if page.run:
            page.run.delete()  # with the key that it kept: the connection holds it now
        model, connection = added.connection.model, added.connection
        off = "" if connection.inferencing_enabled else " It is switched off, because its key is not known to work."
        if added.is_new:
            toast(request, f"{model.name} is added", detail=f"Its first connection is {connection.name}.{off}")
            return redirect(request, reverse("external_models:model_list", args=[request.workspace.slug]))
        toast(request, f"{connection.name} is added to {model.name}", detail=f"The model was already here.{off}")
        return redirect(request, reverse("connections:connection_list", args=[request.workspace.slug, model.pk]))
    return show(request, page, status=422)
