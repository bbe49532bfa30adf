"""The focus on the pages of traces and of the playground: never lost to the page behind, never under the top bar."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Journey, eventually, settled
from tests.support.site import Site, manage

pytestmark = pytest.mark.e2e

MODEL = """
from apps.accounts.models import User, Workspace
from tests.support.models import make_easy_model
make_easy_model(Workspace.objects.get(slug="claims"), User.objects.get(email="adam@harbor.test"))
"""


def test_the_focus_is_kept_and_seen(browser: Browser, site: Site) -> None:
    manage(site.data_dir, "shell", "--no-imports", "-c", MODEL)
    with Journey.begin(browser, site, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(site.page("traces/"))
        settled(page)
        page.get_by_role("link", name="Export").press("Enter")
        export = page.get_by_role("dialog").get_by_role("button", name="Export")
        with page.expect_download():
            export.press("Enter")
        expect(page.locator("[data-export-state]")).to_contain_text("Done")
        expect(export).to_be_focused()

        page.goto(site.page("playground/"))
        settled(page)
        page.set_viewport_size({"width": 1440, "height": 500})
        page.locator("#id_system_prompt").focus()
        page.evaluate("scrollTo(0, 2000)")
        eventually(page, "scrollY > 200")
        page.keyboard.press("Shift+Tab")
        expect(page.get_by_role("link", name="Load a saved prompt")).to_be_focused()
        eventually(page, "document.activeElement.getBoundingClientRect().top >= document.querySelector('.topbar').offsetHeight")
