"""Spec 02, *Import an OpenAPI document*: pasted or uploaded, an operation chosen, the page filled in."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.sheet import Sheet

URL = "/w/harbor/models/new/custom/openapi/"
KEY = DEMO_KEYS["openai"].accepted
NIMBUS = (Path(__file__).parents[1] / "providers/openapi/chat_3_0.yaml").read_text()


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def chat(provider: RunningProvider) -> str:
    """The demo provider's chat, described as OpenAPI 3.1."""
    message = {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "user"}, "content": {"type": "string"}}}
    body = {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": {"example": "gpt-4o-mini"},
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
        },
    }
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "Demo chat"},
            "servers": [{"url": f"{provider.url}/openai/v1"}],
            "security": [{"bearer": []}],
            "paths": {"/chat/completions": {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}},
            "components": {"schemas": {"Message": message}, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }
    )


def post(client: Client, **data: Any) -> tuple[int, str]:
    response: Any = client.post(URL, data)
    return response.status_code, unescape(response.content.decode())


def filled(client: Client, **data: Any) -> Sheet:
    sheet = Sheet(client)
    sheet._read(client.post(URL, data), whole_page=True)
    return sheet


def test_from_a_document_to_an_active_model(adam: Client, allowed: RunningProvider) -> None:
    """A document with one operation needs no choosing."""
    status, html = post(adam, document=chat(allowed))
    assert status == 200
    assert "This goes into the header Authorization, after “Bearer”." in html
    sheet = filled(adam, document=chat(allowed), operation="POST /chat/completions", **{"a-auth_bearer": KEY})
    assert sheet.status == 200
    assert "Taken over from POST /chat/completions of Demo chat." in sheet.text
    sheet.test(prompt="Say hello")
    assert "200 OK" in sheet.text
    sheet.save("confirm")
    assert sheet.location == "/w/harbor/models/"
    assert KEY not in sheet.seen


def test_an_uploaded_document_and_the_choice_of_an_operation_and_a_server(adam: Client) -> None:
    status, html = post(adam, file=SimpleUploadedFile("nimbus.yaml", NIMBUS.encode()))
    assert status == 200
    assert 'value="POST /models/{model}/answer"' in html
    assert "Answer one question" in html
    assert "OpenAPI 3.0.3" in html

    status, html = post(adam, document=NIMBUS, operation="POST /models/{model}/answer")
    assert status == 200
    assert '<option value="https://sandbox.nimbus.example/v1">' in html
    assert 'value="nimbus-large"' in html

    answers = {"a-auth_apiKey": "nk-planted-1", "a-header_X_Tenant": "acme", "p-model": "nimbus-small", "p-api_version": "2026-03-01"}
    sheet = filled(adam, document=NIMBUS, operation="POST /models/{model}/answer", server="https://sandbox.nimbus.example/v1", **answers)
    assert sheet.fields["url"] == "https://sandbox.nimbus.example/v1/models/{model}/answer?api-version={api_version}"
    assert (sheet.fields["p-model"], sheet.fields["p-api_version"]) == ("nimbus-small", "2026-03-01")
    assert (sheet.fields["h-1-key"], sheet.fields["h-1-value"]) == ("X-Tenant", "acme")
    assert sheet.fields["output_path"] == "result.text"
    assert "nk-planted-1" not in sheet.seen


def test_back_to_the_operations(adam: Client) -> None:
    status, html = post(adam, document=NIMBUS, operation="GET /models", back="1")
    assert status == 200
    assert 'value="POST /models/{model}/answer"' in html


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"document": ""}, "Paste a document, or choose a file."),
        ({"document": "a: [b"}, "neither JSON nor YAML"),
        ({"document": "openapi: 3.0.0\npaths: {/a: {$ref: 'https://evil.example/x.yaml'}}"}, "https://evil.example/x.yaml"),
        ({"document": NIMBUS, "operation": "POST /files"}, "POST /files: This operation takes multipart/form-data"),
        ({"document": NIMBUS, "operation": "POST /nowhere"}, "Choose one of the document's operations."),
    ],
)
def test_refused_with_the_reason_and_nothing_lost(adam: Client, data: dict[str, str], said: str) -> None:
    status, html = post(adam, **data)
    assert status == 422
    assert said in html
    assert data["document"].splitlines()[:1] == [] or data["document"].splitlines()[0] in html


def test_a_file_that_is_no_text_or_too_large(adam: Client) -> None:
    status, html = post(adam, file=SimpleUploadedFile("a.yaml", b"\xff\xfe\x00"))
    assert (status, "not UTF-8 text" in html) == (422, True)
    status, html = post(adam, file=SimpleUploadedFile("a.yaml", b"a" * (2 * 2**20 + 1)))
    assert (status, "larger than 2 MiB" in html) == (422, True)


def test_nothing_is_fetched(adam: Client, allowed: RunningProvider) -> None:
    """A reference to a server that would answer stays a name in a sentence."""
    document = f"openapi: 3.0.0\npaths: {{/a: {{post: {{requestBody: {{$ref: '{allowed.url}/body.yaml'}}}}}}}}"
    status, html = post(adam, document=document)
    assert status == 422
    assert f"{allowed.url}/body.yaml points outside the document" in html
    assert allowed.recorded == []
