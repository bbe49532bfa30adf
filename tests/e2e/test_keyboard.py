"""By keyboard and by ear: where the focus is after swaps and dialogs, what Enter does, what is announced (spec 08, Use)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Journey, settled
from tests.support.site import Site

pytestmark = pytest.mark.e2e


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test") as begun:
        yield begun


def active_model(page: Page, site: Site, name: str) -> None:
    """Made by keyboard alone, from the list on; confirmed without a test."""
    page.goto(site.page("models/"))
    page.get_by_role("link", name="Add a model").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog [value=easy]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#id_name")).to_be_focused()
    page.keyboard.type(name)
    for _ in range(3):  # connection name, method, address
        page.keyboard.press("Tab")
    page.keyboard.type(f"{site.provider.url}/echo")
    page.locator("#body").focus()
    page.keyboard.insert_text('{"ask": "{{prompt}}"}')
    page.fill("#id_output_path", "body")
    page.get_by_role("button", name="Confirm without a test").focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr", has_text=name).locator(".badge")).to_have_text("Active")
    settled(page)


def test_the_focus_stays_with_what_was_used(journey: Journey, site: Site) -> None:
    page = journey.page
    active_model(page, site, "Keyed")
    page.goto(site.page("models/?q=keyed"))
    switch = page.get_by_role("switch", name="Inferencing for Keyed")
    for state in ("false", "true"):
        switch.focus()
        page.keyboard.press("Space")
        expect(switch).to_have_attribute("aria-checked", state)
        expect(switch).to_be_focused()

    menu = page.get_by_role("button", name="Actions for Keyed")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".menu:popover-open .menu__item").first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Type Keyed to confirm")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    assert page.url.endswith("?q=keyed")  # a dialog that was opened over the list leaves its filter alone

    page.get_by_role("link", name="Keyed").click()
    settled(page)
    add = page.get_by_role("link", name="Add connection")
    add.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Connection name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(add).to_be_focused()
    menu = page.locator("tbody").get_by_role("button", name="Actions for Keyed")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".menu:popover-open .menu__item").first).to_be_focused()
    page.keyboard.press("Enter")  # Test
    expect(page.locator(".toast", has_text="Keyed works")).to_be_visible()
    expect(page.locator(".menu:popover-open")).to_have_count(0)
    expect(menu).to_be_focused()


def test_headers_are_counted_as_they_are_seen(journey: Journey, site: Site) -> None:
    """The spare rows for pages without scripts are not."""
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.get_by_role("button", name="Add header").click()
    expect(page.get_by_label("Header 2 key")).to_be_focused()


def test_a_refused_integration_leads_to_its_first_problem(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator("#problems")).to_contain_text("4 things to mend")
    expect(page.locator("#problems")).to_be_focused()
    journey.check("refused integration")
    page.locator("#problems").get_by_role("link", name="Model name").click()
    expect(page.get_by_label("Model name")).to_be_focused()


def test_enter_in_a_dialog_is_the_dialogs_own(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.get_by_role("button", name="Custom variable").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#id_nv-name")).to_be_focused()
    page.keyboard.type("heat")
    page.keyboard.press("Enter")
    expect(page.locator("#mapping td code:text-is('heat')")).to_be_visible()
    expect(page.get_by_role("button", name="Custom variable")).to_be_focused()


def test_a_result_is_announced_and_the_next_test_is_at_hand(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_url", f"{site.provider.url}/echo")
    page.fill("#body", '{"ask": "{{prompt}}"}')
    page.locator("#run").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#live")).to_contain_text("Test passed: 200 OK")
    expect(page.locator("#run")).to_be_focused()


def test_the_filter_is_announced_and_its_address_is_short(journey: Journey, site: Site) -> None:
    page = journey.page
    active_model(page, site, "Announced")
    page.keyboard.press("/")
    page.keyboard.type("announced")
    expect(page).to_have_url(site.page("models/?q=announced"))
    expect(page.locator("#live")).to_have_text("1 model found")
    page.keyboard.press("Control+A")
    page.keyboard.type("no such model")
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_have_text("No model matches")
    expect(page.locator("#q")).to_be_focused()
