"""Browser journeys: Debian's Chromium through Playwright, against the product in a process of its own."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.support.provider import RunningProvider, provider_server
from tests.support.site import PASSWORD, Site, make_site, running_site

__all__ = ["provider_server"]

expect.set_options(timeout=60_000)  # milliseconds, for slow machines; what is there is seen at once
EVERY_RULE: dict[str, Any] = {}
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast", "link-in-text-block"]}  # of those that run unless they are asked for
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Without one the journeys are skipped, except where PATCHBAY_REQUIRE_BROWSER makes that an error (CI)."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.environ.get("PATCHBAY_REQUIRE_BROWSER"):
        pytest.fail("PATCHBAY_REQUIRE_BROWSER is set and there is no Chromium. Install Debian's package chromium.")
    if found is None:
        pytest.skip("browser journeys need Chromium (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def new_site(chromium: str, tmp_path_factory: pytest.TempPathFactory, provider_server: RunningProvider) -> Path:
    """The folder of a site that nobody has used."""
    data_dir: Path = tmp_path_factory.mktemp("new-site")
    make_site(data_dir, provider_server)
    return data_dir


@pytest.fixture(scope="module")
def site(new_site: Path, tmp_path_factory: pytest.TempPathFactory, provider_server: RunningProvider) -> Iterator[Site]:
    """A copy of it for each module, with a server of its own. The provider is the session's, with nothing recorded yet."""
    provider_server.forget()
    data_dir = shutil.copytree(new_site, tmp_path_factory.mktemp("site"), dirs_exist_ok=True)
    with running_site(data_dir, provider_server) as running:
        yield running


@dataclass
class Journey:
    """One signed-in person in one browser window. What the browser complains about fails the journey: errors, CSP, broken requests."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def begin(cls, browser: Browser, site: Site, email: str, **options: Any) -> Iterator["Journey"]:
        """Sign in through the page. On the way out, nothing may have gone wrong unseen."""
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", **options)
        page = context.new_page()
        page.set_default_timeout(60_000)  # for slow machines; what is there is seen at once
        journey = cls(page)
        page.on("console", journey.note_console)
        page.on("pageerror", lambda error: journey.complaints.append(f"script error: {error}"))
        try:
            page.goto(f"{site.url}/")
            page.fill("[name=login]", email)
            page.fill("[name=password]", PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/models/")
            yield journey
            assert journey.unforgiven() == []
        finally:
            context.close()

    def note_console(self, message: Any) -> None:
        # The browser writes a line for every 4xx it gets; a refused form (422) and a deliberate 403 are answers, not faults.
        expected = re.search(r"status of (422|409)", message.text)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(f"{message.type}: {message.text}")

    def forgive(self, text: str) -> None:
        """A complaint that was provoked on purpose; the browser may write it some time after the page has its answer."""
        self.forgiven.append(text)

    def unforgiven(self) -> list[str]:
        return [complaint for complaint in self.complaints if not any(text in complaint for text in self.forgiven)]

    def check(self, where: str) -> None:
        """axe finds nothing on the page as it stands, in either theme, and nothing sticks out sideways.

        The themes differ in colours alone (tests/core/test_themes.py): in the dark one only rules about colours can find something else.
        """
        settled(self.page)
        for theme, rules in (("light", EVERY_RULE), ("dark", COLOURS)):
            self.page.emulate_media(color_scheme=theme)
            found = [f"{where}, {theme}: {each['id']} {each['nodes'][0]['html'][:200]}" for each in run_axe(self.page, rules)]
            assert found == []
        self.page.emulate_media(color_scheme="light")
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        size = self.page.viewport_size
        for width in (1440, 390):
            self.page.set_viewport_size({"width": width, "height": 900})
            assert not self.page.evaluate(wide), f"{where} scrolls sideways at {width} px"
        if size:
            self.page.set_viewport_size(size)


def settled(page: Page) -> None:
    """The page is there with its scripts, and what it asked for has come: htmx marks what waits for an answer as soon as it asks."""
    page.wait_for_load_state()
    expect(page.locator(".htmx-request")).to_have_count(0)


def eventually(page: Page, expression: str, argument: Any = None) -> None:
    """Until it is true. By the debugger each time: wait_for_function evaluates text in the page, against its Content-Security-Policy."""
    for _ in range(1200):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not true in time: {expression}")


def double_click(button: Locator) -> None:
    """Both clicks before any answer to the first, however slow the machine is; later, the second would be for what comes after it."""
    settled(button.page)
    expect(button).to_be_enabled()
    button.evaluate("button => { button.click(); button.click(); }")


def run_axe(page: Page, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """axe's violations. Evaluated by the debugger, so the page's Content-Security-Policy stands."""
    violations: list[dict[str, Any]] = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
    return violations
