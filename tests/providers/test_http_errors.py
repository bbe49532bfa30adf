"""HTTP errors: the provider's own message in every usual shape, whose turn it is, Retry-After (spec 04; spec 07 F1)."""

import json
from datetime import UTC, datetime

import pytest

from apps.providers.errors import ErrorKind
from apps.providers.http_errors import explain_http_error, provider_message, read_retry_after
from apps.providers.types import JsonValue


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"fault": {"why": "the desk fell over", "where": ""}}', "The provider failed to answer (HTTP 503): the desk fell over"),
        (b'{"state": 7, "ids": ["a", "b"]}', "The provider failed to answer (HTTP 503)."),
        (b'[{"why": "' + b"x " * 1000 + b'"}]', "The provider failed to answer (HTTP 503)."),
    ],
)
def test_json_of_an_unknown_shape_is_no_headline(body: bytes, message: str) -> None:
    """The first sentence in it is; the raw text stays with the error."""
    error = explain_http_error(503, [], body)
    assert error.message == message
    assert error.provider_message.startswith(body.decode()[:400])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        # OpenAI
        (
            {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}},
            "Incorrect API key provided",
        ),
        # Anthropic
        ({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}, "invalid x-api-key"),
        # Gemini, alone and as a list
        ({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}, "API key not valid."),
        ([{"error": {"code": 400, "message": "API key not valid."}}], "API key not valid."),
        # Cohere, and what a gateway says
        ({"message": "invalid api token"}, "invalid api token"),
        ({"Message": "User is not authorized"}, "User is not authorized"),
        # FastAPI
        ({"detail": "Not Found"}, "Not Found"),
        (
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}, {"loc": ["body"], "msg": "bad"}]},
            "body.messages.0: field required; body: bad",
        ),
        # Hugging Face
        ({"error": "Model is overloaded"}, "Model is overloaded"),
        ({"error": ["first", "second"]}, "first; second"),
        # OAuth
        ({"error": "invalid_client", "error_description": "Unknown client"}, "invalid_client: Unknown client"),
        # RFC 9457
        (
            {"type": "https://x/y", "title": "Out of credit", "detail": "Your balance is 30.", "status": 403},
            "Out of credit: Your balance is 30.",
        ),
        ({"title": "Out of credit"}, "Out of credit"),
        # Lists of errors
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b"),
        ({"errors": {"message": "a"}}, "a"),
        # AWS API gateway, Apigee
        ({"fault": {"faultstring": "x", "detail": {"reason": "quota"}}}, "quota"),
        # Something else: as it stands
        ({"oops": 1}, '{"oops": 1}'),
        ("just text", "just text"),
        # Nothing said
        ({}, ""),
        ({"error": None, "message": ""}, '{"error": null, "message": ""}'),
    ],
)
def test_the_providers_message_in_json(document: JsonValue, message: str) -> None:
    assert provider_message(json.dumps(document).encode()) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"  upstream\n  connect error ", "upstream connect error"),
        (b"<html><head><title>502 Bad &amp; broken</title></head><body><h1>no</h1></body></html>", "502 Bad & broken"),
        (b"<!DOCTYPE html><body><h1>Forbidden</h1></body>", "Forbidden"),
        (b"<p>Go <b>away</b></p>", "Go away"),
        (b"1 < 2", "1 < 2"),
        (b"caf\xe9", "caf\ufffd"),
        (b'{"error": {"message": "a\\u0000b\\u202ec\\ud800"}}', "a b c\ufffd"),
    ],
)
def test_the_providers_message_in_other_bodies(body: bytes, message: str) -> None:
    assert " ".join(provider_message(body).split()) == message


def test_a_long_message_is_cut_to_500_characters() -> None:
    message = provider_message(json.dumps({"error": {"message": "x" * 10_000}}).encode())
    assert (len(message), message[-2:]) == (500, "x…")
    assert len(provider_message(b"y" * 1_000_000)) == 500


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "words"),
    [
        (301, ErrorKind.REDIRECT, False, "Redirects are not followed"),
        (307, ErrorKind.REDIRECT, False, "Redirects are not followed"),
        (400, ErrorKind.UPSTREAM_REFUSED, False, "did not accept"),
        (401, ErrorKind.UPSTREAM_AUTH, False, "refused the key"),
        (402, ErrorKind.UPSTREAM_REFUSED, False, "paid"),
        (403, ErrorKind.UPSTREAM_AUTH, False, "refused"),
        (404, ErrorKind.UPSTREAM_REFUSED, False, "nothing at this address"),
        (405, ErrorKind.UPSTREAM_REFUSED, False, "method"),
        (408, ErrorKind.UPSTREAM_ERROR, True, "waiting"),
        (413, ErrorKind.UPSTREAM_REFUSED, False, "too large"),
        (415, ErrorKind.UPSTREAM_REFUSED, False, "content type"),
        (418, ErrorKind.UPSTREAM_REFUSED, False, "refused the request"),
        (422, ErrorKind.UPSTREAM_REFUSED, False, "values"),
        (429, ErrorKind.UPSTREAM_RATE_LIMITED, True, "limiting"),
        (500, ErrorKind.UPSTREAM_ERROR, True, "failed to answer"),
        (501, ErrorKind.UPSTREAM_ERROR, False, "failed to answer"),
        (502, ErrorKind.UPSTREAM_ERROR, True, "failed to answer"),
        (503, ErrorKind.UPSTREAM_ERROR, True, "failed to answer"),
        (504, ErrorKind.UPSTREAM_ERROR, True, "failed to answer"),
        (529, ErrorKind.UPSTREAM_ERROR, True, "failed to answer"),
        (101, ErrorKind.PROTOCOL_ERROR, False, "not an answer"),
        (999, ErrorKind.PROTOCOL_ERROR, False, "not an answer"),
    ],
)
def test_what_a_status_means(status: int, kind: ErrorKind, retryable: bool, words: str) -> None:
    error = explain_http_error(status, [], b'{"message": "said so"}')
    assert (error.kind, error.retryable, error.status, error.provider_message) == (kind, retryable, status, "said so")
    assert words in error.message
    assert f"HTTP {status}" in error.message
    assert error.message.endswith(": said so")
    assert error.hint


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://other.example/v2?key=secret#x", "to https://other.example/v2 (HTTP 302)."),
        ("https://user:pass@other.example/", "to https://other.example/ (HTTP 302)."),
        ("/login?next=secret", "to /login (HTTP 302)."),
        ("", "address redirects (HTTP 302)."),
        ("http://[bad", "address redirects (HTTP 302)."),
    ],
)
def test_a_redirect_says_where_to_but_not_with_what(location: str, shown: str) -> None:
    """A10: a query may hold a key."""
    assert explain_http_error(302, [("Location", location)], b"").message.endswith(shown)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 18 Nov 2026 10:00:30 GMT", 30.0),
        ("Wed, 18 Nov 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0665", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 18, 10, tzinfo=UTC)
    assert read_retry_after(value, now=now) == seconds
    assert explain_http_error(429, [("Retry-After", value)], b"", now=now).retry_after == seconds
