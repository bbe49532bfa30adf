"""Quicker ways in (spec 02; spec 08: from a curl command to a working, tested model in under a minute and at most six clicks)."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.conftest import Journey
from tests.support.provider import DEMO_KEYS
from tests.support.site import Site

pytestmark = pytest.mark.e2e

MOST_CLICKS = 6
OPENAI = (Path(__file__).parents[1] / "providers/curl/openai_chat.sh").read_text()


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test") as begun:
        yield begun


class Clicks:
    """Counts what a hand would click."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, target: Locator) -> None:
        self.count += 1
        target.click()


def documented(site: Site) -> str:
    """OpenAI's own example, with the demo provider in OpenAI's place."""
    return OPENAI.replace("https://api.openai.com", f"{site.provider.url}/openai")


def described(site: Site) -> str:
    """The same call as an OpenAPI document with two operations."""
    message = {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "user"}, "content": {"type": "string"}}}
    properties = {"model": {"example": "gpt-4o-mini"}, "messages": {"type": "array", "items": message}}
    schema = {"type": "object", "required": ["model", "messages"], "properties": properties}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Harbor models"},
        "servers": [{"url": f"{site.provider.url}/openai/v1"}],
        "security": [{"token": []}],
        "paths": {
            "/chat/completions": {
                "post": {"summary": "Answer a chat", "requestBody": {"content": {"application/json": {"schema": schema}}}}
            },
            "/models": {"get": {"summary": "List the models"}},
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
    return json.dumps(document, indent=2)


def test_from_a_documented_curl_command_to_a_confirmed_model(
    journey: Journey, site: Site, record_property: Callable[[str, object], None]
) -> None:
    page, clicks = journey.page, Clicks()
    page.goto(site.page("models/new/custom/"))
    journey.check("two quicker ways in")
    began = time.monotonic()

    clicks.on(page.get_by_role("button", name="Paste a cURL command"))
    page.wait_for_selector("dialog:modal")
    page.get_by_role("textbox", name="cURL command").fill(documented(site))
    clicks.on(page.get_by_role("button", name="Continue"))
    key = page.get_by_label("$OPENAI_API_KEY")
    expect(key).to_be_focused()
    expect(key).to_have_attribute("type", "password")
    expect(page.locator("dialog")).to_contain_text("This goes into the header Authorization, after “Bearer”.")
    key.fill(DEMO_KEYS["openai"].accepted)
    clicks.on(page.get_by_role("button", name="Fill in the page"))
    expect(page.locator("#imported")).to_contain_text("“Hello!” became {{prompt}}.")
    clicks.on(page.locator("#result [data-run]"))
    page.fill("#s-prompt", "Say hello")
    clicks.on(page.locator("#sample").get_by_role("button", name="Confirm"))
    expect(page.locator("#status")).to_contain_text("Tested with this configuration")
    record_property("seconds from the curl command to tested", round(time.monotonic() - began, 1))
    record_property("clicks from the curl command to tested", clicks.count)
    assert clicks.count < MOST_CLICKS

    expect(page.locator("#result")).to_contain_text("200 OK")
    expect(page.locator("#pv-a")).not_to_be_empty()
    expect(page.locator("#imported")).to_contain_text("became {{prompt}}")
    assert site.provider.recorded[-1].request.header("authorization") == f"Bearer {DEMO_KEYS['openai'].accepted}"
    clicks.on(page.locator("#status").get_by_role("button", name="Confirm", exact=True))
    expect(page.locator("tbody tr", has_text="gpt-5.4").locator(".badge")).to_have_text("Active")
    assert clicks.count <= MOST_CLICKS


def test_from_an_openapi_document_to_a_tested_model(journey: Journey, site: Site, record_property: Callable[[str, object], None]) -> None:
    page, clicks = journey.page, Clicks()
    page.goto(site.page("models/new/custom/"))
    began = time.monotonic()

    clicks.on(page.get_by_role("button", name="Import OpenAPI"))
    page.wait_for_selector("dialog:modal")
    page.get_by_role("textbox", name="Document").fill(described(site))
    clicks.on(page.get_by_role("button", name="Continue"))
    clicks.on(page.get_by_role("button", name="POST /chat/completions"))
    page.get_by_label("token", exact=True).fill(DEMO_KEYS["openai"].second)
    clicks.on(page.get_by_role("button", name="Fill in the page"))
    expect(page.locator("#imported")).to_contain_text("Taken over from POST /chat/completions of Harbor models.")
    clicks.on(page.locator("#result [data-run]"))
    page.fill("#s-prompt", "Say hello")
    clicks.on(page.locator("#sample").get_by_role("button", name="Confirm"))
    expect(page.locator("#status")).to_contain_text("Tested with this configuration")
    record_property("seconds from the document to tested", round(time.monotonic() - began, 1))
    record_property("clicks from the document to tested", clicks.count)
    assert clicks.count <= MOST_CLICKS


def test_each_step_of_both_dialogs(journey: Journey, site: Site) -> None:
    """axe finds nothing; a refused command stays in its box, with the reason below it; Undo puts the literal texts back."""
    page = journey.page
    page.goto(site.page("models/new/custom/curl/"))
    journey.check("paste a curl command")
    page.get_by_role("textbox", name="cURL command").fill(documented(site).rstrip() + " | jq .")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("dialog .error")).to_contain_text("Here a pipe begins")
    expect(page.get_by_role("textbox", name="cURL command")).to_have_value(documented(site).rstrip() + " | jq .")
    journey.check("refused curl command")
    page.get_by_role("textbox", name="cURL command").fill(documented(site))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("$OPENAI_API_KEY")).to_be_visible()
    journey.check("placeholders")
    page.get_by_label("$OPENAI_API_KEY").fill(DEMO_KEYS["openai"].accepted)
    page.get_by_role("button", name="Fill in the page").click()
    expect(page.locator("#imported")).to_be_visible()
    journey.check("filled in")
    assert page.url == site.page("models/new/custom/")  # a reload asks for the page, and does not send the command again
    page.get_by_role("button", name="Put the texts back").click()
    expect(page.locator("#imported")).to_be_hidden()
    expect(page.locator("#body")).to_be_focused()
    assert '"content": "Hello!"' in page.input_value("#body")
    expect(page.get_by_role("switch", name="Use system_prompt")).to_have_attribute("aria-checked", "false")

    page.goto(site.page("models/new/custom/openapi/"))
    journey.check("import a document")
    page.get_by_role("textbox", name="Document").fill(described(site))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="POST /chat/completions")).to_be_focused()
    journey.check("operations")
    page.keyboard.press("Enter")
    expect(page.get_by_label("token", exact=True)).to_be_focused()
    journey.check("what is open in an operation")


def test_the_curl_command_without_scripts(browser: Browser, site: Site) -> None:
    with Journey.begin(browser, site, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(site.page("models/new/custom/"))
        page.fill("#id_name", "Mine")
        page.get_by_role("button", name="Paste a cURL command").click()
        page.get_by_role("textbox", name="cURL command").fill(documented(site))
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("$OPENAI_API_KEY").fill(DEMO_KEYS["openai"].accepted)
        page.get_by_role("button", name="Fill in the page").click()
        expect(page.locator("#id_name")).to_have_value("Mine")
        page.locator("#result").get_by_role("button", name="Test").click()
        page.fill("#s-prompt", "Say hello")
        page.locator("#sample").get_by_role("button", name="Confirm").click()
        expect(page.locator("#result")).to_contain_text("200 OK")
        assert DEMO_KEYS["openai"].accepted not in page.content()
