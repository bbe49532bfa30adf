"""*Supported models* in a real browser: from one tab to the other, filters that Back undoes, pages, and axe in both themes."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Journey
from tests.support.site import Site, manage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """The site after the first update of its catalogue."""
    manage(site.data_dir, "update_catalog", "--apply")
    return site


def test_an_empty_catalogue_says_what_to_do(browser: Browser, site: Site) -> None:
    with Journey.begin(browser, site, "adam@harbor.test") as journey:
        journey.page.goto(site.page("models/supported/"))
        expect(journey.page.get_by_role("heading", name="The catalogue is empty")).to_be_visible()
        journey.check("the empty catalogue")


def test_find_a_model(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.get_by_role("link", name="Supported models").click()
        expect(page).to_have_title("Supported models · Patchbay")
        expect(page.get_by_role("link", name="Supported models")).to_have_attribute("aria-current", "page")
        rows = page.locator("#results tbody tr")
        expect(rows).to_have_count(50)
        journey.check("supported models")

        page.get_by_label("Provider", exact=True).select_option("Anthropic")
        expect(page).to_have_url(re.compile(r"provider=anthropic"))
        expect(rows.first).to_contain_text("Anthropic")
        page.get_by_role("searchbox").fill("haiku 4.5")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text("$1.00")
        expect(rows.first).to_contain_text("200K")
        expect(page.locator("#live")).to_have_text("1 model found")
        connect = rows.first.get_by_role("link", name="Connect Claude Haiku 4.5 of Anthropic")
        expect(connect).to_have_attribute("href", re.compile(r"model=claude-haiku-4-5&away="))
        journey.check("supported models, one found")

        page.get_by_role("searchbox").fill("no such model")
        expect(page.get_by_role("heading", name="No model matches")).to_be_visible()
        page.go_back()
        expect(rows).to_have_count(1)
        expect(page.get_by_role("searchbox")).to_have_value("haiku 4.5")


def test_turn_the_pages(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "rita@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("models/supported/"))
        first = page.locator("#results tbody tr").first.inner_text()
        page.get_by_role("link", name="Next").click()
        expect(page).to_have_url(re.compile("after="))
        expect(page.locator("#results tbody tr").first).not_to_have_text(first)
        page.get_by_role("link", name="Previous").click()
        expect(page.locator("#results tbody tr").first).to_have_text(re.compile(re.escape(first.split("\n")[0])))
        expect(page.get_by_role("link", name=re.compile("^Connect"))).to_have_count(0)


def test_works_without_scripts(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(filled.page("models/supported/"))
        page.get_by_role("searchbox").fill("gemini 4")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("#results tbody tr")).to_have_count(1)
        expect(page.locator("#results tbody tr")).to_contain_text("Gemini 4 Argon")
