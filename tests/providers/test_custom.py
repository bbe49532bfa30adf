"""The template wire format: from a definition to a request, and from a response to an answer (spec 04)."""

import pytest

from apps.providers.base import WireFormat
from apps.providers.custom import TemplateFormat
from apps.providers.errors import ErrorKind, ProviderError, VariableError
from apps.providers.jsonpath import compile_path
from apps.providers.registry import PROVIDERS, get_provider
from apps.providers.template import parse_template
from apps.providers.types import Answer, DataType, Response, Variable

ODD_ANSWER = b'{"result": {"reply": {"text": "Hello"}}, "meter": {"in_tokens": "12", "out_tokens": "34"}}'


class Sealed:
    """Stands for a secret: it can be carried and nothing else."""


KEY = Sealed()
ODD: TemplateFormat[Sealed] = TemplateFormat(
    method="POST",
    url="https://api.example.com/{tenant}/ask",
    body=parse_template('{"ask": {"q": "{{prompt}}", "heat": {{heat}}}}'),
    variables=(Variable("prompt", required=True), Variable("heat", data_type=DataType.NUMBER), Variable("line", default="motor")),
    headers=(("X-Line", "l={{line}}"), ("X-Odd-Key", KEY)),
    query=(("v", "{{line}} 1"),),
    output=compile_path("result.reply.text"),
    input_tokens=compile_path("meter.in_tokens"),
    output_tokens=compile_path("meter.out_tokens"),
)


def test_a_request_is_built_from_definition_values_and_address() -> None:
    wire: WireFormat[Sealed] = ODD
    request = wire.build_request({"prompt": "Why?", "heat": 0.5}, {"tenant": "harbor mutual"})
    assert (request.method, request.url) == ("POST", "https://api.example.com/harbor%20mutual/ask?v=motor%201")
    assert request.body == b'{"ask":{"q":"Why?","heat":0.5}}'
    assert request.headers == (("X-Line", "l=motor"), ("X-Odd-Key", KEY), ("Content-Type", "application/json"))


def test_a_request_shows_neither_headers_nor_body() -> None:
    assert "Why?" not in repr(ODD.build_request({"prompt": "Why?"}, {"tenant": "t"}))
    assert "motor" not in repr(Response(200, (), b"motor"))


def test_a_content_type_of_the_definition_stays() -> None:
    wire: TemplateFormat[str] = TemplateFormat(
        "POST", "https://h/", parse_template("{}"), headers=(("content-TYPE", "application/vnd.x+json"),)
    )
    assert wire.build_request({}).headers == (("content-TYPE", "application/vnd.x+json"),)


def test_without_a_body_there_is_no_content_type() -> None:
    wire: TemplateFormat[str] = TemplateFormat("GET", "https://h/", None)
    request = wire.build_request({})
    assert (request.body, request.headers) == (b"", ())


@pytest.mark.parametrize("hostile", ["a\r\nX-Admin: 1", "a\x00", "é", "x" * 9000])
def test_a_value_cannot_break_out_of_a_header(hostile: str) -> None:
    """B9: printable ASCII, 8 KiB at most."""
    with pytest.raises(ProviderError, match="X-Line") as caught:
        ODD.build_request({"prompt": "p", "line": hostile}, {"tenant": "t"})
    assert caught.value.kind is ErrorKind.BAD_VALUE


def test_a_value_that_the_definition_cannot_carry_is_refused() -> None:
    with pytest.raises(VariableError) as caught:
        ODD.build_request({"prompt": "p", "system_prompt": "Be brief"}, {"tenant": "t"})
    assert (caught.value.kind, caught.value.variable) == (ErrorKind.UNKNOWN_VARIABLE, "system_prompt")
    ODD.build_request({"prompt": "p", "system_prompt": ""}, {"tenant": "t"})  # asks for nothing


def test_a_missing_prompt_and_a_missing_parameter_are_named() -> None:
    with pytest.raises(VariableError, match="“prompt”"):
        ODD.build_request({}, {"tenant": "t"})
    with pytest.raises(ProviderError, match="“tenant”"):
        ODD.build_request({"prompt": "p"})


def test_an_answer_is_read_by_its_paths() -> None:
    assert ODD.read_answer(Response(200, (), ODD_ANSWER)) == Answer("Hello", 12, 34)
    assert ODD.read_answer(Response(201, (), b'{"result": {"reply": {"text": "Hello"}}}')) == Answer("Hello", None, None)


def test_a_draft_without_paths_takes_any_json() -> None:
    wire: TemplateFormat[str] = TemplateFormat("POST", "https://h/", parse_template("{}"))
    assert wire.read_answer(Response(200, (), b"[1]")) == Answer("")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(200, (), b"<html>"), ErrorKind.NOT_JSON),
        (Response(204, (), b""), ErrorKind.NOT_JSON),
        (Response(200, (), b'{"other": 1}'), ErrorKind.OUTPUT_PATH_NO_MATCH),
        (Response(302, (("Location", "/x"),), ODD_ANSWER), ErrorKind.REDIRECT),
        (Response(401, (), b'{"error": "bad key"}'), ErrorKind.UPSTREAM_AUTH),
        (Response(429, (("retry-after", "2"),), b""), ErrorKind.UPSTREAM_RATE_LIMITED),
        (Response(500, (), ODD_ANSWER), ErrorKind.UPSTREAM_ERROR),
    ],
)
def test_what_is_no_answer_is_an_error_of_its_own_kind(response: Response, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as caught:
        ODD.read_answer(response)
    assert caught.value.kind is kind


def test_the_registry_knows_the_custom_provider() -> None:
    assert get_provider("custom").label == "Custom"
    assert get_provider("custom").wire_formats == ("template",)
    assert all(key == provider.key for key, provider in PROVIDERS.items())
