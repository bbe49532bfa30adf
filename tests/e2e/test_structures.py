"""Existing provider structures as a person walks them: an endpoint that imitates a known API, from a blank page to an active model."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Journey
from tests.support.provider import DEMO_KEYS
from tests.support.site import Site

pytestmark = pytest.mark.e2e

# API reference: its tile, path at the demo provider, model, headers that the page offers (the key's last), what a wrong key gives
ENDPOINTS = {
    "openai": ("OpenAI", "/openai/v1/chat/completions", "gpt-4o-mini", ["Authorization"], "401 Unauthorized"),
    "anthropic": ("Anthropic", "/anthropic/v1/messages", "claude-sonnet-4-5", ["anthropic-version", "x-api-key"], "401 Unauthorized"),
    "gemini": (
        "Google", "/gemini/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", ["x-goog-api-key"], "400 Bad Request",
    ),
}  # fmt: skip


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test") as begun:
        yield begun


def choose_structure(page: Page) -> None:
    page.locator("label", has_text="Existing provider structures").click()
    expect(page.locator("#structure")).to_be_visible()
    expect(page.locator("#mapping")).to_be_hidden()


def type_key(page: Page, key: str) -> None:
    field = page.locator("#headers input[type=password]:visible").last
    expect(field).to_have_value("")
    field.fill(key)


def run_test(page: Page) -> None:
    page.locator("#result [data-run]").click()
    page.fill("#s-prompt", "Rear-end collision on the A4")
    page.fill("#s-system_prompt", "You triage claims")
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("#sample")).to_have_count(0)


@pytest.mark.parametrize("structure", ENDPOINTS)
def test_from_a_blank_page_to_an_active_model(journey: Journey, site: Site, structure: str) -> None:
    tile, path, model, headers, refusal = ENDPOINTS[structure]
    page, name = journey.page, f"Like {tile}"
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_name", name)
    page.fill("#id_url", site.provider.url)
    choose_structure(page)
    page.locator("label.choice", has_text=tile).click()
    expect(page.locator("#advice")).to_contain_text(f"{site.provider.url}/")  # the whole path, not filled in for anybody
    expect(page.locator("#id_url")).to_have_value(site.provider.url)
    page.fill("#id_url", site.provider.url + path)
    page.fill("#id_model_identifier", model)
    expect(page.locator("#request pre")).to_contain_text(site.provider.url + path)
    expect(page.locator("#advice")).not_to_contain_text("looks like a base URL")
    for header in headers:
        page.locator(".offers").get_by_role("button", name=header).click()
        expect(page.locator(f"#headers input[value='{header}']")).to_be_visible()
        expect(page.locator(".offers").get_by_role("button", name=header)).to_have_count(0)
    type_key(page, "sk-this-one-is-wrong-0000")
    expect(page.get_by_role("switch", name="Parallel tool calling")).to_be_disabled()
    page.get_by_role("switch", name="Tool calling", exact=True).click()
    page.get_by_role("switch", name="Parallel tool calling").click()
    page.get_by_role("switch", name="Streaming").click()
    page.get_by_label("Text to text").check()
    expect(page.locator("#request pre")).to_contain_text("{{prompt}}")
    journey.check(f"{structure}, filled in")

    run_test(page)
    expect(page.locator("#result")).to_contain_text(refusal)
    expect(page.locator("#status")).to_contain_text("The last test did not pass")
    page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator("#problems")).to_contain_text("The last test did not pass")

    page.locator("#headers input[type=password]:visible").last.fill(DEMO_KEYS[structure].accepted)
    run_test(page)
    expect(page.locator("#result")).to_contain_text("200 OK")
    expect(page.locator("#reading")).to_contain_text("Rear-end collision")
    expect(page.locator("#reading")).to_contain_text(re.compile(r"Input tokens.*\d"))
    expect(page.locator("#status")).to_contain_text("Tested with this configuration")
    shown = page.locator("#request pre").inner_text().partition("\n\n")[2]
    filled = shown.replace("{{prompt}}", "Rear-end collision on the A4").replace("{{system_prompt}}", "You triage claims")
    assert json.loads(site.provider.recorded[-1].request.body) == json.loads(filled)
    journey.check(f"{structure}, tested")

    page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator(".toast")).to_contain_text(f"{name} is active")
    page.locator("tbody tr", has_text=name).get_by_role("link", name=name).click()
    page.get_by_role("link", name="Definition").click()
    expect(page.locator("main")).to_contain_text("Parallel tool calling")
    expect(page.locator("main")).to_contain_text(model)
    journey.check(f"{structure}, definition")


def test_back_and_forth_between_the_configurations(journey: Journey, site: Site) -> None:
    """Whatever is typed into the one is still there after a look at the other, and so is a key."""
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_url", f"{site.provider.url}/openai/v1/chat/completions")
    page.fill("#body", '{"ask": "{{prompt}}"}')
    page.fill("#id_output_path", "outcome.text")
    page.get_by_role("switch", name="Use system_prompt").click()
    expect(page.get_by_role("switch", name="Use system_prompt")).to_have_attribute("aria-checked", "true")
    choose_structure(page)
    page.fill("#id_model_identifier", "gpt-4o")
    page.locator(".offers").get_by_role("button", name="Authorization").click()
    expect(page.locator("#headers input[type=password]")).to_be_focused()  # what was added wants its value
    page.keyboard.type("sk-typed-before-the-switch")
    page.get_by_role("switch", name="Tool calling", exact=True).click()
    page.get_by_role("switch", name="Parallel tool calling").click()
    page.get_by_role("switch", name="Tool calling", exact=True).click()
    expect(page.get_by_role("switch", name="Parallel tool calling")).to_be_disabled()
    page.locator("label", has_text=re.compile("^Default$")).click()
    expect(page.locator("#structure")).to_be_hidden()
    expect(page.locator("#body")).to_have_value('{"ask": "{{prompt}}"}')
    expect(page.locator("#id_output_path")).to_have_value("outcome.text")
    expect(page.get_by_role("switch", name="Use system_prompt")).to_have_attribute("aria-checked", "true")
    choose_structure(page)
    expect(page.locator("#id_model_identifier")).to_have_value("gpt-4o")
    expect(page.locator("#headers input[type=password]")).to_have_value("sk-typed-before-the-switch")
    page.get_by_role("switch", name="Tool calling", exact=True).click()
    expect(page.get_by_role("switch", name="Parallel tool calling")).to_be_checked()


def test_without_scripts(browser: Browser, site: Site) -> None:
    """The same page as plain form posts: switching, the header offers, Sample input, Confirm."""
    with Journey.begin(browser, site, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(site.page("models/new/custom/"))
        page.fill("#id_name", "Plain Anthropic")
        page.fill("#body", '{"kept": "{{prompt}}"}')
        page.locator("label", has_text="Existing provider structures").click()
        expect(page.locator("#mapping")).to_be_hidden()
        page.fill("#id_url", f"{site.provider.url}/anthropic/v1/messages")
        page.locator("label.choice", has_text="Anthropic").click()
        page.fill("#id_model_identifier", "claude-sonnet-4-5")
        page.get_by_role("switch", name="Streaming").check()
        page.get_by_role("button", name="Show the request as it is now").click()
        expect(page.locator("#request pre")).to_contain_text('"max_tokens"')
        page.locator(".offers").get_by_role("button", name="anthropic-version").click()
        page.locator(".offers").get_by_role("button", name="x-api-key").click()
        type_key(page, DEMO_KEYS["anthropic"].accepted)
        page.locator("#result").get_by_role("button", name="Test").click()
        page.fill("#s-prompt", "Hail on a roof")
        page.locator("#sample").get_by_role("button", name="Confirm").click()
        expect(page.locator("#reading")).to_contain_text("Hail on a roof")
        page.locator("label", has_text=re.compile("^Default$")).click()
        expect(page.locator("#body")).to_have_value('{"kept": "{{prompt}}"}')
        page.locator("label", has_text="Existing provider structures").click()
        page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
        expect(page.locator("tbody tr", has_text="Plain Anthropic").locator(".badge")).to_have_text("Active")
