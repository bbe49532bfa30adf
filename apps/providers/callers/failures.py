"""How each failure of a call looks to a program: its HTTP status, its code, and each API's own word for its type (spec 04)."""

from typing import Final

from apps.providers.errors import AUTHORIZING, ErrorKind, ProviderError

# Codes are those of traces, the kind's own value, but for these: spec 04 has one word for every way of being too late.
_CODES: Final = {
    ErrorKind.CONNECT_TIMEOUT: "upstream_timeout",
    ErrorKind.FIRST_BYTE_TIMEOUT: "upstream_timeout",
    ErrorKind.TIMEOUT: "upstream_timeout",
}
_STATUSES: Final[dict[int, set[ErrorKind]]] = {
    400: {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.UNSUPPORTED,
        ErrorKind.UNKNOWN_VARIABLE,
        ErrorKind.MISSING_VARIABLE,
        ErrorKind.BAD_VALUE,
        ErrorKind.UPSTREAM_REFUSED,
    },
    401: {ErrorKind.INVALID_API_KEY},
    403: {ErrorKind.MISSING_SCOPE},
    404: {ErrorKind.MODEL_NOT_FOUND, ErrorKind.CONNECTION_NOT_FOUND},
    409: {ErrorKind.MODEL_DRAFT, ErrorKind.MODEL_INACTIVE, ErrorKind.CONNECTION_INACTIVE},
    413: {ErrorKind.BODY_TOO_LARGE},
    422: {ErrorKind.FEATURE_NOT_ENABLED},
    429: {ErrorKind.RATE_LIMITED, ErrorKind.BUDGET_EXCEEDED, ErrorKind.UPSTREAM_RATE_LIMITED},
    499: {ErrorKind.CANCELLED},  # nobody reads it
    500: {ErrorKind.INTERNAL},
    # What the caller can do nothing about: the model's definition, its credentials, the way to the provider, its answer.
    502: {
        ErrorKind.TEMPLATE_INVALID,
        ErrorKind.NEEDS_CREDENTIALS,
        *AUTHORIZING,
        ErrorKind.URL_INVALID,
        ErrorKind.URL_NOT_ALLOWED,
        ErrorKind.NAME_NOT_RESOLVED,
        ErrorKind.CONNECTION_REFUSED,
        ErrorKind.CONNECT_FAILED,
        ErrorKind.TLS_FAILED,
        ErrorKind.DISCONNECTED,
        ErrorKind.PROTOCOL_ERROR,
        ErrorKind.HEADERS_TOO_LARGE,
        ErrorKind.RESPONSE_TOO_LARGE,
        ErrorKind.DECODE_FAILED,
        ErrorKind.REDIRECT,
        ErrorKind.UPSTREAM_AUTH,
        ErrorKind.UPSTREAM_ERROR,
        ErrorKind.NOT_JSON,
        ErrorKind.NOT_THE_FORMAT,
        ErrorKind.MODEL_NOT_LISTED,
        ErrorKind.OUTPUT_PATH_NO_MATCH,
    },
    503: {ErrorKind.CONNECTION_RESTING, ErrorKind.UNAVAILABLE},
    504: {ErrorKind.CONNECT_TIMEOUT, ErrorKind.FIRST_BYTE_TIMEOUT, ErrorKind.TIMEOUT},
}
_STATUS_OF: Final = {kind: status for status, kinds in _STATUSES.items() for kind in kinds}

_REFUSALS: Final = frozenset(range(400, 500)) - {401, 403, 407, 429}

_OPENAI_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def status_of(error: ProviderError) -> int:
    """The HTTP status of the answer. A provider's own refusal keeps its status, but for those that would speak of the caller's key."""
    if (
        error.kind is ErrorKind.UPSTREAM_REFUSED
        and error.status
        and 400 <= error.status <= 499
        and error.status not in (401, 403, 407, 429)
    ):
        return error.status
    return _STATUS_OF[error.kind]


def code_of(error: ProviderError) -> str:
    """The word for programs, such as "model_inactive"."""
    return _CODES.get(error.kind, error.kind.value)


def sentence_of(error: ProviderError) -> str:
    """What happened, what the provider said about it, and what to try."""
    said = error.provider_message if error.provider_message not in error.message else ""
    parts = (error.message, f"The provider said: {said}" if said else "", error.hint)
    return " ".join(ended(part) for part in parts if part)


def ended(sentence: str) -> str:
    """With a full stop, so that nothing sticks to what comes after it."""
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def openai_type(status: int) -> str:
    return _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def anthropic_type(status: int) -> str:
    return _ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
