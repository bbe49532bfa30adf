"""Errors of the REST APIs, all in one shape (spec 05): {"error": {"code", "message", "fields", "requestId"}}."""

import math
from collections.abc import Mapping, Sequence

from django.http import HttpRequest, JsonResponse

from apps.accounts.api_credentials import ApiKeyError
from apps.core.database import is_database_away
from apps.providers.callers.failures import code_of, sentence_of, status_of
from apps.providers.errors import ErrorKind, ProviderError

WAIT_SECONDS = 2.0  # what a caller is told where nobody knows better

type Fields = Mapping[str, Sequence[str]]


class ApiError(Exception):
    """A request that is not done. `fields` are the problems by the path of their field, `request_id` that of a call it became."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = fields or {}
        self.headers = headers or {}
        self.request_id = request_id


def error_response(request: HttpRequest, error: ApiError) -> JsonResponse:
    request_id = error.request_id or getattr(request, "request_id", "")
    said = {"code": error.code, "message": str(error), "fields": error.fields, "requestId": request_id}
    return JsonResponse({"error": said}, status=error.status, headers={"Cache-Control": "no-store", **error.headers})


def of_key(error: ApiKeyError) -> ApiError:
    headers = {"WWW-Authenticate": 'Bearer realm="Patchbay"'} if error.status in {401, 403} else {}
    return ApiError(error.status, error.code, str(error), headers=headers | waiting(error.retry_after))


def of_call(error: ProviderError, request_id: str = "") -> ApiError:
    """A call that failed. What does not fit together is 422 here, since 400 is for what is no JSON."""
    status = 409 if error.kind is ErrorKind.MODEL_NOT_FOUND else status_of(error)  # 404 is for the thing that was asked for
    if status == 400 and error.kind is not ErrorKind.UPSTREAM_REFUSED:
        status = 422
    seconds = error.retry_after or WAIT_SECONDS if status in {429, 503} else None
    return ApiError(status, code_of(error), sentence_of(error), headers=waiting(seconds), request_id=request_id)


def invalid(fields: Fields, request_id: str = "") -> ApiError:
    count = sum(map(len, fields.values()))
    message = "One field of the request is not right." if count == 1 else f"{count} things in the request are not right."
    return ApiError(422, "validation_failed", f"{message} “fields” says what.", fields=fields, request_id=request_id)


def not_found(message: str) -> ApiError:
    return ApiError(404, "not_found", message)


def our_fault(error: Exception) -> ApiError:
    if is_database_away(error):
        message = "This cannot be looked up just now. Try again in a moment."
        return ApiError(503, ErrorKind.UNAVAILABLE.value, message, headers=waiting(WAIT_SECONDS))
    message = "Something went wrong on our side. The server's log has more under the ID of this request."
    return ApiError(500, ErrorKind.INTERNAL.value, message)


def waiting(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}
