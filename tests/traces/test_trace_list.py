"""The list of traces: what is shown to whom, filters, periods, columns, pages (spec 06, Traces)."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.external_models.models import ExternalModel
from apps.traces.models import Trace, TraceName
from apps.traces.names import MOST
from apps.traces.search import LOOK
from apps.traces.templatetags.traces import UNKNOWN
from tests.conftest import ClientFor
from tests.support.calls import entry, keep, make_traces
from tests.support.cast import Cast
from tests.support.models import make_model

LIST = "/w/harbor/traces/"
NEXT = re.compile(r'href="([^"]*\?[^"]*after=[^"]*)"')


def shown(client: Client, query: str = "") -> list[str]:
    """The request IDs on a page, in their order."""
    response = client.get(LIST + query, follow=True)
    assert response.status_code == 200
    return re.findall(r'data-copy="(req_[0-9a-f]{32})"', response.content.decode())


def names(client: Client, query: str, traces: dict[str, Trace]) -> set[str]:
    by_id = {trace.request_id: name for name, trace in traces.items()}
    return {by_id[found] for found in shown(client, query)}


@pytest.fixture
def calls(cast: Cast) -> dict[str, Trace]:
    """Five calls of harbor that differ in everything that can be asked for."""
    now = timezone.now()
    model = make_model(cast.harbor, cast.alice, "Fraud signals")
    return dict(
        zip(
            ["good", "slow", "failed", "cancelled", "test"],
            keep(
                entry(cast.harbor, by=cast.alice, at=now - timedelta(minutes=1)),
                entry(cast.harbor, by=cast.bob, at=now - timedelta(minutes=2), response_ms=5000.0, output="Severity: high."),
                entry(
                    cast.harbor,
                    at=now - timedelta(minutes=3),
                    status="failed",
                    source_type="api_key",
                    source_name="intake-service",
                    error_code="timeout",
                    error_message="It took too long.",
                    output="",
                    model_id=model.pk,
                    model_name=model.name,
                ),
                entry(cast.harbor, by=cast.bob, at=now - timedelta(minutes=4), status="cancelled", response_ms=90.0),
                entry(cast.harbor, by=cast.alice, at=now - timedelta(days=2), source_type="test", response_ms=300.0),
            ),
            strict=True,
        )
    )


def test_newest_first_in_the_readers_zone(cast: Cast, client_for: ClientFor) -> None:
    cast.alice.timezone = "Asia/Tokyo"
    cast.alice.save()
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        first, second = keep(
            entry(cast.harbor, at=datetime(2026, 11, 20, 5, 31, 58, tzinfo=UTC), input="<b>\u202eevil"), entry(cast.harbor, output="")
        )
        page = client_for(cast.alice).get(LIST).content.decode()
        assert re.findall(r'data-copy="(req_[0-9a-f]{32})"', page) == [second.request_id, first.request_id]
    assert ">20 Nov, 14:31:58<" in page
    assert 'title="20 Nov 2026, 14:31:58 JST"' in page
    assert "&lt;b&gt;&lt;U+202E&gt;evil" in page, "texts of calls are text"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "good slow failed cancelled test"),
        ("?where=status:is:failed", "failed"),
        ("?where=status:not:success", "failed cancelled"),
        ("?where=response_time:gte:5", "slow"),
        ("?where=response_time:gt:5", ""),
        ("?where=response_time:lt:0.3", "cancelled"),
        ("?where=response_time:lte:0.3", "cancelled test"),
        ("?where=response_time:eq:1.25", "good failed"),
        ("?where=source_type:is:api_key", "failed"),
        ("?where=source_type:not:playground", "failed test"),
        ("?where=source:is:intake-service", "failed"),
        ("?where=source:not:Bob+Member", "good failed test"),
        ("?where=error_code:is:timeout", "failed"),
        ("?where=model:is:Fraud+signals", "failed"),
        ("?where=connection:not:claims-prod", ""),
        ("?where=status:is:failed&where=response_time:gte:5", ""),
        ("?where=status:is:failed&where=response_time:gte:5&match=any", "failed slow"),
        ("?q=HIGH", "slow"),
        ("?q=nothing+like+it", ""),
        ("?period=today&where=status:is:success&where=nonsense&where=status:is:odd", "good slow"),
    ],
)
def test_filters(query: str, expected: str, cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    with time_machine.travel(timezone.now().replace(hour=12) if "today" in query else timezone.now()):
        if "today" in query:
            Trace.objects.exclude(pk=calls["test"].pk).update(started_at=timezone.now() - timedelta(minutes=5))
        assert names(client_for(cast.alice), query, calls) == set(expected.split())


def test_values_that_are_known_are_offered(cast: Cast, client_for: ClientFor) -> None:
    """Status, source type and error code are chosen from lists."""
    page = client_for(cast.alice).get(LIST).content.decode()
    for field, option in (
        ("status", '<option value="cancelled">Cancelled</option>'),
        ("source_type", '<option value="api_key">API key</option>'),
        ("error_code", '<option value="upstream_error">upstream_error</option>'),
    ):
        box = page.partition(f'data-values="{field}"')[2].partition("</div>")[0]
        assert 'name="value" disabled>' in box, "until a script knows that it is the one"
        assert option in box
    refused = client_for(cast.alice).get(LIST + "?field=error_code&op=is&value=nonsense")
    assert refused.status_code == 422


def test_a_row_says_in_words_why_there_is_no_answer(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    page = client_for(cast.alice).get(LIST).content.decode()
    assert '<span class="clip"><span title="timeout">The answer took too long</span></span>' in page


def test_a_row_says_that_an_image_was_sent(cast: Cast, client_for: ClientFor) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    said = [[image], [{"type": "text", "text": "Whose roof?"}, image]]
    keep(*(entry(cast.harbor, input=json.dumps({"messages": [{"role": "user", "content": content}]})) for content in said))
    page = client_for(cast.alice).get(LIST).content.decode()
    assert ">[Image]<" in page
    assert ">Whose roof? [Image]<" in page


def test_a_row_says_that_it_was_a_key_check(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, source_type="test", api="key_check", input="", output=""))
    alice = client_for(cast.alice)
    assert "Key check: nothing is asked" in alice.get(LIST).content.decode()
    page = alice.get(f"{LIST}{trace.pk}/").content.decode()
    assert "checked whether the provider takes the key" in page
    assert "Open in playground" not in page


def test_find_by_request_id_model_and_connection(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    alice = client_for(cast.alice)
    assert names(alice, f"?q={calls['slow'].request_id}", calls) == {"slow"}
    assert names(alice, f"?where=request_id:is:{calls['slow'].id}", calls) == {"slow"}
    assert names(alice, f"?where=request_id:not:{calls['slow'].request_id}", calls) == set(calls) - {"slow"}
    model = ExternalModel.objects.get()
    assert names(alice, f"?model={model.pk}", calls) == {"failed"}
    assert names(alice, "?model=not-an-id", calls) == set(calls), "an old or broken link shows the list"


def test_add_filter_without_a_script(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    alice = client_for(cast.alice)
    added = alice.get(LIST + "?q=severity&where=status:not:failed&field=response_time&op=gte&value=5")
    assert added.status_code == 302
    assert added.headers["Location"] == LIST + "?q=severity&where=status%3Anot%3Afailed&where=response_time%3Agte%3A5"
    page = alice.get(added.headers["Location"]).content.decode()
    assert "Remove the condition Response time &gt;= 5 s" in page
    assert 'href="/w/harbor/traces/?q=severity&amp;where=status%3Anot%3Afailed"' in page
    refused = alice.get(LIST + "?field=response_time&op=is&value=long")
    assert refused.status_code == 422
    assert "Response time is compared with &lt;, &lt;=, =, &gt;=, &gt;." in refused.content.decode()
    assert alice.get(LIST + "?field=status&op=is&value=Failed").headers["Location"].endswith("?where=status%3Ais%3Afailed")


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("today", [0]),
        ("yesterday", [1]),
        ("week", [0, 1]),
        ("month", [0, 1, 5]),
        ("last-month", [20, 40]),
        ("30d", [0, 1, 5, 20]),
        ("90d", [0, 1, 5, 20, 40]),
        ("year", [0, 1, 5, 20, 40]),
        ("all", [0, 1, 5, 20, 40, 400]),
        ("custom&first=2026-11-12&last=2026-11-17", [0, 1, 5]),
        ("custom&last=2026-10-31", [20, 40, 400]),
        ("a typo", [0, 1, 5, 20]),
    ],
)
def test_periods_are_days_of_the_readers_zone(period: str, days: list[int], cast: Cast, client_for: ClientFor) -> None:
    """Tuesday 17 November 2026, half past midnight in Auckland, is Monday noon in UTC."""
    cast.alice.timezone = "Pacific/Auckland"
    cast.alice.save()
    with time_machine.travel(datetime(2026, 11, 16, 11, 30, tzinfo=UTC), tick=False):
        ages = [0, 1, 5, 20, 40, 400]
        rows = keep(*(entry(cast.harbor, at=timezone.now() - timedelta(days=age, minutes=20)) for age in ages))
        by_id = {row.request_id: age for row, age in zip(rows, ages, strict=True)}
        assert sorted(by_id[found] for found in shown(client_for(cast.alice), f"?period={period}")) == days


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Honolulu"])
def test_the_ends_of_the_calendar_are_dates_like_others(zone: str, cast: Cast, client_for: ClientFor) -> None:
    """A day more, or the hours of a time zone, do not fit in."""
    cast.alice.timezone = zone
    cast.alice.save()
    keep(entry(cast.harbor))
    alice = client_for(cast.alice)
    assert len(shown(alice, "?period=custom&first=0001-01-01&last=9999-12-31")) == 1
    assert shown(alice, "?period=custom&first=0001-01-01&last=0001-01-01") == []
    assert shown(alice, "?period=custom&first=9999-12-31") == []


def test_long_names_are_whole_in_the_title(cast: Cast, client_for: ClientFor) -> None:
    keep(entry(cast.harbor, model_name="m" * 200, source_name="s" * 200))
    alice = client_for(cast.alice)
    page = alice.post(LIST + "columns/", {"column": ["model"], "next": LIST}, follow=True).content.decode()
    assert f'<td class="cell-meta cell-name" title="{"s" * 200}">' in page
    assert f'<td class="cell-name cell-line" data-label="Model" title="{"m" * 200}">' in page


def test_members_see_their_own_calls_only(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    bob = client_for(cast.bob)
    assert names(bob, "", calls) == {"slow", "cancelled"}
    assert names(bob, "?where=status:is:failed&where=status:is:success&match=any", calls) == {"slow"}
    assert names(bob, f"?q={calls['good'].request_id}", calls) == set()
    figures = re.findall(r'<div class="figure">([^<]*)<', bob.get(LIST).content.decode())
    assert figures[0] == "2", "figures tell of no other calls either"
    assert "Your own calls." in bob.get(LIST).content.decode()
    assert 'href="/w/harbor/traces/"' not in client_for(cast.vic).get("/w/harbor/models/").content.decode()


def test_without_a_call_the_page_leads_to_one(cast: Cast, client_for: ClientFor) -> None:
    page = client_for(cast.alice).get(LIST).content.decode()
    assert "No calls in this period" in page
    assert '<a class="btn" href="/w/harbor/playground/">Open the playground</a>' in page
    assert "Open the playground" not in client_for(cast.rita).get(LIST).content.decode()
    figures = re.findall(r'<div class="figure">([^<]*)<', page)
    assert figures == ["0", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "0", UNKNOWN], "nothing was called, so no cost is unknown"


def in_seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) / {"s": 1, "ms": 1000}[unit]


def test_figures(cast: Cast, client_for: ClientFor) -> None:
    keep(*(entry(cast.harbor, response_ms=100.0 * number, status="failed" if number == 1 else "success") for number in range(1, 11)))
    figures = re.findall(r'<div class="figure">([^<]*)<', client_for(cast.alice).get(LIST).content.decode())
    assert figures[0] == "10"
    assert [in_seconds(text) for text in figures[1:4]] == pytest.approx([0.6, 0.95, 1.0], abs=0.06)
    assert figures[4:] == ["10%", "1,960", "unknown"]


def test_columns_are_remembered(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    alice = client_for(cast.alice)
    assert ">Error code</th>" not in alice.get(LIST).content.decode()
    answer = alice.post(LIST + "columns/", {"column": ["error_code", "tokens", "nonsense"], "next": LIST + "?q=a"})
    assert answer.headers["Location"] == LIST + "?q=a"
    page = alice.get(LIST).content.decode()
    assert ">Error code</th>" in page
    assert ">196</td>" in page
    assert ">Cost</th>" not in page
    assert ">Error code</th>" not in client_for(cast.alice).get(LIST).content.decode(), "another browser"
    assert alice.post(LIST + "columns/", {"next": "https://evil.example/"}).headers["Location"] == LIST


def test_no_row_is_skipped_or_doubled_over_pages(cast: Cast, client_for: ClientFor) -> None:
    moment = timezone.now() - timedelta(hours=1)
    rows = make_traces(cast.harbor, 120, at=moment, by=cast.alice)
    alice, url, found = client_for(cast.alice), LIST, list[str]()
    while url:
        page = alice.get(url).content.decode()
        found += re.findall(r'data-copy="(req_[0-9a-f]{32})"', page)
        make_traces(cast.harbor, 1)  # calls go on
        further = NEXT.search(page)
        url = unescape(further[1]) if further else ""
    assert sorted(found) == sorted(row.request_id for row in rows)


def test_the_fragment_brings_the_export_link_along(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    text = client_for(cast.alice).get(LIST + "?q=severity", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert 'id="export-link" hx-swap-oob="true" href="/w/harbor/traces/export/?q=severity"' in text
    assert 'data-announce="4 traces shown"' in text


def test_activity_is_the_list_of_one_model(cast: Cast, client_for: ClientFor, calls: dict[str, Trace]) -> None:
    model = ExternalModel.objects.get()
    page = client_for(cast.alice).get(f"/w/harbor/models/{model.pk}/activity/").content.decode()
    assert re.findall(r'data-copy="(req_[0-9a-f]{32})"', page) == [calls["failed"].request_id]
    assert f'href="/w/harbor/traces/export/?model={model.pk}"' in page


def test_few_among_many_are_found_on_their_own_way(cast: Cast, client_for: ClientFor) -> None:
    """More rows than are looked at for how common a word is; what few calls have comes from its index, page by page."""
    now = timezone.now()
    many = [entry(cast.harbor, by=cast.alice, at=now - timedelta(minutes=number)) for number in range(LOOK + 60)]
    rare = [entry(cast.harbor, by=cast.alice, at=now - timedelta(days=2, minutes=number), output="A zeppelin") for number in range(60)]
    slow = entry(cast.harbor, by=cast.alice, at=now - timedelta(days=3), response_ms=90_000.0)
    broken = entry(cast.harbor, by=cast.alice, at=now - timedelta(days=4), status="failed", error_code="timeout")
    keep(*many, *rare, slow, broken)
    client = client_for(cast.alice)
    wanted = [f"req_{each.id.hex}" for each in rare]
    assert shown(client, "?q=zeppelin") == wanted[:50]
    older = NEXT.search(client.get(f"{LIST}?q=zeppelin").content.decode())
    assert older is not None
    assert shown(client, unescape(older[1]).removeprefix(LIST)) == wanted[50:]
    last = [f"req_{each.id.hex}" for each in (slow, broken)]
    assert shown(client, "?match=any&where=response_time:gt:60&where=status:is:failed") == last
    assert shown(client, "?q=severity&match=any&where=response_time:gt:60&where=status:is:failed") == last
    assert shown(client, "?q=zeppelin&where=response_time:lt:60") == wanted[:50]
    assert shown(client, "?q=zeppelin&where=response_time:gt:60") == []


def test_names_of_models_and_connections_of_old(cast: Cast, client_for: ClientFor) -> None:
    """A name is one that calls had, whatever the model is called now; several models may have had it."""
    now, first, second = timezone.now(), UUID(int=1), UUID(int=2)
    calls = {
        "old": entry(cast.harbor, by=cast.alice, model_id=first, model_name="Triage", at=now - timedelta(days=9)),
        "new": entry(cast.harbor, by=cast.alice, model_id=first, model_name="Triage 2", at=now - timedelta(days=1)),
        "other": entry(cast.harbor, by=cast.alice, model_id=second, model_name="Triage", at=now - timedelta(days=2)),
        "unknown": entry(cast.harbor, by=cast.alice, model_name="gpt\0" + "x" * 300, connection_name=""),
        "foreign": entry(cast.other, model_id=first, model_name="Elsewhere"),
    }
    traces = dict(zip(calls, keep(*calls.values()), strict=True))
    alice = client_for(cast.alice)
    for query, expected in {
        "model:is:Triage": "old other",
        "model:is:triage": "",
        "model:not:Triage": "new unknown",
        "model:is:Elsewhere": "",
        f"model:is:gpt\ufffd{'x' * 196}": "unknown",
        "connection:is:claims-prod": "old new other",
        "connection:not:claims-prod": "unknown",
        "model:is:Triage&where=connection:not:claims-prod": "",
        "model:is:Triage&where=connection:not:claims-prod&match=any": "old other unknown",
        "model:not:Triage&where=status:not:success": "",
        "model:not:Triage&where=status:not:failed": "new unknown",
        "model:is:Nobody&where=model:is:Elsewhere&match=any": "",
    }.items():
        assert names(alice, f"?where={query}", traces) == set(expected.split()), query


@pytest.mark.django_db(transaction=True)
def test_a_name_is_kept_for_each_day(cast: Cast, client_for: ClientFor) -> None:
    """Also where the process has saved it before: slices end with a commit here."""
    now = timezone.now()
    calls = [entry(cast.harbor, by=cast.alice, model_name="Triage", at=now - timedelta(days=days)) for days in (3, 3, 1, 6)]
    traces = dict(zip("abcd", [keep(call)[0] for call in calls], strict=True))
    assert names(client_for(cast.alice), "?where=model:is:Triage", traces) == set("abcd")
    assert TraceName.objects.filter(name="Triage").count() == 1


def test_many_names_are_read_along_the_date(cast: Cast, client_for: ClientFor) -> None:
    rows = keep(*(entry(cast.harbor, by=cast.alice, model_name=f"Model {number}") for number in range(MOST + 2)))
    traces = {row.model_name: row for row in rows}
    assert names(client_for(cast.alice), "?where=model:not:Model+3", traces) == set(traces) - {"Model 3"}
    assert names(client_for(cast.alice), "?where=model:is:Model+3&where=model:not:Model+4", traces) == {"Model 3"}


def test_what_the_address_says_wrongly_is_said(cast: Cast, client_for: ClientFor) -> None:
    keep(entry(cast.harbor, by=cast.alice))
    alice = client_for(cast.alice)
    for query, status, said in (
        ("?period=custom&first=2026-11-20&last=2026-11-01", 422, "The first date is after the second"),
        ("?period=fortnight", 200, "There is no such period"),
        ("?model=none", 200, "There is no such model"),
    ):
        response = alice.get(f"/w/harbor/traces/{query}")
        assert response.status_code == status
        assert said in response.content.decode()
    quiet = "search and conditions do not change these figures"
    assert quiet not in alice.get("/w/harbor/traces/").content.decode()
    searched = alice.get("/w/harbor/traces/?q=hail").content.decode()
    assert quiet in searched
    assert "Search looks at request IDs and at the first 200 characters" in searched
