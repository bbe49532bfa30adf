"""The REST endpoints (spec 05)."""

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.api_keys import ApiKeyRecord
from apps.accounts.permissions import Scope
from apps.api.endpoint import endpoint, read_json
from apps.api.errors import Fields, error_response, invalid, not_found, of_call
from apps.core.access import public
from apps.gateway.calls import caller_of
from apps.inference.calls import admit
from apps.playground.queries import runnable_version
from apps.playground.saved import PromptRun, run_prompt
from apps.providers.types import JsonValue

VARIABLES = "variables"


@endpoint("POST", Scope.INFERENCE_INVOKE)
async def prompt_run(request: HttpRequest, key: ApiKeyRecord, prompt_id: UUID) -> HttpResponse:
    """Ask a saved prompt's model, with values for its variables."""
    caller = caller_of(key)
    values = read_variables(read_json(request))
    version = await sync_to_async(runnable_version)(key.workspace_id, prompt_id)
    if version is None:
        await admit(caller)  # what is not there counts as well
        raise not_found("There is no such prompt in the workspace of this API key.")
    run = await run_prompt(version, values, caller)
    if run.problems:
        raise invalid({f"{VARIABLES}.{name}": [said] for name, said in run.problems.items()}, run.request_id)
    if run.error:
        raise of_call(run.error, run.request_id)
    return JsonResponse(answer_of(run), headers={"Cache-Control": "no-store", "X-Patchbay-Request-Id": run.request_id})


def read_variables(body: JsonValue) -> dict[str, str]:
    """The values by name. Raises ApiError that names everything that does not belong there."""
    if not isinstance(body, dict):
        raise invalid({"": ["The body has to be an object."]})
    given = body.get(VARIABLES, {})
    fields: Fields = {name: ["There is no such field. There is “variables”."] for name in body if name != VARIABLES}
    if not isinstance(given, dict):
        raise invalid({**fields, VARIABLES: ["This has to be an object: values by the names of variables."]})
    values = {name: value for name, value in given.items() if isinstance(value, str)}
    fields = {**fields, **{f"{VARIABLES}.{name}": ["A value has to be text."] for name in given if name not in values}}
    if fields:
        raise invalid(fields)
    return values


def answer_of(run: PromptRun) -> dict[str, object]:
    """Unknown counts are null, never 0."""
    version, outcome = run.version, run.outcome
    return {
        "requestId": run.request_id,
        "promptId": str(version.prompt_id),
        "promptName": version.prompt.name,
        "version": version.number,
        "model": run.model,
        "connection": run.connection,
        "attempts": run.attempts,
        "output": outcome.text,
        "finishReason": outcome.finish,
        "usage": {
            "inputTokens": outcome.input_tokens,
            "outputTokens": outcome.output_tokens,
            "cachedTokens": outcome.cached_tokens,
        },
        "responseMs": round(outcome.total_ms, 1) if outcome.total_ms is not None else None,
    }


@csrf_exempt
@public
def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    return error_response(request, not_found(f"There is nothing at {request.path[:200]}."))
