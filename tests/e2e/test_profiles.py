"""Authorization profiles as an admin meets them: made, tested, used, broken, refused to go (spec 03)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.demo.provider.authorization import CLIENTS, access_tokens, refresh_tokens
from tests.e2e.conftest import Journey, settled
from tests.support.site import Site

pytestmark = pytest.mark.e2e

CLIENT = "harbor-patchbay"


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test") as begun:
        yield begun


def choose_type(page: Page, site: Site, label: str) -> None:
    page.goto(site.page("settings/authorization-profiles/"))
    page.get_by_role("link", name="New profile").click()
    page.get_by_role("radio", name=label).check(force=True)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#edit")).to_be_visible()


def fill_oauth(page: Page, site: Site, *, name: str, token_path: str = "/oauth/token", secret: str = CLIENTS[CLIENT]) -> None:
    page.get_by_label("Profile name").fill(name)
    page.get_by_label("Token URL", exact=True).fill(f"{site.provider.url}{token_path}")
    page.get_by_label("Client ID").fill(CLIENT)
    page.get_by_label("Client secret").fill(secret)
    page.get_by_label("Allowed hosts").fill(site.provider.url)


def row_of(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator("tbody tr", has=page.get_by_role("link", name=name, exact=True))


def add_model(page: Page, site: Site, *, name: str, profile: str) -> None:
    """A custom integration without a key of its own, active without a test, whose connection the profile authorizes."""
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_name", name)
    page.fill("#id_url", f"{site.provider.url}/oauth/v1/assess")
    option = page.locator("#id_authorization_profile option", has_text=profile)
    page.select_option("#id_authorization_profile", value=option.get_attribute("value"))
    page.fill("#body", '{"ask": "{{prompt}}"}')


def test_client_credentials_from_the_form_to_an_answer(journey: Journey, site: Site) -> None:
    page = journey.page
    page.get_by_role("link", name="Settings").click()
    expect(page.locator("h1")).to_have_text("Authorization profiles")
    journey.check("no profiles")
    page.get_by_role("link", name="New profile").click()
    journey.check("types")
    choose_type(page, site, "OAuth 2.0 client credentials")
    expect(page.get_by_label("Profile name")).to_be_focused()
    page.get_by_label("Profile name").fill("Claims gateway")
    page.get_by_role("button", name="Add profile").click()
    expect(page.get_by_label("Token URL", exact=True)).to_be_focused()  # the first that is wrong
    page.get_by_label("Profile name").fill("")
    page.get_by_role("button", name="Add profile").click()
    for words in (
        "Enter a name",
        "Enter the address that gives tokens",
        "Enter the client ID",
        "Paste the client secret",
        "Enter the host",
    ):
        expect(page.locator(".error", has_text=words)).to_be_visible()
    journey.check("required fields")
    fill_oauth(page, site, name="Claims gateway", secret="not-the-secret")
    page.get_by_role("button", name="Add field").last.click()
    page.get_by_label("Authorization fields 1 name").fill("Authorization")
    page.get_by_label("Authorization fields 1 value").fill("Bearer {{access_token}}")
    journey.check("filled in")
    page.get_by_role("button", name="Add profile").click()
    settled(page)
    page.get_by_role("button", name="Test Claims gateway").click()
    expect(row_of(page, "Claims gateway").locator(".badge")).to_have_text("Not configured")
    expect(row_of(page, "Claims gateway")).to_contain_text("Client ID or secret is wrong")
    expect(page.get_by_role("button", name="Test Claims gateway")).to_be_focused()
    journey.check("not configured")

    page.get_by_role("link", name="Claims gateway", exact=True).click()
    expect(page.get_by_label("Client secret")).to_have_value("")  # the stored one does not come back
    page.get_by_label("Client secret").fill(CLIENTS[CLIENT])
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("link", name="Claims gateway", exact=True).click()
    settled(page)
    page.locator("#edit").get_by_role("button", name="Test").click()
    expect(page.locator("#profile-outcome")).to_contain_text("Token received in")
    expect(row_of(page, "Claims gateway").locator(".badge")).to_have_text("Configured")
    journey.check("token received")

    add_model(page, site, name="Claims assessor", profile="Claims gateway")
    page.locator("#result [data-run]").click()
    page.fill("#s-prompt", "Hail on the A4")
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("#result")).to_contain_text("200 OK")
    expect(page.locator("#result")).to_contain_text("Hail on the A4")
    page.fill("#id_output_path", "answer")
    page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Claims assessor is active")

    page.get_by_role("link", name="Claims assessor").click()
    settled(page)
    page.get_by_role("button", name=re.compile("^Actions for Claims assessor")).last.click()
    page.get_by_role("button", name="Test", exact=True).locator("visible=true").click()
    expect(page.locator(".toast", has_text="works")).to_be_visible()

    page.goto(site.page("settings/authorization-profiles/"))
    expect(row_of(page, "Claims gateway")).to_contain_text("1 model")
    page.get_by_role("button", name="Actions for Claims gateway").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.locator("#modal dialog")).to_contain_text("Claims assessor")
    expect(page.get_by_role("button", name="Delete profile")).to_have_count(0)
    journey.check("in use")


def test_authorization_code_through_the_consent_page(journey: Journey, site: Site) -> None:
    page = journey.page
    choose_type(page, site, "OAuth 2.0 authorization code")
    fill_oauth(page, site, name="On-prem vLLM", token_path="/oauth/life/2/token")
    page.get_by_label("Authorization URL").fill(f"{site.provider.url}/oauth/authorize")
    expect(page.get_by_label("Callback URL", exact=True)).to_have_value("")
    page.get_by_role("button", name="Add profile").click()
    page.wait_for_url("**/#edit")
    expect(page.get_by_label("Callback URL", exact=True)).to_have_value(f"{page.url.removesuffix('#edit')}callback/")
    journey.check("callback URL")
    expect(row_of(page, "On-prem vLLM").locator(".badge")).to_have_text("Not configured")

    for button, words in (("Deny", "Access was not allowed"), ("Allow", "Access is allowed")):
        with page.context.expect_page() as opened:
            page.get_by_role("button", name=re.compile("^Test On-prem vLLM")).click()
        tab = opened.value
        tab.wait_for_url("**/oauth/authorize?**")
        tab.get_by_role("button", name=button).click()
        tab.wait_for_url("**/settings/authorization-profiles/")
        tab.on("console", journey.note_console)  # what the provider's own page lacks is not ours
        expect(tab.locator(".toast")).to_contain_text(words)
        assert "code=" not in tab.url
        tab.close()
    page.reload()
    expect(row_of(page, "On-prem vLLM").locator(".badge")).to_have_text("Configured")

    add_model(page, site, name="On-prem assessor", profile="On-prem vLLM")
    page.locator("#result [data-run]").click()
    page.fill("#s-prompt", "Hello")
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("#result")).to_contain_text("200 OK")
    page.fill("#id_output_path", "answer")
    page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("On-prem assessor is active")

    # The server forgets what it gave: the next call cannot renew, and every page that depends on it says so.
    access_tokens._kept.clear()
    refresh_tokens._kept.clear()
    page.get_by_role("link", name="On-prem assessor").click()
    settled(page)
    page.get_by_role("button", name=re.compile("^Actions for On-prem assessor")).last.click()
    page.get_by_role("button", name="Test", exact=True).locator("visible=true").click()
    expect(page.locator("tbody tr").first).to_contain_text("Not configured: On-prem vLLM")
    page.reload()
    expect(page.locator("#model-head")).to_contain_text("Not configured: authorization profile On-prem vLLM")
    journey.check("model page")
    page.goto(site.page("models/"))
    expect(page.locator("tbody tr", has_text="On-prem assessor")).to_contain_text("1 not configured")
    journey.check("model list")
    page.goto(site.page("settings/authorization-profiles/"))
    expect(row_of(page, "On-prem vLLM")).to_contain_text("refused to give a token")
    journey.check("profiles")


def test_without_scripts(browser: Browser, site: Site) -> None:
    """Every step is a link or a form: choose, fill in two of the spare rows, save, test, delete."""
    with Journey.begin(browser, site, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(site.page("settings/authorization-profiles/add/"))
        page.get_by_role("radio", name="Custom keys").check(force=True)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Profile name").fill("Two keys")
        page.get_by_label("Allowed hosts").fill("api.example.com")
        for number, (place, name) in enumerate([("query", "api_key"), ("header", "X-Tenant")], 1):
            page.get_by_label(f"Keys {number} location").select_option(place)
            page.get_by_label(f"Keys {number} name").fill(name)
            page.get_by_label(f"Keys {number} value").fill(f"value-{number}")
        page.get_by_role("button", name="Add profile").click()
        page.get_by_role("button", name="Test Two keys").click()
        expect(page.locator(".toast")).to_contain_text("api_key (query), X-Tenant (header)")
        page.get_by_role("link", name="Two keys", exact=True).click()
        expect(page.get_by_label("Keys 2 name")).to_have_value("X-Tenant")
        profile = page.url.split("#")[0]
        page.goto(f"{profile}delete/")
        page.get_by_role("button", name="Delete profile").click()
        expect(page.get_by_role("link", name="Two keys", exact=True)).to_have_count(0)
