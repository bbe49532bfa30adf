"""The first slice as a person walks it (issue "First slice"): sign in, connect the odd JSON API by hand, prove it, use the list."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import Journey, double_click, settled
from tests.support.provider import DEMO_KEYS
from tests.support.site import Site

pytestmark = pytest.mark.e2e

KEYS = DEMO_KEYS["triage"]
BODY = """{
  "task": {"ask": "{{prompt}}", "background": "{{system_prompt}}", "line": "{{line_of_business}}"},
  "knobs": {"heat": {{heat}}, "max_words": 60}
}"""
PATHS = {"output_path": "outcome.verdicts[1].body", "input_tokens_path": "meter.in", "output_tokens_path": "meter.out"}
SAMPLE = {"prompt": "Rear-end collision on the A4", "system_prompt": "You triage claims", "line_of_business": "motor", "heat": "0.2"}


@pytest.fixture
def journey(browser: Browser, site: Site) -> Iterator[Journey]:
    with Journey.begin(browser, site, "adam@harbor.test") as begun:
        yield begun


def fill_in(page: Page, *, name: str, url: str, key: str) -> None:
    """The form as somebody fills it in who reads the API's manual."""
    page.fill("#id_name", name)
    page.fill("#id_url", url)
    page.get_by_role("button", name="Add header").click()
    page.locator("#headers input[name$='-key']:visible").last.fill("X-Harbor-Key")
    value = page.locator("#headers input[name$='-value']:visible").last
    value.fill(key)
    expect(value).to_have_attribute("type", "password")  # the name says that it is a secret
    page.get_by_role("switch", name="Use system_prompt").click()
    expect(page.get_by_role("switch", name="Use system_prompt")).to_have_attribute("aria-checked", "true")
    for variable, label, kind in [("line_of_business", "Line of business", "string"), ("heat", "Heat", "number")]:
        page.get_by_role("button", name="Custom variable").click()
        page.fill("#id_nv-name", variable)
        page.fill("#id_nv-label", label)
        page.select_option("#id_nv-type", kind)
        page.get_by_role("button", name="Add variable").click()
        expect(page.locator(f"#mapping td code:text-is('{variable}')")).to_be_visible()
    page.fill("#body", BODY)
    expect(page.locator("[data-json-status]")).to_have_text("Valid JSON")
    expect(page.locator("[data-used=heat]")).to_have_text("Yes")


def run_test(page: Page) -> None:
    page.locator("#result [data-run]").click()
    for name, value in SAMPLE.items():
        page.fill(f"#s-{name}", value)
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("#sample")).to_have_count(0)


def test_a_custom_api_from_sign_in_to_the_list(journey: Journey, site: Site) -> None:
    page = journey.page
    journey.check("empty list")
    page.get_by_role("link", name="Add a model").first.click()
    page.locator("dialog label", has_text="Custom integration").click()
    page.get_by_role("button", name="Next").click()
    page.wait_for_url("**/models/new/custom/")
    journey.check("new integration")
    fill_in(page, name="Claims triage", url=f"{site.provider.url}/triage/v3/assess", key="hk-not-the-key-0000")

    run_test(page)
    expect(page.locator("#result")).to_contain_text("403 Forbidden")
    expect(page.locator("#result")).to_contain_text("key not known")  # the provider's own words
    expect(page.locator("#status")).to_contain_text("The last test did not pass")
    journey.check("refused key")

    page.locator("#headers input[name$='-value']:visible").last.fill(KEYS.accepted)
    run_test(page)
    expect(page.locator("#result")).to_contain_text("200 OK")
    for path in PATHS.values():
        page.locator(f"#result [data-path='{path}']").click()
    for field, path in PATHS.items():
        expect(page.locator(f"#id_{field}")).to_have_value(path)
    expect(page.locator("#pv-a")).to_contain_text("Rear-end collision")
    expect(page.locator("#pv-b")).to_contain_text(re.compile(r"\d+"))
    expect(page.locator("#status")).to_contain_text("Tested with this configuration")
    journey.check("patched")

    page.get_by_role("button", name="Save as draft").click()
    row = page.locator("tbody tr", has_text="Claims triage")
    expect(row.locator(".badge")).to_have_text("Draft")
    expect(row.get_by_role("switch")).to_be_disabled()
    journey.check("list with a draft")

    row.get_by_role("button", name="Actions for Claims triage").click()
    page.get_by_role("link", name="Finish set-up").click()
    expect(page.locator("#headers input[type=password]")).to_have_value("")  # the stored key does not come back
    expect(page.locator("#id_output_path")).to_have_value(PATHS["output_path"])
    double_click(page.locator("#status").get_by_role("button", name="Confirm", exact=True))
    expect(page.locator(".toast")).to_contain_text("Claims triage is active")
    rows = page.locator("tbody tr", has_text="Claims triage")
    expect(rows).to_have_count(1)
    expect(rows.locator(".badge")).to_have_text("Active")

    switch = rows.get_by_role("switch")
    switch.click()
    expect(rows.locator(".badge")).to_have_text("Inactive")
    undo = page.locator(".toast", has_text="Claims triage is off").get_by_role("button", name="Undo")
    undo.focus()  # with the focus on it, it stays
    journey.check("switched off")
    undo.click()
    expect(rows.locator(".badge")).to_have_text("Active")

    rows.get_by_role("link", name="Claims triage").click()
    settled(page)
    page.get_by_role("link", name="Add connection").click()
    page.get_by_label("Connection name").fill("Night batch")
    page.get_by_label("X-Harbor-Key").fill(KEYS.accepted)
    page.get_by_role("button", name="Add connection").click()
    expect(page.locator("#modal .error")).to_contain_text("already uses this key")
    journey.check("same key refused")
    page.get_by_label("X-Harbor-Key").fill(KEYS.second)
    page.get_by_role("button", name="Add connection").click()
    connection = page.locator("tbody tr", has_text="Night batch")
    expect(connection.locator("code")).to_have_text("hk-…K9XW")
    connection.get_by_role("button", name="Actions for Night batch").click()
    page.get_by_role("button", name="Test", exact=True).locator("visible=true").click()
    expect(page.locator(".toast", has_text="Night batch works")).to_be_visible()
    journey.check("two connections")

    page.get_by_role("link", name="Definition").click()
    journey.check("definition")
    page.locator(".tabs").get_by_role("link", name="Audit").click()
    expect(page.locator("#events")).to_contain_text("Model activated")
    journey.check("audit")

    page.goto(site.page("models/"))
    page.locator("tbody tr", has_text="Claims triage").get_by_role("button", name="Actions for Claims triage").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy of Claims triage")
    expect(page.locator("#headers input[type=password]")).to_have_attribute("placeholder", "Enter the value")
    page.goto(site.page("models/?q=copy"))
    page.get_by_role("button", name="Actions for Copy of Claims triage").click()
    page.get_by_role("link", name="Delete").click()
    journey.check("delete dialog")
    page.get_by_role("button", name="Delete model").click()
    expect(page.locator(".toast")).to_contain_text("Copy of Claims triage was deleted")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_filters_live_in_the_url_and_survive_back(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_name", "Policy summariser")
    page.get_by_role("button", name="Save as draft").click()
    page.fill("#q", "policy")
    page.wait_for_url("**q=policy**")
    page.select_option("select[name=status]", "active")
    page.wait_for_url("**status=active**")
    expect(page.locator("#results")).to_contain_text("No model matches")
    journey.check("no hits")
    page.go_back()
    expect(page.locator("#results")).to_contain_text("Policy summariser")
    page.get_by_role("link", name="Policy summariser").click()
    page.go_back()
    expect(page.locator("#q")).to_have_value("policy")


def test_figures_of_rows_that_have_gone_meanwhile(journey: Journey, site: Site) -> None:
    """The figures of the list come by themselves. Once somebody has searched, nobody waits for them, and no error is written."""
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_name", "Letter drafter")
    page.get_by_role("button", name="Save as draft").click()
    page.wait_for_url("**/models/")
    held: list[Route] = []
    page.route("**/models/requests/**", lambda route: held.append(route), times=1)
    with page.expect_request("**/models/requests/**"):
        page.goto(site.page("models/"))
    with page.expect_event("requestfailed", lambda request: "/models/requests/" in request.url):
        page.fill("#q", "no such model")
    expect(page.locator("#results")).to_contain_text("No model matches")


def test_a_slow_provider_can_be_cancelled(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.fill("#id_url", f"{site.provider.url}/fault/hang/triage/v3/assess")
    page.fill("#body", '{"ask": "{{prompt}}"}')
    page.locator("#result [data-run]").click()
    site.provider.forget()
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("[data-elapsed]")).to_have_text(re.compile(r"[1-9]"))  # it counts
    site.provider.wait_for_request()  # and the call is under way
    page.locator("#sample").get_by_role("button", name="Cancel").click()
    expect(page.locator("#sample")).to_have_count(0)
    site.provider.wait_for_outcome("cut")  # the upstream call ended with it
    journey.forgive("htmx:sendAbort")
    journey.forgive("htmx:afterRequest")


def test_what_was_typed_is_not_lost_by_accident(journey: Journey, site: Site) -> None:
    page = journey.page
    page.goto(site.page("models/new/custom/"))
    page.get_by_role("button", name="Custom variable").click()
    page.wait_for_selector("#variable:modal")
    page.fill("#id_nv-name", "tone")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Discard what you typed?")).to_be_visible()
    page.get_by_role("button", name="Keep editing").click()
    expect(page.locator("#id_nv-name")).to_have_value("tone")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(site.page("models/"))
    assert asked == ["beforeunload"]


def test_the_same_journey_without_scripts(browser: Browser, site: Site) -> None:
    """As far as plain forms go: to a working, active model."""
    with Journey.begin(browser, site, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(site.page("models/new/custom/"))
        page.fill("#id_name", "Plain triage")
        page.fill("#id_url", f"{site.provider.url}/triage/v3/assess")
        page.fill("[name=h-1-key]", "X-Harbor-Key")
        page.fill("[name=h-1-value]", KEYS.rate_limited)
        page.get_by_role("switch", name="Use system_prompt").click()
        for variable in ("line_of_business", "heat"):
            page.get_by_role("button", name="Custom variable").click()
            page.fill("#id_nv-name", variable)
            page.select_option("#id_nv-type", "number" if variable == "heat" else "string")
            page.get_by_role("button", name="Add variable").click()
        page.fill("#body", BODY)
        page.fill("[name=h-1-value]", KEYS.rate_limited)
        plain_test(page)
        expect(page.locator("#result")).to_contain_text("429")
        page.fill("[name=h-1-value]", KEYS.accepted)
        plain_test(page)
        expect(page.locator("#result")).to_contain_text("200 OK")
        for slot, path in zip("abc", PATHS.values(), strict=True):
            page.check(f"[name=armed][value={slot}]", force=True)
            page.locator(f"#result [value='{path}']").click()
        for field, path in PATHS.items():
            expect(page.locator(f"#id_{field}")).to_have_value(path)
        # The key was typed once, for the test, and is not in the page: the server kept it for this very submit.
        assert KEYS.accepted not in page.content()
        page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()
        expect(page.locator("tbody tr", has_text="Plain triage").locator(".badge")).to_have_text("Active")
        page.locator("tbody tr", has_text="Plain triage").get_by_role("switch").click()
        expect(page.locator("tbody tr", has_text="Plain triage").locator(".badge")).to_have_text("Inactive")
        assert site.provider.recorded[-1].request.header("x-harbor-key") == KEYS.accepted


def plain_test(page: Page) -> None:
    page.locator("#result").get_by_role("button", name=re.compile("^Test")).click()
    for name, value in SAMPLE.items():
        page.fill(f"#s-{name}", value)
    page.locator("#sample").get_by_role("button", name="Confirm").click()


def test_a_reviewer_sees_everything_and_changes_nothing(browser: Browser, site: Site, journey: Journey) -> None:
    journey.page.goto(site.page("models/new/custom/"))
    journey.page.fill("#id_name", "Seen by Rita")
    journey.page.get_by_role("button", name="Save as draft").click()
    journey.page.wait_for_url("**/models/")
    with Journey.begin(browser, site, "rita@harbor.test") as begun:
        page = begun.page
        expect(page.get_by_text("You have the Reviewer role")).to_be_visible()
        expect(page.get_by_role("link", name="Seen by Rita")).to_be_visible()
        expect(page.get_by_role("link", name="Add a model")).to_have_count(0)
        expect(page.get_by_role("switch")).to_have_count(0)
        begun.check("list of a reviewer")
        answer: Any = page.goto(site.page("models/new/custom/"))
        assert answer.status == 403
        begun.forgive("403")


def test_a_late_answer_about_the_form_leaves_the_dialog_open(journey: Journey, site: Site) -> None:
    """What a field changes elsewhere on the page may arrive after the dialog that was opened meanwhile."""
    page = journey.page
    held: list[Route] = []
    page.route("**/address/", lambda route: held.append(route), times=1)
    page.goto(site.page("models/new/custom/"))
    page.fill("#body", '{"ask": "{{prompt}}"}')
    page.fill("#id_url", f"{site.provider.url}/odd/assess")
    with page.expect_request("**/address/"):
        page.locator("#result [data-run]").click()
    expect(page.locator("#s-prompt")).to_be_visible()
    with page.expect_response("**/address/"):
        held.pop().continue_()
    expect(page.locator("#id_url.htmx-request")).to_have_count(0)  # it has come, and is in its places
    expect(page.locator("#s-prompt")).to_be_visible()
