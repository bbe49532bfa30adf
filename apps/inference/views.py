"""Testing one connection: a real call with the sample input of the model's last test."""

from dataclasses import dataclass
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.connections.models import Connection
from apps.connections.views import get_connection
from apps.core.access import require
from apps.core.database import release_connection
from apps.core.egress import EgressRule
from apps.core.htmx import is_fragment_request, redirect, render_fragment, toast
from apps.core.limits import limit_calls_out
from apps.egress import rules
from apps.external_models.queries import get_model
from apps.inference import pipeline
from apps.inference.actions import record_connection_test
from apps.inference.queries import sample_values
from apps.inference.result import Failure, Result
from apps.inference.target import Target, target_of
from apps.inference.trail import Trail, trail_of_test
from apps.providers.errors import ProviderError
from apps.providers.types import JsonValue


@dataclass(frozen=True, slots=True)
class ReadyTest:
    """What the call needs, read from the database before it."""

    connection: Connection
    target: Target
    values: dict[str, JsonValue]
    rules: tuple[EgressRule, ...]
    trail: Trail


@require_POST
@require(Permission.EDIT_MODELS)
@limit_calls_out
async def test_connection(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> HttpResponse:
    """Call the model once through this connection and say what came of it."""
    try:
        ready = await sync_to_async(prepare)(request, model_id, connection_id)
    except ProviderError as error:
        return await sync_to_async(refuse)(request, model_id, connection_id, error)
    result = await pipeline.run(ready.target, ready.values, rules=ready.rules, trail=ready.trail)
    return await sync_to_async(finish)(request, ready.connection, result)


def prepare(request: WorkspaceRequest, model_id: UUID, connection_id: UUID) -> ReadyTest:
    """Raises ProviderError when the remembered sample does not fit the variables any more."""
    connection = get_connection(get_model(request.workspace, model_id), connection_id)
    values = sample_values(connection.model, request.user)
    trail = trail_of_test(request.workspace, request.user, model=connection.model, connection=connection, values=values)
    ready = ReadyTest(connection, target_of(connection), values, rules.current(), trail)
    release_connection()
    return ready


def refuse(request: WorkspaceRequest, model_id: UUID, connection_id: UUID, error: ProviderError) -> HttpResponse:
    connection = get_connection(get_model(request.workspace, model_id), connection_id)
    return finish(request, connection, Result(failure=Failure.of(error)))


def finish(request: WorkspaceRequest, connection: Connection, result: Result) -> HttpResponse:
    model = connection.model
    with transaction.atomic():
        record_connection_test(connection, result=result, workspace_id=request.workspace.pk, actor=actor_of(request))
    say(request, connection, result)
    if not is_fragment_request(request):
        return redirect(request, reverse("connections:connection_list", args=[request.workspace.slug, model.pk]))
    fresh = get_connection(model, connection.pk)
    return render_fragment(request, "connections/_connection_row.html", {"model": model, "connection": fresh})


def say(request: WorkspaceRequest, connection: Connection, result: Result) -> None:
    """Status, latency and the provider's message."""
    if result.failure:
        said = f" The provider says: {result.failure.provider_message}" if result.failure.provider_message else ""
        toast(
            request,
            f"{connection.name} does not work: {result.failure.message}",
            level="error",
            detail=f"{result.failure.hint}{said}".strip(),
        )
    elif result.received:
        answer = f" It says: {result.output[:160]}" if result.output else ""
        toast(
            request,
            f"{connection.name} works",
            detail=f"HTTP {result.received.status} in {result.received.total_ms:,.0f} ms.{answer}",
        )
