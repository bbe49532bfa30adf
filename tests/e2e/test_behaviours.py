"""The behaviours of static/js in a real browser, each on the smallest page that has it. Needs no database."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

pytestmark = pytest.mark.e2e

STATIC = Path(settings.BASE_DIR) / "static"
SHELL = """<!doctype html><html lang="en"><head><title>x</title>
<meta name="htmx-config" content='{"allowEval":false,"includeIndicatorStyles":false}'>
<link rel="stylesheet" href="/css/tokens.css"><link rel="stylesheet" href="/css/components.css"><script src="/js/theme.js"></script></head>
<body><main id="main" tabindex="-1">%s</main><div id="modal"></div><div class="toasts" id="toasts" role="status"></div><div id="live"></div>
<script src="/vendor/htmx/htmx.min.js" defer></script><script type="module" src="/js/app.js"></script></body></html>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Not on the test's output."""


@pytest.fixture(scope="module")
def static_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Bench:
    """A page to put markup on, with answers for the addresses it asks."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def show(self, markup: str) -> Page:
        csp = "default-src 'none'; " + "; ".join(f"{kind} 'self'" for kind in ("script-src", "style-src", "font-src", "connect-src"))
        self.answer("/page", SHELL % markup, {"Content-Security-Policy": csp})
        self.page.goto(f"{self.base}/page")
        return self.page

    def answer(self, path: str, body: str, headers: dict[str, str] | None = None, status: int = 200) -> None:
        def fulfil(route: Route) -> None:
            route.fulfill(status=status, body=body, headers={"Content-Type": "text/html", **(headers or {})})

        self.page.route(f"{self.base}{path}", fulfil)


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """One for all: a new one for each test would fetch and compile the same files again."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def bench(window: BrowserContext, static_server: str) -> Iterator[Bench]:
    """A page of its own, of a browser that remembers nothing of the tests before."""
    made = Bench(window.new_page(), static_server)
    yield made
    made.page.evaluate("localStorage.clear()")
    made.page.close()
    window.clear_cookies()
    assert made.problems == []


@pytest.fixture
def timed(browser: Browser, static_server: str) -> Iterator[Bench]:
    """In a window of its own, whose clock goes on as it is told to, and not while a busy machine takes its time."""
    context = browser.new_context()
    made = Bench(context.new_page(), static_server)
    made.page.clock.install(time=0)
    made.page.clock.pause_at(1)
    yield made
    context.close()
    assert made.problems == []


EDITOR = """<div class="editor" data-editor data-vars="prompt system_prompt line-of.business" data-required="prompt">
<div class="editor__bar"><button class="var" type="button" data-insert="{{prompt}}">prompt</button>
<button type="button" data-format>Format</button></div>
<div class="editor__area"><div class="editor__lines"></div><div class="editor__code"><pre class="editor__paint"></pre>
<textarea class="editor__input" aria-label="Body"></textarea></div></div>
<div><span data-json-status></span></div></div><button id="after">After</button>"""


PROBLEMS = [
    ('{"a": "{{prompt}}"}', "Valid JSON"),
    ('{"a": {{prompt}}}', "Valid JSON"),
    ('{"a": "x {{ prompt }} y", "b": [1, -2.5e3, true, null]}', "Valid JSON"),
    ('{"a": "{{prompt}}", "b": "{{line-of.business}}"}', "Valid JSON"),
    ('{"a": "{{prompt}}", "b": "\\\\{{literal}}"}', "Valid JSON"),
    ('{"a": "{{prompt}}",}', "Not valid JSON: line 1, column 20"),
    ('{"a":\n  "{{prompt}}"\n  "b": 1}', "Not valid JSON: line 3, column 3"),
    ('{"{{prompt}}": 1}', "Placeholder in a key: line 1, column 2"),
    ('{"a": {{prompt}}5}', "Placeholder or value glued to another: line 1, column 17"),
    ('{"a": "{{prompt}}",\n "b": "{{nope}}"}', "Unknown variable {{nope}}: line 2, column 8"),
    ('{"a": 1}', "Required variable {{prompt}} is not used"),
]


def test_the_editor_names_the_first_problem(bench: Bench, subtests: pytest.Subtests) -> None:
    """spec 02, Body: problems show as they are typed, with line and column, and go as they are mended."""
    page = bench.show(EDITOR)
    for body, says in PROBLEMS:
        with subtests.test(body):
            page.get_by_label("Body").fill(body)
            assert page.locator("[data-json-status]").text_content() == says
            assert page.locator(".editor__paint").text_content() == body + "\n"


def test_the_editor_paints_text_and_never_markup(bench: Bench) -> None:
    page = bench.show(EDITOR)
    page.get_by_label("Body").fill('{"a": "<img src=x onerror=alert(1)>{{prompt}}{{nope}}"}')
    assert page.locator(".editor__paint img").count() == 0
    assert page.locator(".t-var:not(.t-var--unknown)").all_text_contents() == ["{{prompt}}"]
    assert page.locator(".t-var--unknown").all_text_contents() == ["{{nope}}"]


def test_the_editor_inserts_indents_and_lets_go(bench: Bench) -> None:
    page = bench.show(EDITOR)
    body = page.get_by_label("Body")
    body.fill("")
    page.get_by_role("button", name="prompt").click()
    expect(body).to_have_value("{{prompt}}")
    expect(body).to_be_focused()
    body.press("Tab")
    expect(body).to_have_value("{{prompt}}  ")
    body.press("Escape")
    body.press("Tab")
    expect(page.locator("#after")).to_be_focused()


def test_format_keeps_bare_placeholders(bench: Bench) -> None:
    page = bench.show(EDITOR)
    page.get_by_label("Body").fill('{"a":{{prompt}},"b":["{{prompt}}"]}')
    page.get_by_role("button", name="Format").click()
    expect(page.get_by_label("Body")).to_have_value('{\n  "a": {{prompt}},\n  "b": [\n    "{{prompt}}"\n  ]\n}')


ROW = """<div class="kv__row"><input name="h-{n}-key" aria-label="Header {m} key">
<button type="button" data-remove-row aria-label="Remove">x</button></div>"""
ROWS = f"""<form><div class="kv" id="headers">{ROW.format(n=0, m=1)}{ROW.format(n=1, m=2)}
<template>{ROW.format(n="n", m="N")}</template></div>
<button type="button" data-add-row="headers">Add header</button></form>"""


def test_rows_keep_their_names_apart(bench: Bench) -> None:
    """A number is never used twice, also after rows were removed from the middle or the end."""
    page = bench.show(ROWS)
    add = page.get_by_role("button", name="Add header")
    add.click()
    expect(page.get_by_label("Header 3 key")).to_be_focused()
    page.get_by_label("Remove").nth(2).click()
    page.get_by_label("Remove").nth(0).click()
    add.click()
    names = page.locator(".kv__row input").evaluate_all("fields => fields.map(field => field.name)")
    assert names == ["h-1-key", "h-3-key"]


DIALOG = """<button data-opens="d">Open</button><dialog class="dialog" id="d" data-modal><form method="post" action="/save">
<div class="dialog__body"><input name="name" aria-label="Name" autofocus></div>
<div class="dialog__foot"><button type="button" data-close>Close</button></div></form></dialog>"""


def test_a_dialog_closes_at_once_when_nothing_was_typed(bench: Bench) -> None:
    page = bench.show(DIALOG)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#d")).not_to_be_visible()
    expect(page.get_by_role("button", name="Open")).to_be_focused()


@pytest.mark.parametrize("how", ["Escape", "button"])
def test_a_dialog_with_typed_content_asks_first(bench: Bench, how: str) -> None:
    page = bench.show(DIALOG)
    page.get_by_role("button", name="Open").click()
    page.get_by_label("Name").fill("typed")

    def leave() -> None:
        page.keyboard.press("Escape") if how == "Escape" else page.get_by_role("button", name="Close").click()

    leave()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.get_by_role("button", name="Keep editing").click()
    expect(page.get_by_label("Name")).to_have_value("typed")
    leave()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#d")).not_to_be_visible()


BROUGHT = """<dialog class="dialog" open data-modal><form><input aria-label="First"><input aria-label="Second" {0}></form>
<a data-close href="/elsewhere">Close</a></dialog>"""
OPENER = '<a href="/dialog" hx-get="/dialog" hx-target="#modal">Open</a>'


def test_a_refused_form_in_a_dialog_has_the_focus_and_is_unsaved(bench: Bench) -> None:
    bench.answer("/dialog", BROUGHT.format('aria-invalid="true"'))
    page = bench.show(OPENER)
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_label("Second")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_be_visible()


def test_a_dialog_that_htmx_brings_is_a_modal_and_goes_without_a_trace(bench: Bench) -> None:
    bench.answer("/dialog", BROUGHT.format("autofocus"))
    page = bench.show(OPENER)
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_label("Second")).to_be_focused()
    assert page.locator("dialog").evaluate("dialog => dialog.matches(':modal')")
    page.get_by_role("link", name="Close").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert page.url.endswith("/page")


PATCH = """<div class="json"><ul><li><button class="json__val" data-path="result.text">"Hello"</button></li>
<li><button class="json__val" data-path="usage['in']">12</button></li></ul></div><fieldset class="patches">%s</fieldset>"""
SLOT = """<div class="patch" data-slot="{0}" data-name="{1}"><input type="radio" name="armed" value="{0}" aria-label="Fill {1}" {2}>
<input class="input" aria-label="{1} path" name="{0}"><output></output></div>"""


def test_clicking_a_value_wires_it_to_the_armed_slot(bench: Bench) -> None:
    """design README, Patching."""
    page = bench.show(PATCH % (SLOT.format("a", "Output text", "checked") + SLOT.format("b", "Input tokens", "")))
    listen = "for (const t of ['input', 'change']) document.addEventListener(t, e => heard.push(t + ' ' + e.target.name))"
    page.evaluate(f"window.heard = []; {listen}")
    page.get_by_text('"Hello"').click()
    expect(page.get_by_label("Output text path")).to_have_value("result.text")
    expect(page.get_by_label("Fill Input tokens")).to_be_checked()
    expect(page.locator("#live")).to_have_text("Output text set to result.text. Next: Input tokens.")
    assert page.locator(".json .plug--a").text_content() == "Output text"
    assert page.evaluate("heard") == ["input a", "change a"]
    page.get_by_text("12").click()
    expect(page.get_by_label("Input tokens path")).to_have_value("usage['in']")
    page.get_by_label("Output text path").focus()
    expect(page.get_by_label("Fill Output text")).to_be_checked()
    page.get_by_label("Output text path").fill("")
    assert page.locator(".json .plug--a").count() == 0


TOAST = '<div class="toast" data-toast{0}><b>{1}</b><button type="button" data-dismiss aria-label="Dismiss {1}">x</button></div>'


def test_toasts_go_by_themselves_errors_stay(timed: Bench) -> None:
    toasts = TOAST.format("", "Saved") + TOAST.format('="stays"', "Refused")
    timed.answer("/act", f'<div id="toasts" hx-swap-oob="beforeend">{toasts}</div>')
    page = timed.show('<button hx-post="/act" hx-swap="none">Act</button>')
    page.get_by_role("button", name="Act").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    page.clock.run_for(5000)
    expect(page.get_by_text("Saved")).to_be_visible()
    page.clock.run_for(2000)
    expect(page.get_by_text("Saved")).to_have_count(0)
    page.get_by_label("Dismiss Refused").click()
    expect(page.get_by_text("Refused")).to_have_count(0)


def test_a_newer_toast_about_the_same_takes_the_older_ones_place(timed: Bench) -> None:
    """Two that contradict each other, both with Undo, would leave open what is true now."""
    undo = '<div class="toast" data-toast><b>{0}</b><form method="post" action="/switch/{1}/?on={2}"></form></div>'
    shown = [undo.format("It is off", "a", 1), undo.format("Other is off", "b", 1), undo.format("It is on", "a", 0)]
    for number, toast in enumerate(shown):
        timed.answer(f"/act/{number}", f'<div id="toasts" hx-swap-oob="beforeend">{toast}</div>')
    page = timed.show("".join(f'<button hx-post="/act/{number}" hx-swap="none">Act {number}</button>' for number in range(3)))
    for number in range(3):
        page.get_by_role("button", name=f"Act {number}").click()
        expect(page.locator(".toast").last).to_contain_text(("It is off", "Other is off", "It is on")[number])
    assert page.locator(".toast b").all_inner_texts() == ["Other is off", "It is on"]


def test_a_toast_waits_while_the_pointer_is_on_it(timed: Bench) -> None:
    timed.answer("/act", f'<div id="toasts" hx-swap-oob="beforeend">{TOAST.format("", "Saved")}</div>')
    page = timed.show('<button hx-post="/act" hx-swap="none">Act</button>')
    page.get_by_role("button", name="Act").click()
    page.get_by_text("Saved").hover()
    page.clock.run_for(20000)
    expect(page.get_by_text("Saved")).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(7000)
    expect(page.get_by_text("Saved")).to_have_count(0)


def test_a_failed_request_says_so(bench: Bench) -> None:
    bench.answer("/act", "<p>broken</p>", {"X-Request-ID": "abc123"}, status=500)
    page = bench.show('<div id="target">before</div><button hx-post="/act" hx-target="#target">Act</button>')
    page.get_by_role("button", name="Act").click()
    expect(page.locator(".toast--bad")).to_contain_text("Request ID abc123")
    expect(page.locator("#target")).to_have_text("before")


def test_a_typed_name_frees_the_button(bench: Bench) -> None:
    page = bench.show('<input aria-label="Name" data-confirm-name="GPT-4o" data-confirm-for="go"><button id="go">Delete model</button>')
    expect(page.locator("#go")).to_be_disabled()
    page.get_by_label("Name").fill("GPT-4")
    expect(page.locator("#go")).to_be_disabled()
    page.get_by_label("Name").fill(" GPT-4o ")
    expect(page.locator("#go")).to_be_enabled()


def test_a_form_is_sent_once(bench: Bench) -> None:
    page = bench.show('<form method="post" action="/save"><button class="btn">Confirm</button></form>')
    count = "e => { if (!e.defaultPrevented) sent++; e.preventDefault(); }"
    page.evaluate(f"window.sent = 0; document.addEventListener('submit', {count})")
    page.get_by_role("button").dispatch_event("click")
    expect(page.get_by_role("button")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button").dispatch_event("click")
    assert page.evaluate("sent") == 1


def test_the_theme_changes_at_once_and_is_kept(bench: Bench) -> None:
    page = bench.show('<form method="post" action="/theme"><button data-theme-toggle>Theme</button></form>')
    page.emulate_media(color_scheme="light")
    page.get_by_role("button").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert "theme=dark" in page.evaluate("document.cookie")
    page.get_by_role("button").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.url.endswith("/page")


MENU = """<button popovertarget="m" aria-expanded="false">Menu</button><div class="menu" id="m" popover>
<a class="menu__item" href="#a">Edit</a><a class="menu__item" href="#b">Copy</a><a class="menu__item" href="#c">Delete</a></div>"""


def test_a_menu_by_keyboard(bench: Bench) -> None:
    page = bench.show(MENU)
    opener = page.get_by_role("button", name="Menu")
    opener.press("Enter")
    expect(page.get_by_text("Edit")).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    for key, item in (("ArrowUp", "Delete"), ("ArrowDown", "Edit"), ("End", "Delete"), ("c", "Copy"), ("Home", "Edit")):
        page.keyboard.press(key)
        expect(page.get_by_text(item)).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "false")


def test_copy_reveal_and_slash(bench: Bench) -> None:
    page = bench.show(
        '<input data-slash aria-label="Search"><input id="key" type="password" value="typed" aria-label="Key">'
        '<button data-reveal="key">Show</button><button data-copy="copied text">Copy</button>'
    )
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "copied text"
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Key")).to_have_attribute("type", "text")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
