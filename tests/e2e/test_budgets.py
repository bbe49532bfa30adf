"""Budgets in a real browser: set in a connection's dialog, spent by a call, shown by meters, and said in the playground; axe throughout."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Journey, settled
from tests.support.site import Site, manage

pytestmark = pytest.mark.e2e

DOLLAR_A_TOKEN = """
from apps.accounts.models import User, Workspace
from tests.playground.conftest import chat_model
from tests.support.catalog import fill, offer
claims, adam = Workspace.objects.get(slug="claims"), User.objects.get(email="adam@harbor.test")
fill(offer(model_id="gpt-4o-mini", price=("0", "1000000")))
model = chat_model(claims, adam, "{url}", "Dear")
model.provider = "openai"
model.save()
"""


@pytest.fixture
def filled(site: Site) -> Site:
    manage(site.data_dir, "shell", "--no-imports", "-c", DOLLAR_A_TOKEN.replace("{url}", site.provider.url))
    return site


def run(page: Page, site: Site, ends: str) -> None:
    """One call that may cost 50 dollars."""
    page.goto(site.page("playground/"))
    page.get_by_label("Lane 1: model and connection").select_option(label="Dear, Dear prod")
    settled(page)  # the answer takes the place of the whole form
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Is hail covered?")
    page.get_by_label("Maximum output tokens", exact=True).fill("50")
    page.locator("#run").click()
    expect(page.locator(".lane .badge")).to_have_text(ends)


def set_budget(page: Page, address: str, amount: float) -> None:
    page.goto(address)
    expect(page.get_by_role("list", name="Callers")).to_be_visible()  # what comes later has come
    page.get_by_role("button", name="Actions for Dear prod").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Save")).to_be_visible()
    if not dialog.get_by_label("Budget per day").is_visible():
        dialog.locator("summary").click()
    dialog.get_by_label("Budget per day").fill(f"{amount:.2f}")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".toast").last).to_contain_text("Dear prod is saved")
    page.goto(address)


def test_meters_follow_what_is_spent(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        run(page, filled, "Done")
        cost = page.locator(".readout div", has_text="Cost").locator("dd")
        spent = float(cost.inner_text().removeprefix("$"))
        page.goto(filled.page("models/"))
        page.get_by_role("link", name="Dear", exact=True).click()
        address = page.url
        meter = page.get_by_role("progressbar", name=re.compile("Budget per day of Dear prod"))
        for percent, looks in ((20, "meter"), (85, "meter meter--warn"), (100, "meter meter--bad")):
            set_budget(page, address, spent * 100 / percent)
            expect(meter).to_have_class(looks)
            expect(meter).to_have_attribute("aria-label", re.compile(f"{percent}|{percent - 1} percent"))
            journey.check(f"budgets, {percent} %")
        expect(page.get_by_text("Spent; calls are refused until then.")).to_be_visible()
        page.goto(f"{address}budgets/")
        expect(meter).to_be_visible()
        journey.check("budgets of a model, a page of its own")

        run(page, filled, "Failed")
        expect(page.locator(".lane__out")).to_contain_text("has spent its budget")
        journey.check("playground, a budget that is spent")
        journey.forgive("htmx:")
