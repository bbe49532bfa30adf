"""An import over a page that somebody has begun to fill in: what it does not replace stays, and what it replaces it says before."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.conftest import ClientFor
from tests.onboarding.conftest import KEY
from tests.support.cast import Cast
from tests.support.sheet import Sheet

COMMAND = 'curl https://models.example.com/v1/chat -d \'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}\''
REPLACES = "This replaces URL, headers and body of the page."
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
DOCUMENT = """{"openapi": "3.1.0", "servers": [{"url": "https://models.example.com"}], "paths": {
    "/a": {"post": {"requestBody": {"content": {"application/json": {"example": {"model": "m", "prompt": "Hi"}}}}}}, "/b": {"get": {}}}}"""


@pytest.fixture
def sheet(cast: Cast, client_for: ClientFor) -> Sheet:
    return Sheet(client_for(cast.adam)).open()


def opened(sheet: Sheet, dialog: str) -> dict[str, str]:
    """Press the dialog's button on the page; the hidden fields that it carries on."""
    sheet.press(dialog, open="1")
    assert sheet.status == 200
    form = sheet.html[sheet.html.index("<dialog") : sheet.html.index("</dialog>")]
    return {name: value for name, value in HIDDEN.findall(form) if name != "csrfmiddlewaretoken"}


def post(client: Client, path: str, fields: dict[str, str]) -> Sheet:
    after = Sheet(client)
    response: Any = client.post(f"/w/harbor/models/new/custom/{path}/", fields)
    after._read(response, whole_page=True)
    return after


@pytest.mark.parametrize("scripts", [False, True])
def test_what_a_command_does_not_replace_stays(sheet: Sheet, scripts: bool) -> None:
    sheet.fill(name="House model", connection_name="Prod", v_0_name="tone", v_0_type="string")
    sheet.scripts = scripts
    carried = opened(sheet, "paste_curl")
    assert REPLACES not in sheet.text
    after = post(sheet.client, "curl", carried | {"command": COMMAND})
    assert (after.fields["name"], after.fields["connection_name"], after.fields["v-0-name"]) == ("House model", "Prod", "tone")
    assert after.fields["url"] == "https://models.example.com/v1/chat"


def test_an_empty_name_is_taken_from_the_command(sheet: Sheet) -> None:
    after = post(sheet.client, "curl", opened(sheet, "paste_curl") | {"command": COMMAND})
    assert after.fields["name"] == "gpt-4.1"


@pytest.mark.parametrize("typed", [{"url": "https://a.example/"}, {"body": "{}"}, {"h_1_key": "X-Team"}, {"h_0_value": "text/plain"}])
def test_the_dialog_says_first_what_it_replaces(sheet: Sheet, typed: dict[str, str]) -> None:
    sheet.fill(**typed)
    carried = opened(sheet, "paste_curl")
    assert REPLACES in sheet.text
    refused = sheet.client.post("/w/harbor/models/new/custom/curl/", carried | {"command": "wget x"})
    assert refused.status_code == 422
    assert REPLACES in refused.content.decode()


def test_no_secret_travels_through_the_dialog(sheet: Sheet) -> None:
    """Spec 07 A1: a typed key is never shown again."""
    sheet.fill(h_1_key="Authorization", h_1_value=KEY, h_1_secret="on")
    opened(sheet, "paste_curl")
    assert KEY not in sheet.html


def test_a_document_carries_on_what_was_typed_through_its_steps(sheet: Sheet) -> None:
    sheet.fill(name="House model")
    carried = opened(sheet, "import_openapi")
    choice = sheet.client.post("/w/harbor/models/new/custom/openapi/", carried | {"document": DOCUMENT})
    assert (choice.status_code, 'name="name" value="House model"' in choice.content.decode()) == (200, True)
    after = post(sheet.client, "openapi", carried | {"document": DOCUMENT, "operation": "POST /a"})
    assert after.fields["name"] == "House model"
