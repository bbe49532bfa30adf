"""Spec 02, Confirm: the cheapest call that proves a key, and what its answers mean."""

import json

import pytest

from apps.providers.base import CheckRequest
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.key_check import KeyCheck
from apps.providers.types import JsonValue, Response

LIST = CheckRequest("https://api.example.com/v1/models")
COMPLETION = CheckRequest("https://{resource}.example.com/chat", {"messages": []})
OPENAI: JsonValue = {"object": "list", "data": [{"id": "gpt-4o"}, {"id": "o3-2025-04-16"}]}
ANTHROPIC: JsonValue = {
    "data": [{"type": "model", "id": "claude-haiku-4-5-20251001"}, {"id": "claude-sonnet-4-20250514"}],
    "has_more": False,
}
GOOGLE: JsonValue = {"models": [{"name": "models/gemini-2.5-flash"}]}
COHERE: JsonValue = {"models": [{"name": "command-a-03-2025"}], "next_page_token": ""}


def read(answer: JsonValue, *, model: str = "", status: int = 200, asked: CheckRequest = LIST) -> ErrorKind | None:
    """What the check says of this answer; None for a key that works."""
    check: KeyCheck[str] = KeyCheck(asked, model)
    try:
        check.read_answer(Response(status, (), json.dumps(answer).encode()))
    except ProviderError as error:
        return error.kind
    return None


@pytest.mark.parametrize(
    ("answer", "model"),
    [
        (OPENAI, "gpt-4o"),
        (OPENAI, "o3"),
        (ANTHROPIC, "claude-haiku-4-5"),
        (ANTHROPIC, "claude-haiku-4-5-20251001"),
        (ANTHROPIC, "claude-sonnet-4-0"),
        (ANTHROPIC, "claude-haiku-4-5-latest"),
        (GOOGLE, "gemini-2.5-flash"),
        (GOOGLE, "models/gemini-2.5-flash"),
        (COHERE, "command-a-03-2025"),
        (OPENAI, ""),
    ],
)
def test_a_listed_model(answer: JsonValue, model: str) -> None:
    assert read(answer, model=model) is None


@pytest.mark.parametrize("answer", [OPENAI, ANTHROPIC, GOOGLE, COHERE])
@pytest.mark.parametrize("model", ["gpt-4", "claude-haiku", "gemini-2.5", "command"])
def test_a_model_that_is_not_listed(answer: JsonValue, model: str) -> None:
    assert read(answer, model=model) == ErrorKind.MODEL_NOT_LISTED


@pytest.mark.parametrize("more", [{"has_more": True}, {"nextPageToken": "x"}, {"next_page_token": "x"}])
def test_a_list_that_goes_on_says_nothing_of_the_model(more: dict[str, JsonValue]) -> None:
    assert read({"data": [{"id": "other"}], **more}, model="gpt-4o") is None


@pytest.mark.parametrize("answer", [{}, [], "hello", {"data": "x"}, {"error": None}])
def test_json_that_is_no_list(answer: JsonValue) -> None:
    assert read(answer, model="gpt-4o") == ErrorKind.NOT_THE_FORMAT


def test_odd_rows_do_no_harm() -> None:
    assert read({"data": [None, 1, {}, {"id": 3}, {"id": ["x"]}, {"id": "gpt-4o"}]}, model="gpt-4o") is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ErrorKind.UPSTREAM_AUTH),
        (403, ErrorKind.UPSTREAM_AUTH),
        (400, ErrorKind.UPSTREAM_AUTH),
        (429, ErrorKind.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_refusal(status: int, kind: ErrorKind) -> None:
    """Google answers 400 to a wrong key; a list has nothing else to be wrong."""
    assert read({"error": {"message": "no"}}, status=status) == kind


def test_a_completion_is_enough_for_a_deployment() -> None:
    assert read({"choices": []}, model="gpt-4o", asked=COMPLETION) is None
    assert read({"error": {"message": "no"}}, status=400, asked=COMPLETION) == ErrorKind.UPSTREAM_REFUSED


def test_the_requests() -> None:
    sent = KeyCheck(COMPLETION, "m", (("api-key", "k"),)).build_request({}, {"resource": "harbor"})
    assert (sent.method, sent.url, sent.body) == ("POST", "https://harbor.example.com/chat", b'{"messages": []}')
    assert sent.headers == (("api-key", "k"), ("Content-Type", "application/json"))
    assert KeyCheck(LIST, "m", ()).build_request({}).method == "GET"
