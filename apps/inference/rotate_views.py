"""*Rotate*: a new key is checked with the provider before it takes the old one's place (spec 03)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.actions import ConnectionEditConflict, KeyAlreadyUsed, key_header, rotate_key
from apps.connections.models import Connection
from apps.connections.rotating import RotateForm
from apps.connections.views import get_connection
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.egress import EgressRule
from apps.core.htmx import redirect, render_page, toast
from apps.core.limits import limit_calls_out
from apps.egress import rules
from apps.external_models.queries import get_model
from apps.inference import pipeline
from apps.inference.actions import record_failed_rotation
from apps.inference.queries import sample_values
from apps.inference.result import Failure, Result
from apps.inference.target import Target, target_of
from apps.inference.trail import Trail, trail_of_test
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import PROVIDERS
from apps.providers.types import JsonValue

PAGE = "connections/connection_rotate.html"


@dataclass(frozen=True, slots=True)
class ReadyCheck:
    """What the check needs, read from the database before it."""

    form: RotateForm
    connection: Connection
    target: Target
    values: Mapping[str, JsonValue]
    rules: tuple[EgressRule, ...]
    trail: Trail

    async def ask(self) -> Result:
        """The cheapest call that tells: what the provider has for it, else the model's own test."""
        easy, definition = PROVIDERS[self.connection.model.provider].easy, self.target.definition
        if easy is None:
            return await pipeline.run(self.target, self.values, rules=self.rules, trail=self.trail)
        asked = easy.check(easy.base_of(definition.url, definition.model), definition.model)
        return await pipeline.check(self.target, asked, rules=self.rules, trail=self.trail)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def rotate(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    """Ask for the new key; check it with the provider; switch. Async, so that a closed browser cancels the check."""
    ready = await sync_to_async(prepare)(request, model_id, connection_id)
    if isinstance(ready, HttpResponse):
        return ready
    result = await ready.ask()
    return await sync_to_async(finish)(request, ready, result)


def prepare(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> ReadyCheck | HttpResponse:
    connection = get_connection(get_model(request.workspace, model_id), connection_id)
    if not connection.has_key:
        raise Http404("This connection has no key of its own.")
    form = RotateForm(request.POST or None, connection=connection)
    if request.method != "POST" or not form.is_valid():
        return show(request, connection, form)
    try:
        values = sample_values(connection.model, request.user)
    except ProviderError as error:
        return not_accepted(request, connection, form, Result(failure=Failure.of(error)))
    stored = target_of(connection)
    header = key_header(connection.model.definition).lower()
    target = replace(stored, secrets={**stored.secrets, header: form.secret})
    trail = trail_of_test(request.workspace, request.user, model=connection.model, connection=connection, values=values)
    ready = ReadyCheck(form, connection, target, values, rules.current(), trail)
    release_connection()
    return ready


def finish(request: WorkspaceRequest, ready: ReadyCheck, result: Result) -> HttpResponse:
    if not result.answered:
        return not_accepted(request, ready.connection, ready.form, result)
    try:
        connection = rotate_key(ready.connection, secret=ready.form.secret, actor=actor_of(request))
    except ConnectionEditConflict as error:
        ready.form.add_error(None, str(error))
    except KeyAlreadyUsed as error:
        ready.form.add_error("key", str(error))
    else:
        toast(request, f"{connection.name} uses the new key", detail="Calls under way end with the old one. You can revoke it now.")
        return redirect(request, reverse("connections:connection_list", args=[request.workspace.slug, connection.model_id]))
    return show(request, ready.connection, ready.form)


def not_accepted(request: WorkspaceRequest, connection: Connection, form: RotateForm, result: Result) -> HttpResponse:
    """Nothing changed: say whether the provider refused the key, or could not be asked."""
    record_failed_rotation(connection, result=result, workspace_id=request.workspace.pk, actor=actor_of(request))
    assert result.failure  # noqa: S101 - a result without one was answered
    if result.failure.kind == ErrorKind.UPSTREAM_AUTH:
        form.add_error("key", f"{result.failure.message} Nothing was changed: the stored key stays in use.")
    else:
        unchecked = "Nothing was changed, because the new key did not pass the check. To store it all the same, use Edit."
        form.add_error(None, f"{result.failure.message} {result.failure.hint} {unchecked}")
    return show(request, connection, form)


def show(request: WorkspaceRequest, connection: Connection, form: RotateForm) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    context = {"model": connection.model, "connection": connection, "form": form, "tab": "connections"}
    return render_page(request, PAGE, context, partial="dialog", status=status)
