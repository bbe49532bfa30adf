"""Template vocabulary, htmx answers, form markup, keyset pages."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django import forms
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest
from django.template import Context, Template
from django.test import RequestFactory

from apps.accounts.models import Workspace
from apps.core.client_ip import client_ip
from apps.core.htmx import redirect, render_page, toast
from apps.core.pagination import paginate
from apps.core.text import monogram, visible
from tests.support.cast import make_workspace


def render(text: str, **context: Any) -> str:
    return Template(text).render(Context(context))


def request_with_messages(**headers: str) -> HttpRequest:
    request = RequestFactory().get("/x/", headers=headers)
    request.session = SessionStore()
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Claims automation", "CA"), ("GPT-4o", "GP"), ("Priya Raman", "PR"), ("X", "X"), ("", "?"), ("GPT 4", "GP"), ("é ü", "ÉÜ")],
)
def test_monograms(name: str, letters: str) -> None:
    assert monogram(name) == letters


def test_a_tile_has_the_same_hue_everywhere() -> None:
    hues = [re.findall(r"tile--h\d", render("{% tile name %}", name=name)) for name in ("OpenAI", " openai ", "OPENAI")]
    assert hues[0] == hues[1] == hues[2]


def test_times_are_in_the_readers_zone_and_exact_on_hover() -> None:
    """spec 08, Use."""
    value = datetime(2026, 11, 18, 23, 30, 5, tzinfo=UTC)
    request = SimpleNamespace(user=SimpleNamespace(zone=ZoneInfo("Europe/Berlin")))
    shown = render("{% date value %}|{% when value %}|{% when value 'clock' %}", value=value, request=request)
    day, minute, clock = shown.split("|")
    assert day.endswith('title="19 Nov 2026, 00:30:05 CET">19 Nov 2026</time>')
    assert minute.endswith(">19 Nov 2026, 00:30</time>")
    assert clock.endswith(">00:30:05</time>")


def test_rows_leave_out_the_year_that_goes_without_saying() -> None:
    """The reader's year: New Year comes to Auckland first."""
    request = SimpleNamespace(user=SimpleNamespace(zone=ZoneInfo("Pacific/Auckland")))
    value = datetime(2026, 12, 31, 10, 59, 5, tzinfo=UTC)
    with time_machine.travel(datetime(2026, 12, 31, 10, 59, 30, tzinfo=UTC), tick=False):
        assert render("{% when value 'row' %}", value=value, request=request).endswith(">31 Dec, 23:59:05</time>")
    with time_machine.travel(datetime(2026, 12, 31, 11, 0, 30, tzinfo=UTC), tick=False):
        assert render("{% when value 'row' %}", value=value, request=request).endswith(">31 Dec 2026, 23:59:05</time>")


def test_a_time_that_never_was() -> None:
    assert "never" in render("{% when value %}", value=None)


def test_numbers_are_grouped_and_unknown_is_not_zero() -> None:
    assert render("{{ a|grouped }} {{ b|grouped }} {{ c|grouped }}", a=12418, b=0, c=None) == "12,418 0 \N{EN DASH}"


def test_counts_with_their_noun() -> None:
    assert render("{{ 1|of:'model' }}, {{ 1204|of:'model' }}, {{ 2|of:'entry,entries' }}") == "1 model, 1,204 models, 2 entries"


def test_query_changes_one_key_and_keeps_the_rest() -> None:
    request = RequestFactory().get("/?q=a+b&sort=name&after=xyz")
    assert render("{% query sort='added' after=None %}", request=request) == "?q=a+b&amp;sort=added"


def test_hidden_characters_are_shown() -> None:
    """C6"""
    assert visible("a\u202eb\x00c\u200bd\n") == "a<U+202E>b<U+0000>c<U+200B>d\n"


def test_an_unknown_icon_is_an_error() -> None:
    with pytest.raises(KeyError):
        render("{% icon 'no-such-icon' %}")


PAGE = "account/signup_closed.html"


def test_a_fragment_or_the_page(db: None) -> None:
    full = render_page(request_with_messages(), PAGE, partial="results")
    assert full.content.startswith(b"<!doctype") or b"<html" in full.content
    assert full.headers["Vary"] == "HX-Request"


def test_a_boosted_request_gets_the_page(db: None) -> None:
    headers = {"HX-Request": "true", "HX-Boosted": "true"}
    assert b"<html" in render_page(request_with_messages(**headers), PAGE, partial="results").content


def test_redirects() -> None:
    plain = redirect(RequestFactory().get("/"), "/there/")
    htmx = redirect(RequestFactory().get("/", headers={"HX-Request": "true"}), "/there/")
    assert (plain.status_code, plain.headers["Location"]) == (302, "/there/")
    assert (htmx.status_code, htmx.headers["HX-Redirect"]) == (200, "/there/")


def test_a_toast_is_escaped_and_can_be_undone() -> None:
    request = request_with_messages()
    toast(request, "<b>GPT</b> is off", undo_url="/undo/?on=1", detail="Calls are refused.")
    toast(request, "Could not save", "error")
    messages = list(request._messages)  # type: ignore[attr-defined]
    html = render("{% for message in waiting %}{% include 'components/toast.html' %}{% endfor %}", waiting=messages)
    assert "&lt;b&gt;GPT&lt;/b&gt; is off" in html
    assert 'action="/undo/?on=1"' in html
    assert "Calls are refused." in html
    assert html.count('="stays"') == 1, "errors stay until dismissed"


class SampleForm(forms.Form):
    name = forms.CharField(help_text="As people see it.")
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "mono"}))
    kind = forms.ChoiceField(choices=[("a", "A")])
    on = forms.BooleanField(required=False, label="On")


def test_form_markup_is_the_designs() -> None:
    form = SampleForm({})
    name = form["name"].as_field_group()
    assert '<label class="label" for="id_name">Name</label>' in name
    assert 'class="input"' in name
    assert 'aria-invalid="true"' in name
    assert 'aria-describedby="id_name_error id_name_helptext"' in name
    assert name.index('id_name_error"') < name.index('class="help"')
    assert 'class="textarea mono"' in form["note"].as_field_group()
    assert "<small>optional</small>" in form["note"].as_field_group()
    assert 'class="select"' in form["kind"].as_field_group()
    assert '<label class="check">' in form["on"].as_field_group()


@pytest.fixture
def many(db: None) -> list[str]:
    """Twelve workspaces of which four share each name: the ties are where keyset pages go wrong."""
    return [make_workspace(f"w-{index:02}", name=f"Name {index % 3}").slug for index in range(12)]


def walk(query: str, ordering: tuple[str, ...], key: str, **options: Any) -> list[str]:
    slugs: list[str] = []
    for _ in range(20):
        page = paginate(RequestFactory().get(f"/{query}"), Workspace.objects.all(), ordering, size=5, **options)
        found = [row.slug for row in page.rows]
        slugs = found + slugs if key == "previous" else slugs + found
        query = getattr(page, key)
        if not query:
            return slugs
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("ordering", [("slug",), ("-slug",), ("name", "slug"), ("-name", "slug"), ("created_at", "pk")])
def test_every_row_is_on_exactly_one_page(many: list[str], ordering: tuple[str, ...]) -> None:
    assert walk("", ordering, "next") == list(Workspace.objects.order_by(*ordering).values_list("slug", flat=True))


def test_going_back_shows_the_same_pages(many: list[str]) -> None:
    last = "?"
    for _ in range(2):
        last = paginate(RequestFactory().get(f"/{last}"), Workspace.objects.all(), ("name", "slug"), size=5).next
    before = paginate(RequestFactory().get(f"/{last}"), Workspace.objects.all(), ("name", "slug"), size=5).previous
    first_ten = list(Workspace.objects.order_by("name", "slug").values_list("slug", flat=True))[:10]
    assert walk(before, ("name", "slug"), "previous") == first_ten


def test_descending_turns_the_order_round(many: list[str]) -> None:
    assert walk("", ("name", "slug"), "next", descending=True) == walk("", ("-name", "-slug"), "next")


def test_a_page_keeps_the_rest_of_the_query(many: list[str]) -> None:
    page = paginate(RequestFactory().get("/?q=x"), Workspace.objects.all(), ("slug",), size=5)
    assert page.next.startswith("?q=x&after=")
    assert not page.has_previous


@pytest.mark.parametrize("cursor", ["%00", "abc", "W10", "WzFd", "WyJhIiwiYiJd", "WzcsImIiXQ", "W251bGxd", "W3siYSI6MX1d", "a" * 5000])
def test_a_cursor_that_is_not_ours_gives_the_first_page(many: list[str], cursor: str) -> None:
    page = paginate(RequestFactory().get(f"/?after={cursor}"), Workspace.objects.all(), ("created_at", "slug"), size=5)
    assert len(page.rows) == 5
    assert not page.has_previous


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "6.6.6.6", "127.0.0.1"),
        (1, "6.6.6.6, 10.1.1.1", "10.1.1.1"),
        (2, "6.6.6.6, 10.1.1.1, 10.2.2.2", "10.1.1.1"),
        (2, "10.2.2.2", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_the_callers_address_is_seen_past_our_proxies_only(settings: Any, proxies: int, forwarded: str, expected: str) -> None:
    """Rate limits and audit count by it, so nobody may choose their own."""
    settings.TRUSTED_PROXIES = proxies
    assert client_ip(RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})) == expected
