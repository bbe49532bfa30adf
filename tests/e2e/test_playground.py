"""The playground in a real browser: two lanes stream, one is stopped; a model that is off; code; replay; keyboard; no scripts; axe."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.e2e.conftest import Journey, double_click, settled
from tests.support.provider import RunningProvider, running_provider
from tests.support.site import Site, manage

pytestmark = pytest.mark.e2e

FILL = """
from apps.accounts.models import User, Workspace
from tests.playground.conftest import chat_model
claims, adam = Workspace.objects.get(slug="claims"), User.objects.get(email="adam@harbor.test")
for name, path in (("Claude", ""), ("Hanging", "/fault/hang"), ("Off", "")):
    model = chat_model(claims, adam, "{url}" + path, name, modalities=("text_to_text", "image_to_text"))
model.inferencing_enabled = False
model.save()
"""


@pytest.fixture(scope="module")
def slow() -> Iterator[RunningProvider]:
    """Words come one by one."""
    with running_provider(pace=0.03) as running:
        yield running


@pytest.fixture(scope="module")
def filled(site: Site, slow: RunningProvider) -> Site:
    rule = ["--cidr", "127.0.0.1/32", "--port", str(slow.port), "--scheme", "http", "--reason", "words one by one"]
    manage(site.data_dir, "allow_egress", *rule)
    manage(site.data_dir, "shell", "--no-imports", "-c", FILL.replace("{url}", slow.url))
    return site


def choose(page: Page, number: int, label: str) -> None:
    page.get_by_label(f"Lane {number}: model and connection").select_option(label=label)
    settled(page)  # the answer takes the place of the whole form, also where this was the choice before
    expect(page.locator(".lane").nth(number - 1)).to_have_attribute("aria-label", re.compile(label.split(",")[0]))


def test_two_lanes_side_by_side(browser: Browser, filled: Site, slow: RunningProvider) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.get_by_role("link", name="Playground").click()
        journey.check("playground, empty")
        page.get_by_label("System prompt").fill("You triage claims.")
        page.get_by_role("textbox", name="Prompt", exact=True).fill("Line of business: {{line}}\nWhich cover applies to hail?")
        page.get_by_label("line", exact=True).fill("motor")
        page.get_by_label("Temperature", exact=True).fill("0.2")
        page.get_by_role("button", name="Add a model to compare").click()
        expect(page.locator(".lane")).to_have_count(2)
        expect(page.get_by_label("line", exact=True)).to_have_value("motor")
        choose(page, 1, "Claude, Claude prod")
        choose(page, 2, "Hanging, Hanging prod")
        page.get_by_role("textbox", name="Prompt", exact=True).press("Control+Enter")
        first, second = page.locator(".lane").nth(0), page.locator(".lane").nth(1)
        expect(second.locator("[data-lane-waiting]")).to_contain_text(re.compile(r"Waiting for the first token, [1-9]\d* s"))
        expect(first.locator(".badge")).to_have_text("Done")
        expect(first.locator(".lane__text")).to_contain_text("Line of business: motor")
        journey.check("playground, one lane waits")
        expect(second.locator("[data-lane-waiting]")).to_be_visible()
        second.get_by_role("button", name="Stop lane 2").click()
        expect(second.locator(".badge")).to_have_text("Stopped")
        expect(page.get_by_role("button", name="View code of lane 2")).to_be_focused()
        slow.wait_for_outcomes("answered", "cut")
        expect(page.locator("#live")).to_contain_text(re.compile("All answers are there.*Claude prod: done.*Hanging prod: stopped"))
        expect(first.get_by_text("First token")).to_be_visible()
        journey.check("playground, both over")

        page.reload()
        expect(page.locator(".lane").nth(0).locator(".lane__text")).to_contain_text("Line of business: motor")
        expect(page.locator(".lane").nth(1).locator(".badge")).to_have_text("Stopped")
        page.get_by_role("button", name="View code of lane 1").click()
        expect(page.get_by_role("tabpanel", name="curl")).to_contain_text("Claude@Claude prod")
        page.get_by_role("tab", name="Python").click()
        expect(page.get_by_role("tabpanel", name="Python")).to_contain_text("from openai import OpenAI")
        journey.check("playground, code")
        page.keyboard.press("Escape")

        page.locator(".lane").nth(0).locator(".readout a").click()
        page.get_by_role("link", name="Open in playground").click()
        prompt = page.get_by_role("textbox", name="Prompt", exact=True)
        expect(prompt).to_have_value("Line of business: motor\nWhich cover applies to hail?")
        expect(page.get_by_label("Lane 1: model and connection")).to_have_value(re.compile("@"))
        journey.forgive("htmx:")  # it logs a request that a newer one of the form took the place of


def test_a_model_that_is_off_and_a_prompt_that_is_kept(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("playground/"))
        choose(page, 1, "Off, Off prod (not active)")
        expect(page.locator(".lane")).to_contain_text("This model is not active")
        journey.check("playground, a model that is off")
        prompt = page.get_by_role("textbox", name="Prompt", exact=True)
        prompt.fill("Typed before.")
        page.locator("#run").click()
        expect(page.locator(".lane__out")).to_have_text("Nothing was sent.")
        page.get_by_role("button", name="Switch inferencing on").click()
        expect(page.locator(".toast")).to_contain_text("Off is on")
        expect(page.locator(".lane__out")).to_have_text("It is on now. Run again.")
        expect(page.locator(".lane")).not_to_contain_text("This model is not active")
        expect(page.get_by_label("Lane 1: model and connection")).to_be_focused()
        expect(prompt).to_have_value("Typed before.")

        page.get_by_role("button", name="Add a turn").click()
        expect(page.get_by_role("textbox", name="Assistant", exact=True)).to_be_focused()
        page.get_by_role("button", name="Remove turn 2").click()
        expect(prompt).to_be_focused()
        prompt.fill("")
        page.locator("#run").click()
        expect(page.get_by_text("Write a prompt.").last).to_be_visible()
        expect(prompt).to_be_focused()
        journey.check("playground, refused")
        prompt.fill("Sort this claim.")
        page.locator("summary", has_text="Save as a prompt").click()
        page.get_by_label("Name", exact=True).fill("Sorting")
        page.get_by_role("button", name="Save as prompt").click()
        expect(page.locator(".toast").last).to_contain_text("Saved “Sorting”")
        expect(page.locator("#save-prompt")).to_be_focused()
        page.reload()
        expect(prompt).to_have_value("Sort this claim.")
        page.get_by_role("textbox", name="Prompt", exact=True).fill("Sort this claim well.")
        page.locator("summary", has_text="Save as a prompt").click()
        page.get_by_role("button", name="Save as the next version of Sorting").click()
        expect(page.locator(".toast").last).to_contain_text("Saved version 2")
        page.get_by_role("link", name="Load a saved prompt").click()
        journey.check("prompts")
        page.get_by_role("link", name="Sorting", exact=True).click()
        journey.check("a prompt")
        page.get_by_role("link", name="Compare").click()
        expect(page.locator("ins")).to_contain_text("Sort this claim well.")
        journey.check("two versions")


def test_on_a_phone_who_runs_sees_the_answer(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("playground/"))
        page.set_viewport_size({"width": 390, "height": 844})
        choose(page, 1, "Claude, Claude prod")
        page.get_by_role("textbox", name="Prompt", exact=True).fill("Is hail covered?")
        page.locator("#run").evaluate("run => { run.scrollIntoView({block: 'end'}); run.focus({preventScroll: true}); }")
        page.keyboard.press("Enter")
        expect(page.locator(".lane .badge")).to_have_text("Done")
        expect(page.locator(".lane__text")).to_be_in_viewport(ratio=1)
        page.locator("summary", has_text="Save as a prompt").click()
        page.get_by_label("Name", exact=True).fill("Twice")
        double_click(page.get_by_role("button", name="Save as prompt"))
        expect(page.locator(".toast").last).to_contain_text("Saved “Twice”")
        expect(page.get_by_text("There is a prompt “Twice” already")).to_have_count(0)
        journey.forgive("htmx:")


def test_without_scripts(browser: Browser, filled: Site) -> None:
    with Journey.begin(browser, filled, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(filled.page("playground/"))
        page.get_by_role("textbox", name="Prompt", exact=True).fill("Hello {{name}}")
        page.get_by_label("Lane 1: model and connection").select_option(label="Claude, Claude prod")
        page.locator("#run").click()
        page.get_by_label("name", exact=True).fill("Bob")
        page.locator("#run").click()
        page.wait_for_url(re.compile(r"\?run="))
        expect(page.locator(".lane__text")).to_contain_text("Hello Bob")
        expect(page.locator(".lane .badge")).to_have_text("Done")


def test_what_is_typed_while_an_answer_is_on_its_way_stays(browser: Browser, filled: Site) -> None:
    """A late answer brings the form as it was sent; and one that a newer request replaces is no error."""
    with Journey.begin(browser, filled, "adam@harbor.test") as journey:
        page = journey.page
        page.goto(filled.page("playground/"))
        prompt = page.get_by_role("textbox", name="Prompt", exact=True)
        held: list[Route] = []

        def is_choice(request: Request) -> bool:
            return request.headers.get("hx-trigger") == "lanes"  # what is typed asks the same address for its variables

        def hold_choice(route: Route) -> None:
            held.append(route) if is_choice(route.request) else route.continue_()

        page.route("**/playground/edit/", hold_choice)
        with page.expect_request(is_choice):
            page.get_by_label("Lane 1: model and connection").select_option(label="Hanging, Hanging prod")
        prompt.press_sequentially("Is hail covered?")
        held.pop().continue_()
        expect(page.locator(".lane").first).to_have_attribute("aria-label", re.compile("Hanging"))
        expect(prompt).to_have_value("Is hail covered?")
        prompt.press("End")
        prompt.press_sequentially(" And wind?")
        expect(prompt).to_have_value("Is hail covered? And wind?")

        page.route("**/playground/edit/", hold_choice)
        with page.expect_request(is_choice):
            page.get_by_label("Lane 1: model and connection").select_option(label="Claude, Claude prod")
        page.get_by_role("button", name="Add a turn").click()
        expect(page.get_by_label("Who says turn 2")).to_be_visible()
        expect(page.locator(".lane").first).to_have_attribute("aria-label", re.compile("Claude"))
