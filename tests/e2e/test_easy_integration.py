"""*Add a model*, easy integration, as a person walks it: five providers, right and wrong keys, by mouse, keyboard and without scripts."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Journey, double_click, settled
from tests.support.easy import ANTHROPIC, AZURE, FIVE, OPENAI, WRONG, Played
from tests.support.site import ROOT, Site

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stocked(site: Site) -> Site:
    """With the catalogue filled, as after an installation."""
    environment = os.environ | {"PATCHBAY_DATA_DIR": str(site.data_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment = {key: value for key, value in environment.items() if key not in {"DATABASE_URL", "PATCHBAY_SECRET_KEYS"}}
    subprocess.run([sys.executable, "manage.py", "update_catalog", "--apply"], cwd=ROOT, env=environment, check=True, capture_output=True)
    return site


@pytest.fixture
def journey(browser: Browser, stocked: Site) -> Iterator[Journey]:
    with Journey.begin(browser, stocked, "adam@harbor.test") as begun:
        yield begun


def next_step(page: Page, arrives: str) -> None:
    """Press *Next*; `arrives` is the bead that is lit then."""
    page.locator("dialog .dialog__foot").get_by_role("button", name="Next").click()
    lit(page, arrives)


def lit(page: Page, bead: str) -> None:
    expect(page.locator("dialog [aria-current=step]")).to_have_text(bead)


def to_the_key(page: Page, site: Site, played: Played) -> None:
    """From the list to the last step, by typing the model's ID in."""
    page.goto(site.page("models/"))
    page.get_by_role("link", name="Add a model").first.click()
    next_step(page, "Provider")
    page.locator("dialog label", has_text=played.label).first.click()
    next_step(page, "Model")
    page.get_by_role("link", name="Type in a model ID").click()
    page.fill("#id_model", played.model)
    next_step(page, "Credentials")
    expect(page.locator("#id_name")).to_be_focused()


def fill_in(page: Page, site: Site, played: Played, *, name: str, key: str) -> None:
    page.fill("#id_name", name)
    page.fill("#id_key", key)
    if not page.locator("#id_base_url").is_visible():
        page.locator("dialog summary").click()
    page.fill("#id_base_url", site.provider.url + played.path)


def press(page: Page, name: str) -> None:
    page.locator("dialog .dialog__foot").get_by_role("button", name=name).click()


@pytest.mark.parametrize("played", FIVE, ids=lambda played: played.key)
def test_a_provider(journey: Journey, stocked: Site, played: Played) -> None:
    """Wrong key, right key, the model again with another key, and a key saved anyway."""
    page = journey.page
    to_the_key(page, stocked, played)
    journey.check(f"{played.key}: credentials")
    fill_in(page, stocked, played, name=f"{played.key}-prod", key=WRONG)
    press(page, "Confirm")
    expect(page.locator("#id_key_error")).to_contain_text(f"{played.label} refused the key: “{played.refusal}")
    expect(page.locator("#id_key")).to_be_focused()
    expect(page.locator("#id_key")).to_have_value("")
    expect(page.locator("#id_name")).to_have_value(f"{played.key}-prod")
    journey.check(f"{played.key}: refused")

    page.fill("#id_key", played.keys.accepted)
    press(page, "Confirm")
    page.wait_for_url(re.compile(r"/models/$"))
    row = page.locator("tbody tr", has=page.locator("small", has_text=re.compile(f"^{re.escape(played.model)}$")))
    expect(row).to_contain_text("Easy integration")
    expect(row).to_contain_text(played.label)
    expect(row.locator(".badge")).to_have_text("Active")
    expect(page.locator(".toast")).to_contain_text(f"Its first connection is {played.key}-prod.")
    journey.check(f"{played.key}: list")

    to_the_key(page, stocked, played)
    fill_in(page, stocked, played, name=f"{played.key}-batch", key=WRONG)
    press(page, "Confirm")
    expect(page.locator("dialog .notice--info")).to_contain_text("is already here: this adds a connection to it.")
    journey.check(f"{played.key}: already here")
    press(page, "Save anyway")
    page.wait_for_url(re.compile(r"/models/[0-9a-f-]{36}/$"))
    batch = page.locator("tbody tr", has_text=f"{played.key}-batch")
    expect(batch.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(page.locator(".toast")).to_contain_text("switched off")
    expect(page.locator("tbody tr")).to_have_count(2)
    journey.check(f"{played.key}: connections")
    assert WRONG not in page.content()

    prod = page.locator("tbody tr", has_text=f"{played.key}-prod")
    prod.get_by_role("button", name=f"Actions for {played.key}-prod").click()
    page.get_by_role("button", name="Test", exact=True).locator("visible=true").click()
    expect(page.locator(".toast", has_text=f"{played.key}-prod works")).to_be_visible()


def test_the_steps(journey: Journey, stocked: Site) -> None:
    """Every step in both themes and at 390 px; the address moves along; the browser's Back and a refresh lose nothing."""
    page = journey.page
    page.goto(stocked.page("models/?status=active"))
    page.get_by_role("link", name="Add a model").first.click()
    expect(page.locator("dialog")).to_contain_text("Choose how Patchbay will reach it.")
    page.wait_for_url("**/models/new/")
    journey.check("type")
    next_step(page, "Provider")
    page.wait_for_url("**/models/new/easy/")
    journey.check("provider")
    page.locator("dialog label", has_text="Anthropic").click()
    next_step(page, "Model")
    page.wait_for_url("**/models/new/easy/anthropic/")
    journey.check("model")
    page.fill("#model-q", "haiku 4.5")
    expect(page.locator("#model-options label")).to_have_count(1)
    expect(page.locator("#live")).to_contain_text("1 model listed")
    page.locator("#model-options label").click()
    next_step(page, "Credentials")
    page.wait_for_url(re.compile(r"/credentials/\?model=claude-haiku-4-5&q=haiku\+4\.5$"))
    page.fill("#id_name", "night")

    page.reload()
    expect(page.locator("dialog:modal")).to_contain_text("claude-haiku-4-5")
    page.go_back()
    expect(page.locator("dialog:modal #model-options")).to_be_visible()
    page.go_back()
    expect(page.locator("dialog:modal")).to_contain_text("Pick the provider")
    page.locator("dialog [data-close][aria-label=Close]").click()
    page.wait_for_url(re.compile(r"/models/$"))


def test_back_keeps_what_was_typed(journey: Journey, stocked: Site) -> None:
    page = journey.page
    to_the_key(page, stocked, AZURE)
    fill_in(page, stocked, AZURE, name="kept", key="az-never-in-an-address")
    page.fill("#id_p-deployment", "our-gpt")
    press(page, "Back")
    expect(page.locator("#model-options, #id_model")).to_be_visible()
    assert "az-never" not in page.url
    page.locator("dialog .stepper").get_by_role("button", name="Provider").click()
    expect(page.locator("dialog [name=provider][value=azure]")).to_be_checked()
    next_step(page, "Model")
    next_step(page, "Credentials")
    expect(page.locator("#id_name")).to_have_value("kept")
    expect(page.locator("#id_p-deployment")).to_have_value("our-gpt")
    expect(page.locator("#id_base_url")).to_have_value(stocked.provider.url + "/azure")
    expect(page.locator("#id_key")).to_have_value("")
    assert "az-never" not in page.content()


def test_closing_asks_first(journey: Journey, stocked: Site) -> None:
    """And leaves the page under it as it was, address included, with the focus where it came from."""
    page = journey.page
    page.goto(stocked.page("models/?q=nothing-like-it"))
    opener = page.get_by_role("link", name="Add a model").first
    opener.click()
    next_step(page, "Provider")
    next_step(page, "Model")
    page.get_by_role("link", name="Type in a model ID").click()
    page.fill("#id_model", "gpt-of-mine")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Discard what you typed?")).to_be_visible()
    journey.check("discard")
    page.get_by_role("button", name="Keep editing").click()
    expect(page.locator("#id_model")).to_have_value("gpt-of-mine")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    assert page.url.endswith("/models/?q=nothing-like-it")


def test_esc_never_throws_away_what_was_typed(journey: Journey, stocked: Site) -> None:
    """A browser lets a dialog refuse only one Esc. To the question, Esc says *Keep editing*; a refusal counts as typed."""
    page = journey.page
    to_the_key(page, stocked, OPENAI)
    page.fill("#id_name", "kept")
    for _ in range(2):
        page.keyboard.press("Escape")
        expect(page.get_by_text("Discard what you typed?")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_text("Discard what you typed?")).to_have_count(0)
        expect(page.locator("#id_name")).to_be_focused()
    fill_in(page, stocked, OPENAI, name="kept", key=OPENAI.keys.rate_limited)
    press(page, "Confirm")
    expect(page.locator("dialog [role=alert]")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
    expect(page.locator("#id_name")).to_have_value("kept")
    press(page, "Back")
    lit(page, "Model")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    lit(page, "Model")  # the address still carries the name
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_connect_from_the_supported_models(journey: Journey, stocked: Site) -> None:
    """A dialog over the list, which is there again after *Cancel*: also where the address was loaded anew."""
    page = journey.page
    page.goto(stocked.page("models/supported/?provider=anthropic"))
    page.get_by_role("link", name="Connect Claude Haiku 4.5 of Anthropic", exact=True).click()
    expect(page.locator("dialog:modal")).to_contain_text("claude-haiku-4-5")
    expect(page.locator("#results")).to_be_attached()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.url.endswith("/models/supported/?provider=anthropic")
    page.get_by_role("link", name="Connect Claude Haiku 4.5 of Anthropic", exact=True).click()
    expect(page.locator("dialog:modal")).to_contain_text("claude-haiku-4-5")
    page.reload()
    page.locator("dialog [data-close]", has_text="Cancel").click()
    page.wait_for_url(re.compile(r"/models/supported/\?provider=anthropic$"))


def test_by_keyboard(journey: Journey, stocked: Site) -> None:
    """From the list to a connection, and a double Enter makes one of it."""
    page = journey.page
    page.goto(stocked.page("models/"))
    page.get_by_role("link", name="Add a model").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog [value=easy]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("dialog [value=openai]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("dialog [value=anthropic]")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("#model-q")).to_be_focused()
    with page.expect_response(re.compile(r"q=opus")):
        page.keyboard.type("opus")
    expect(page.locator("#model-options")).not_to_contain_text("haiku")
    with page.expect_response(re.compile(r"q=opus")):
        page.keyboard.press("Enter")  # in the search: searches, and does not go on
    settled(page)
    expect(page.locator("#model-q")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#model-options [name=model]:checked")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#id_name")).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type(ANTHROPIC.keys.accepted)
    open_advanced(page, stocked.provider.url + ANTHROPIC.path)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".toast, dialog .notice--bad")).to_be_visible()


def open_advanced(page: Page, base_url: str) -> None:
    page.locator("dialog summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#id_base_url")).to_be_focused()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type(base_url)


def test_a_double_click_and_a_dialog_closed_meanwhile(journey: Journey, stocked: Site) -> None:
    page = journey.page
    to_the_key(page, stocked, OPENAI)
    fill_in(page, stocked, OPENAI, name="twice", key=OPENAI.keys.rate_limited)
    page.fill("#id_base_url", f"{stocked.provider.url}/fault/slow/0.3/openai/v1")
    double_click(page.locator("dialog .dialog__foot").get_by_role("button", name="Confirm"))
    expect(page.locator("dialog .notice--bad")).to_contain_text("The key could not be checked")
    journey.check("rate limited")

    page.fill("#id_base_url", f"{stocked.provider.url}/fault/hang/openai/v1")
    stocked.provider.forget()
    press(page, "Confirm")
    expect(page.locator("dialog .btn--primary.htmx-request")).to_be_visible()
    stocked.provider.wait_for_request()
    page.locator("dialog [data-close][aria-label=Close]").click()
    expect(page.locator("dialog")).to_have_count(0)
    stocked.provider.wait_for_outcome("cut")  # nobody waits for it any more
    journey.forgive("htmx:sendAbort")
    journey.forgive("htmx:afterRequest")


def test_without_scripts(browser: Browser, stocked: Site) -> None:
    """The same way as plain pages, a refused key and *Save anyway* included, on a phone."""
    with Journey.begin(browser, stocked, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(stocked.page("models/"))
        page.get_by_role("link", name="Add a model").first.click()
        next_step(page, "Provider")
        page.locator("dialog label", has_text="Cohere").click()
        next_step(page, "Model")
        page.fill("#model-q", "command")
        page.get_by_role("button", name="Search").click()
        page.locator("#model-options label").first.click()
        next_step(page, "Credentials")
        page.fill("#id_name", "plain")
        page.fill("#id_key", WRONG)
        if not page.locator("#id_base_url").is_visible():
            page.locator("dialog summary").click()
        page.fill("#id_base_url", f"{stocked.provider.url}/cohere")
        press(page, "Confirm")
        expect(page.locator("#id_key_error")).to_contain_text("invalid api token")
        assert WRONG not in page.content()
        press(page, "Save anyway")
        expect(page.locator(".toast")).to_contain_text("switched off")
