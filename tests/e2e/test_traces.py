"""Traces in a real browser: find a call, look at it, choose columns, export, go back; axe in both themes, wide and narrow."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Journey, settled
from tests.support.site import Site, manage

pytestmark = pytest.mark.e2e

FILL = """
from apps.accounts.models import User, Workspace
from apps.demo.history import seed_history
from tests.support.models import make_connection, make_easy_model, make_model
claims, adam = Workspace.objects.get(slug="claims"), User.objects.get(email="adam@harbor.test")
make_easy_model(claims, adam)
model = make_model(claims, adam, "Fraud signals")
make_connection(model, adam, "claims-prod")
make_connection(model, adam, "dev-key", key="sk-live-4711-DEVV", state="off")
seed_history(claims, [adam, User.objects.get(email="rita@harbor.test")])
"""


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """The site with a week of calls."""
    manage(site.data_dir, "shell", "--no-imports", "-c", FILL)
    return site


def test_find_a_call_look_at_it_and_take_it_out(browser: Browser, filled: Site, tmp_path: Path) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.get_by_role("link", name="Traces").click()
        rows = page.locator("#results tbody tr")
        expect(rows).to_have_count(50)
        journey.check("traces")

        page.locator("summary", has_text="Add filter").click()
        page.get_by_label("Field").select_option("Status")
        page.get_by_role("combobox", name="Value").select_option("Failed")
        journey.check("traces, adding a filter")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page).to_have_url(re.compile(r"where=status%3Ais%3Afailed$"))
        expect(page.locator(".fchip")).to_have_text(re.compile("Status is Failed"))
        expect(page.locator("summary", has_text="Add filter")).to_be_focused()
        expect(page.locator("#live")).to_have_text(re.compile(r"\d+ traces shown"))
        page.get_by_role("combobox", name="Model").select_option("Fraud signals")
        expect(page).to_have_url(re.compile(r"model=[0-9a-f-]+&.*where=status|where=status.*&model="))
        for row in rows.all():
            expect(row).to_contain_text("Failed")

        page.get_by_role("button", name="Columns").click()
        page.get_by_role("checkbox", name="Error code").check()
        expect(page.get_by_role("columnheader", name="Error code")).to_be_visible()
        journey.check("traces, choosing columns")
        page.keyboard.press("Escape")

        page.get_by_role("link", name="Export").click()
        page.get_by_label("JSON Lines, for programs").check()
        journey.check("export of traces")
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("button", name="Export").click()
        found = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
        assert found
        assert {(line["status"], line["model_name"]) for line in found} == {("failed", "Fraud signals")}
        expect(page.locator("[data-export-state]")).to_have_text(f"Done: {len(found)} row{'s' if len(found) > 1 else ''} exported")
        page.get_by_role("dialog").get_by_role("link", name="Close").last.click()

        page.locator("#results tbody a").first.click()
        expect(page.get_by_role("heading", name="Fraud signals")).to_be_visible()
        expect(page.get_by_text("System prompt")).to_be_visible()
        journey.check("a trace")
        page.get_by_role("navigation", name="Input view").get_by_role("link", name="JSON").click()
        expect(page.get_by_role("region", name="Input as JSON")).to_contain_text('role:"system"')
        journey.check("a trace as JSON")
        page.go_back()
        page.go_back()
        expect(page.locator(".fchip")).to_have_count(1)
        page.get_by_role("link", name=re.compile("Remove the condition")).click()
        expect(page.locator(".fchip")).to_have_count(0)
        expect(page).not_to_have_url(re.compile("where"))


def test_a_filter_that_cannot_be_read_is_refused_beside_its_field(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("traces/"))
        page.set_viewport_size({"width": 390, "height": 844})
        page.locator("summary", has_text="Add filter").click()
        page.get_by_label("Field").select_option("Response time")
        page.get_by_role("textbox", name="Value").fill("soon")
        page.get_by_role("button", name="Add", exact=True).click()
        error = page.get_by_text("A response time is a number of seconds")
        expect(error).to_be_visible()
        error.click(trial=True)  # nothing lies over it
        expect(page.get_by_role("textbox", name="Value")).to_have_value("soon")
        journey.check("traces, a refused filter")
        page.get_by_role("textbox", name="Value").fill("2")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".fchip")).to_have_count(1)
        page.locator("summary", has_text="Add filter").click()
        expect(error).to_be_hidden()


LONG = """
from apps.accounts.models import Workspace
from tests.support.calls import entry, keep
keep(entry(Workspace.objects.get(slug="claims"), source_name="Long letter", output="A line of a letter.\\n" * 100))
"""


def test_a_long_answer_can_be_scrolled_by_keyboard(browser: Browser, filled: Site) -> None:
    manage(filled.data_dir, "shell", "--no-imports", "-c", LONG)
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("traces/?where=source:is:Long%20letter"))
        page.locator("#results tbody a").first.click()
        said = page.get_by_role("region", name="Output as text")
        settled(page)
        said.focus()
        page.keyboard.press("End")
        expect(said).not_to_have_js_property("scrollTop", 0)
        journey.check("a trace with a long answer")


CALL = """
from apps.accounts.models import Workspace
from tests.support.calls import entry, keep
keep(entry(Workspace.objects.get(slug="claims"), source_name="Just now"))
"""


def test_live(browser: Browser, filled: Site) -> None:
    """The newest come by themselves, on the first page, and not while somebody is in the table."""
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.clock.install()
        page.goto(filled.page("traces/"))
        manage(filled.data_dir, "shell", "--no-imports", "-c", CALL)
        live = page.get_by_role("switch", name="Live updates")
        expect(live).to_have_attribute("aria-checked", "false")
        live.click()
        expect(page.locator("#results tbody tr.is-new")).to_contain_text("Just now")
        expect(page.locator("#live")).to_have_text("1 new trace")
        journey.check("traces, live")
        with page.expect_response("**/traces/"):
            page.clock.run_for(5000)
        page.evaluate("document.querySelector('#results tbody a').focus()")  # at once: the rows may be swapped at any moment
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.clock.run_for(10_000)
        assert asked == []
        page.locator("#results tbody a").first.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("switch", name="Live updates")).to_have_attribute("aria-checked", "true")


def test_the_pages_of_models_know_their_calls(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        row = page.locator("tbody tr", has_text="Fraud signals")
        expect(row.locator("td.num")).to_have_text(re.compile(r"^\s*\d+\s*$"))
        row.get_by_role("switch").click()
        expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
        expect(row.locator("td.num")).to_have_text(re.compile(r"^\s*\d+\s*$"))
        row.get_by_role("switch").click()
        journey.check("the list of models with its requests")
        row.get_by_role("link", name="Fraud signals").click()
        expect(page.get_by_role("list", name="Callers")).to_contain_text("intake-service")
        expect(page.get_by_role("list", name="Connections")).to_contain_text("Off since")
        journey.check("the signal path")
        page.get_by_role("button", name="Actions for Fraud signals").click()
        page.get_by_role("link", name="Delete").click()
        breaks = page.get_by_role("list", name="What will break")
        expect(breaks).to_contain_text(re.compile(r"In the last 7 days: .*intake-service \d+ call"))
        journey.check("deleting a model that is called")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Activity").click()
        expect(page.locator("#results tbody tr").first).to_be_visible()
        journey.check("activity")


def test_works_without_scripts(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "rita@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(filled.page("traces/"))
        page.locator("summary", has_text="Add filter").click()
        page.get_by_label("Field").select_option("Source type")
        page.get_by_role("textbox", name="Value").fill("Playground")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".fchip")).to_have_text(re.compile("Source type is Playground"))
        page.get_by_role("link", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Export").click()
        assert Path(download.value.path()).read_text().startswith("request_id,started_at,status")
