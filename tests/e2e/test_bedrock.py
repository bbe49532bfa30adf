"""Amazon Bedrock as a person connects it (spec 02; spec 07 G): from a role that nobody knows to an answer, and every way it can fail."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Journey, settled
from tests.support.site import PASSWORD, Site, manage

pytestmark = pytest.mark.e2e

ACCOUNT = "arn:aws:iam::210987654321:role"
NOVA = "amazon.nova-pro-v1:0"
STAFF = "pat@platform.test"
NEW = "models/new/bedrock/"


@pytest.fixture(scope="module")
def staffed(site: Site) -> Site:
    """The site with somebody of the platform's staff."""
    manage(site.data_dir, "create_user", "--email", STAFF, "--name", "Pat Platform", "--staff")
    return site


@pytest.fixture
def journey(browser: Browser, staffed: Site) -> Iterator[Journey]:
    with Journey.begin(browser, staffed, "adam@harbor.test") as begun:
        yield begun


@contextmanager
def platform_admin(browser: Browser, site: Site) -> Iterator[Page]:
    """A window in which Pat has signed in to the platform admin."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{site.url}/platform-admin/connections/bedrockrole/")
    page.fill("[name=login]", STAFF)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/bedrockrole/")
    yield page
    context.close()


def decide(browser: Browser, site: Site, role_arn: str, decision: str, reason: str = "", *, override: bool = False) -> None:
    with platform_admin(browser, site) as page:
        page.get_by_role("link", name=role_arn).first.click()
        page.goto(re.sub(r"/change/.*", "/decide/", page.url))
        page.get_by_label(decision, exact=True).check()
        page.locator("[name=reason]").fill(reason)
        if override:
            page.locator("[name=override]").check()
        page.get_by_role("button", name="Save the decision").click()
        expect(page.locator(".messagelist, .toast").first).to_contain_text("role is")


def leave(page: Page, selector: str, value: str, answer: str) -> None:
    """Type into a field and leave it; wait for the page's own answer to that."""
    with page.expect_response(f"**/models/bedrock/{answer}/"):
        page.fill(selector, value)
        page.press(selector, "Tab")
    settled(page)


def fill_in(page: Page, role_arn: str, model_id: str = NOVA, name: str = "Nova Pro (EU)") -> None:
    leave(page, "#id_role_arn", role_arn, "role")
    page.fill("#id_name", name)
    leave(page, "#id_model_id", model_id, "model")


def run_test(page: Page, prompt: str = "Sum up the claim") -> None:
    page.locator("#run").click()
    page.fill("#s-prompt", prompt)
    page.locator("#sample").get_by_role("button", name="Confirm").click()
    expect(page.locator("#sample")).to_have_count(0)


def good_role(page: Page, name: str = "HarborBedrock") -> str:
    """A role whose trust policy demands the external ID that the page shows."""
    return f"{ACCOUNT}/trusts/{page.input_value('#external-id')}/{name}"


def confirm(page: Page) -> None:
    page.locator("#status").get_by_role("button", name="Confirm", exact=True).click()


def test_from_an_unknown_role_to_an_answer(journey: Journey, browser: Browser, staffed: Site) -> None:
    page = journey.page
    page.goto(staffed.page(NEW))
    journey.check("new page, policies open")
    role = good_role(page)
    expect(page.locator("#trust-policy")).to_contain_text(page.input_value("#external-id"))
    fill_in(page, role)
    expect(page.locator("#role")).to_contain_text("This role is not registered")
    expect(page.locator("#reading")).to_contain_text(f"Read as {NOVA}, a foundation model.")

    page.locator("#run").click()
    expect(page.locator("#e-role_arn")).to_contain_text("the model cannot be tested")
    expect(page.locator("#id_role_arn")).to_have_attribute("aria-invalid", "true")
    confirm(page)
    expect(page.locator("#e-role_arn")).to_contain_text("saved as a draft only")
    journey.check("role not registered")

    page.get_by_role("button", name="Request registration").click()
    expect(page.locator("#role")).to_contain_text("Registration requested")
    expect(page.get_by_role("button", name="Look again")).to_be_focused()
    expect(page.locator("#problems [role=alert]")).to_have_count(0)
    journey.check("registration requested")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.locator(".toast")).to_contain_text("Nova Pro (EU) is saved as a draft")

    decide(browser, staffed, role, "Register")
    page.get_by_role("button", name="Actions for Nova Pro (EU)").click()
    page.get_by_role("link", name="Finish set-up").click()
    expect(page.locator("#role")).to_contain_text("Approved by platform staff")
    expect(page.locator("#id_role_arn")).to_have_value(role)
    run_test(page)
    expect(page.locator("#result")).to_contain_text("200 OK")
    expect(page.locator("#converse-mapping")).to_contain_text("Sum up the claim")
    expect(page.locator("#status")).to_contain_text("Tested with this configuration")
    journey.check("answered")
    confirm(page)
    row = page.locator("tbody tr", has_text="Nova Pro (EU)")
    expect(row.locator(".badge")).to_have_text("Active")
    expect(row).to_contain_text("Amazon Bedrock")

    row.get_by_role("link", name="Nova Pro (EU)").click()
    page.get_by_role("link", name="Add connection").click()
    page.get_by_label("Connection name").fill("Second account")
    page.get_by_label("IAM role ARN").fill(f"{ACCOUNT}/open/claims")
    page.get_by_label("Model region").select_option("us-east-1")
    journey.check("second connection")
    page.get_by_role("button", name="Add connection").click()
    second = page.locator("tbody tr", has_text="Second account")
    expect(second).to_contain_text("Role not registered")
    second.get_by_role("button", name="Actions for Second account").click()
    page.get_by_role("button", name="Request registration").locator("visible=true").click()
    expect(page.locator("tbody tr", has_text="Second account")).to_contain_text("Role refused: AWS gave the role without any external ID")
    journey.check("two connections")
    page.get_by_role("link", name="Definition").click()
    journey.check("definition")


def test_each_failure_says_what_to_fix(journey: Journey, browser: Browser, staffed: Site) -> None:
    """Spec 02: errors of registration, of STS and of Bedrock are told apart."""
    page = journey.page
    page.goto(staffed.page(NEW))
    good, problem = good_role(page, "failing"), page.locator("#result [role=alert]")

    fill_in(page, f"{ACCOUNT}/open/anybody")
    page.get_by_role("button", name="Request registration").click()
    expect(page.locator("#role")).to_contain_text("Registration refused")
    expect(page.locator("#role")).to_contain_text("AWS gave the role without any external ID")
    journey.check("a role that lets anyone in")

    wrong = f"{ACCOUNT}/trusts/pb-{'0' * 32}/other"
    leave(page, "#id_role_arn", wrong, "role")
    page.get_by_role("button", name="Request registration").click()
    expect(page.locator("#role")).to_contain_text("AWS did not let Patchbay assume the role")
    decide(browser, staffed, wrong, "Register", "Their trust policy is being mended.", override=True)
    leave(page, "#id_role_arn", "", "role")
    leave(page, "#id_role_arn", wrong, "role")
    expect(page.locator("#role")).to_contain_text("Role registered")
    run_test(page)
    expect(problem).to_contain_text("AWS did not let Patchbay assume the role")
    expect(page.locator(".checks .is-bad")).to_contain_text("Could not assume your role")
    expect(page.locator("#remedy")).to_contain_text(page.input_value("#external-id"))
    journey.check("wrong external ID")

    for name in ("failing", "failing-0s", "failing-no-bedrock"):
        leave(page, "#id_role_arn", good_role(page, name), "role")
        page.get_by_role("button", name="Request registration").click()
        expect(page.locator("#role")).to_contain_text("Registration requested")
        decide(browser, staffed, good_role(page, name), "Register")
    leave(page, "#id_role_arn", good, "role")
    expect(page.locator("#role")).to_contain_text("Role registered")

    page.select_option("#id_sts_region", "eu-south-1")
    run_test(page)
    expect(problem).to_contain_text("AWS STS is switched off in eu-south-1")
    page.select_option("#id_sts_region", "")

    for model_id, says in [
        ("meta.llama3-8b-instruct-v1:0", "eu-central-1"),
        ("amazon.demo-no-access-v1:0", "The AWS account has no access to amazon.demo-no-access-v1:0 in eu-central-1"),
        ("amazon.demo-throttled-v1:0", "Bedrock is limiting requests"),
    ]:
        leave(page, "#id_model_id", model_id, "model")
        page.locator("label:has(#configuration-structure)").click()
        run_test(page)
        expect(problem).to_contain_text(says)
        expect(page.locator(".checks .is-bad")).to_contain_text("Could not invoke the model")
    journey.check("throttled")

    leave(page, "#id_model_id", NOVA, "model")
    leave(page, "#id_role_arn", good_role(page, "failing-no-bedrock"), "role")
    run_test(page)
    expect(problem).to_contain_text(f"The role is not allowed to invoke {NOVA}")
    expect(page.locator("#remedy")).to_contain_text("bedrock:InvokeModelWithResponseStream")
    leave(page, "#id_role_arn", good_role(page, "failing-0s"), "role")
    run_test(page)
    expect(problem).to_contain_text("credentials have expired")
    leave(page, "#id_role_arn", good, "role")
    run_test(page)
    expect(page.locator("#result")).to_contain_text("200 OK")


def test_the_page_by_keyboard(journey: Journey, staffed: Site) -> None:
    page = journey.page
    page.goto(staffed.page(NEW))
    expect(page.locator("#id_role_arn")).to_be_focused()
    keys = page.keyboard
    keys.type("arn:aws:iam::210987654321:user/bob")
    keys.press("Tab")
    expect(page.locator("#principal")).to_be_focused()
    expect(page.locator("#e-role_arn")).to_contain_text("This ARN names a user, not a role")
    for _ in range(2):
        keys.press("Tab")
    expect(page.locator("#id_sts_region")).to_be_focused()
    page.focus("#id_model_id")
    keys.type("cohere.command-text-v14")
    with page.expect_response("**/models/bedrock/model/"):
        keys.press("Tab")
    expect(page.locator("#configuration-default")).to_be_checked()
    page.focus("#configuration-default")
    keys.press("ArrowLeft")
    expect(page.locator("#configuration-structure")).to_be_checked()
    expect(page.locator("#request")).to_be_visible()
    expect(page.locator("#mapping")).to_be_hidden()
    page.focus("#id_name")
    with page.expect_response("**/models/bedrock/sample/"):
        keys.press("Enter")  # the form's first button: Test
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#problems")).to_contain_text("This ARN names a user, not a role")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#id_role_arn")).to_be_focused()


def test_an_arn_is_read_and_its_region_taken_over(journey: Journey, staffed: Site) -> None:
    page = journey.page
    page.goto(staffed.page(f"{NEW}?model={NOVA}"))
    expect(page.locator("#id_model_id")).to_have_value(NOVA)
    leave(page, "#id_model_id", f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}", "model")
    expect(page.locator("#reading")).to_contain_text(f"Read as {NOVA}, a foundation model in eu-west-1.")
    page.get_by_role("button", name="Use eu-west-1").click()
    expect(page.locator("#id_region")).to_have_value("eu-west-1")
    expect(page.get_by_role("button", name="Use eu-west-1")).to_have_count(0)
    journey.check("an ARN")


def test_the_same_without_scripts(browser: Browser, staffed: Site) -> None:
    """To a working, active model by plain forms: a body of one's own, its path picked from the answer."""
    with Journey.begin(browser, staffed, "adam@harbor.test", java_script_enabled=False) as journey:
        page = journey.page
        page.goto(staffed.page(NEW))
        role = good_role(page, "plain")
        page.fill("#id_role_arn", role)
        page.fill("#id_name", "Mistral by plain forms")
        page.fill("#id_model_id", "mistral.mistral-large-2402-v1:0")
        page.get_by_role("button", name="Request registration").click()
        expect(page.locator("#role")).to_contain_text("Registration requested")
        decide(browser, staffed, role, "Register")
        page.get_by_role("button", name="Look again").click()
        expect(page.locator("#role")).to_contain_text("Approved by platform staff")
        page.check("#configuration-default", force=True)
        expect(page.locator("#body")).to_be_visible()
        page.fill("#body", '{"prompt": "{{prompt}}", "max_tokens": 60}')
        page.fill("#id_output_path", "")
        page.locator("#run").click()
        page.fill("#s-prompt", "Sum up the claim")
        page.locator("#sample").get_by_role("button", name="Confirm").click()
        expect(page.locator("#result")).to_contain_text("200 OK")
        expect(page.locator("#id_output_path")).to_have_value("outputs[0].text")
        confirm(page)
        expect(page.locator("tbody tr", has_text="Mistral by plain forms").locator(".badge")).to_have_text("Active")
