"""What all REST endpoints have in common: whose key it is, what it may do, and errors in one shape.

@endpoint("POST", Scope.INFERENCE_INVOKE)
async def prompt_run(request: HttpRequest, key: ApiKeyRecord, prompt_id: UUID) -> JsonResponse: ...
"""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.api_credentials import ApiKeyError, read_credentials, refuse_key_in_query
from apps.accounts.api_keys import ApiKeyRecord, authenticate
from apps.accounts.permissions import Scope
from apps.api.errors import ApiError, error_response, of_call, of_key, our_fault
from apps.core.access import View, declare, for_programs
from apps.core.client_ip import client_ip
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_text
from apps.providers.types import JsonValue

type Endpoint = Callable[..., Awaitable[HttpResponse]]

_log = logging.getLogger(__name__)


def endpoint(method: str, scope: Scope) -> Callable[[Endpoint], View]:
    """A view for programs: it gets the record of a key that has the scope. May raise ApiError, ApiKeyError and ProviderError."""

    def decorate(view: Endpoint) -> View:
        @wraps(view)
        async def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise wrong_method(request, method)
                key = await key_of(request)
                key.demand(scope)
                return await view(request, key, *args, **kwargs)
            except ApiError as error:
                return error_response(request, error)
            except ApiKeyError as error:
                return error_response(request, of_key(error))
            except ProviderError as error:
                return error_response(request, of_call(error))
            except Exception as error:  # noqa: BLE001 - the boundary: a program gets its kind of answer for failures of ours, too
                _log.exception("a request to the API failed")
                return error_response(request, our_fault(error))

        # No session is read here, so there is nothing that another site could make a browser do.
        return csrf_exempt(declare(answer, for_programs(scope)))

    return decorate


async def key_of(request: HttpRequest) -> ApiKeyRecord:
    """Whose request it is. Raises ApiKeyError."""
    refuse_key_in_query(request.META.get("QUERY_STRING", "").encode("latin-1", "replace"))
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in request.headers.items()]
    return await authenticate(read_credentials(headers), address=client_ip(request))


def wrong_method(request: HttpRequest, allowed: str) -> ApiError:
    message = f"{request.method} is not possible here; use {allowed}."
    return ApiError(405, "method_not_allowed", message, headers={"Allow": allowed})


def read_json(request: HttpRequest) -> JsonValue:
    """The body; an empty one is an empty object. Raises ApiError."""
    try:
        return parse_text(request.body.decode() or "{}")
    except RequestDataTooBig:
        raise ApiError(413, ErrorKind.BODY_TOO_LARGE.value, "The request body is too large.") from None
    except UnicodeDecodeError:
        raise malformed("it is not UTF-8") from None
    except ValueError as problem:
        raise malformed(str(problem)) from None


def malformed(why: str) -> ApiError:
    return ApiError(400, "malformed_json", f"The body is not usable JSON: {why}.")
