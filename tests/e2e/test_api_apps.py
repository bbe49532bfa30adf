"""API apps as an admin meets them: made with a first key, copied, limited, revoked, deleted (spec 01; spec 07 A11, D5)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, expect

from tests.e2e.conftest import Journey, double_click, eventually, settled
from tests.support.site import PASSWORD, Site

pytestmark = pytest.mark.e2e


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test", permissions=["clipboard-read", "clipboard-write"]) as begun:
        yield begun


def test_from_no_app_to_a_key_and_back(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("settings/authorization-profiles/"))
    page.get_by_role("link", name="API apps and keys").click()
    expect(page.locator("h1")).to_have_text("API apps and keys")
    journey.check("no apps")
    page.get_by_role("link", name="New API app").first.click()
    page.fill("[name=password]", PASSWORD)  # asked once more before a new key
    page.keyboard.press("Enter")

    expect(page.get_by_label("App name")).to_be_focused()
    page.get_by_label("Key name").fill("")
    page.get_by_role("button", name="Create app and key").click()
    expect(page.locator(".error", has_text="Enter a name.")).to_have_count(2)
    expect(page.get_by_label("App name")).to_be_focused()
    journey.check("a refused form")
    page.get_by_label("App name").fill("intake-service")
    page.get_by_label("Key name").fill("production")
    page.get_by_label("Budget per day").press_sequentially("5e")  # what cannot be read is neither lost nor taken for no budget
    page.get_by_role("button", name="Create app and key").click()
    expect(page.locator(".error", has_text="Enter a number.")).to_have_count(1)
    expect(page.get_by_label("Budget per day")).to_have_value("5e")
    settled(page)
    page.get_by_label("Budget per day").fill("")
    page.get_by_label("Expires on").press_sequentially("11")  # half a date is no date
    page.get_by_role("button", name="Create app and key").click()
    expect(page.get_by_label("Expires on")).to_be_focused()
    expect(page.locator("h1")).to_have_text("New API app")
    page.get_by_label("Expires on").fill("")
    page.get_by_label("App name").fill("intake-service")
    page.get_by_label("Key name").fill("production")
    page.get_by_label("Requests per minute").fill("600")
    page.get_by_label("List models and read their settings").check()
    double_click(page.get_by_role("button", name="Create app and key"))

    expect(page.locator("h1")).to_have_text("Copy the key now")
    key = page.get_by_label("API key", exact=True).input_value()
    assert key.startswith("pb_")
    page.get_by_role("button", name="Copy the key").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.get_by_role("tab", name="Anthropic SDK").click()
    expect(page.locator("#code-anthropic")).to_be_visible()
    expect(page.locator("#code-curl")).to_be_hidden()
    journey.check("the key, once")
    with page.expect_response("**/v1/models") as told:
        page.evaluate("key => fetch('/v1/models', {headers: {'x-api-key': key}}).then(answer => answer.text())", key)
    assert told.value.status == 200

    page.get_by_role("link", name="I have copied it").click()
    row = page.locator("tbody tr", has_text="production")
    expect(row).to_contain_text(f"pb_…{key[-4:]}")
    expect(row).to_contain_text("600 requests")
    expect(page.locator("tbody tr")).to_have_count(1)
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser has not kept it, and would have to send the form again
        page.go_back()
    page.wait_for_url("chrome-error://**")
    page.goto(site.page("settings/api-apps/"))
    page.get_by_role("link", name="Add key").click()
    page.get_by_label("Key name").fill("batch")
    journey.check("another key")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    journey.check("an app with keys")

    page.get_by_role("button", name="Actions for production").click()
    page.get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("1 other key of this app")
    journey.check("revoke")
    page.get_by_role("button", name="Revoke key").click()
    expect(page.locator("tbody tr", has_text="production")).to_contain_text("Revoked")
    # "Within a second", in every process; on a busy machine, soon.
    eventually(page, "key => fetch('/v1/models', {headers: {'x-api-key': key}}).then(answer => answer.status === 401)", key)
    journey.forgive("401")

    page.get_by_role("button", name="Actions for intake-service").click()
    page.get_by_role("link", name="Edit app").click()
    journey.check("an app")
    page.get_by_label("Description").fill("Reads claims as they come in")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("main")).to_contain_text("Reads claims as they come in")
    page.get_by_role("button", name="Actions for intake-service").click()
    page.get_by_role("link", name="Delete app").click()
    journey.check("delete")
    page.get_by_role("button", name="Delete app").click()
    expect(page.locator("main")).to_contain_text("No API apps")
