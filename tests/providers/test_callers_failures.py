"""Every way in which a call can fail has a place in both APIs (spec 04, Rules at run time)."""

import pytest

from apps.providers.callers.failures import anthropic_type, code_of, openai_type, sentence_of, status_of
from apps.providers.errors import ErrorKind, ProviderError


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_has_a_status(kind: ErrorKind) -> None:
    assert 400 <= status_of(ProviderError(kind, "x")) <= 504


@pytest.mark.parametrize(
    ("kind", "status", "code", "openai", "anthropic"),
    [
        ("INVALID_REQUEST", 400, "invalid_request", "invalid_request_error", "invalid_request_error"),
        ("UNSUPPORTED", 400, "unsupported", "invalid_request_error", "invalid_request_error"),
        ("INVALID_API_KEY", 401, "invalid_api_key", "authentication_error", "authentication_error"),
        ("MISSING_SCOPE", 403, "missing_scope", "permission_error", "permission_error"),
        ("MODEL_NOT_FOUND", 404, "model_not_found", "invalid_request_error", "not_found_error"),
        ("MODEL_DRAFT", 409, "model_draft", "invalid_request_error", "invalid_request_error"),
        ("MODEL_INACTIVE", 409, "model_inactive", "invalid_request_error", "invalid_request_error"),
        ("CONNECTION_INACTIVE", 409, "connection_inactive", "invalid_request_error", "invalid_request_error"),
        ("BODY_TOO_LARGE", 413, "body_too_large", "invalid_request_error", "request_too_large"),
        ("FEATURE_NOT_ENABLED", 422, "feature_not_enabled", "invalid_request_error", "invalid_request_error"),
        ("RATE_LIMITED", 429, "rate_limited", "rate_limit_error", "rate_limit_error"),
        ("BUDGET_EXCEEDED", 429, "budget_exceeded", "rate_limit_error", "rate_limit_error"),
        ("UPSTREAM_RATE_LIMITED", 429, "upstream_rate_limited", "rate_limit_error", "rate_limit_error"),
        ("UPSTREAM_AUTH", 502, "upstream_auth", "server_error", "api_error"),
        ("UPSTREAM_ERROR", 502, "upstream_error", "server_error", "api_error"),
        ("CONNECTION_REFUSED", 502, "connection_refused", "server_error", "api_error"),
        ("URL_NOT_ALLOWED", 502, "url_not_allowed", "server_error", "api_error"),
        ("CONNECTION_RESTING", 503, "connection_resting", "server_error", "overloaded_error"),
        ("CONNECT_TIMEOUT", 504, "upstream_timeout", "server_error", "timeout_error"),
        ("FIRST_BYTE_TIMEOUT", 504, "upstream_timeout", "server_error", "timeout_error"),
        ("TIMEOUT", 504, "upstream_timeout", "server_error", "timeout_error"),
    ],
)
def test_the_words_of_the_specification(kind: str, status: int, code: str, openai: str, anthropic: str) -> None:
    error = ProviderError(ErrorKind[kind], "x")
    assert (status_of(error), code_of(error), openai_type(status), anthropic_type(status)) == (status, code, openai, anthropic)


@pytest.mark.parametrize(("said", "shown"), [(404, 404), (422, 422), (402, 402), (401, 400), (429, 400), (None, 400)])
def test_a_providers_refusal_keeps_its_status(said: int | None, shown: int) -> None:
    assert status_of(ProviderError(ErrorKind.UPSTREAM_REFUSED, "x", status=said)) == shown


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ProviderError(ErrorKind.TIMEOUT, "Too late."), "Too late."),
        (ProviderError(ErrorKind.MODEL_INACTIVE, "This model is not active", "Switch it on."), "This model is not active. Switch it on."),
        (ProviderError(ErrorKind.TIMEOUT, "Too late.", "Try again."), "Too late. Try again."),
        (ProviderError(ErrorKind.UPSTREAM_ERROR, "No.", "Wait.", provider_message="busy"), "No. The provider said: busy. Wait."),
        (ProviderError(ErrorKind.UPSTREAM_ERROR, "No: busy", "Wait.", provider_message="busy"), "No: busy. Wait."),
    ],
)
def test_the_sentence_says_all_once(error: ProviderError, sentence: str) -> None:
    assert sentence_of(error) == sentence
