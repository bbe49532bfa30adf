"""One trace: what was said, what it took, what went wrong (spec 06, Detail)."""

import json
from datetime import UTC, datetime
from uuid import UUID

import time_machine
from django.test import Client

from apps.traces.detail import Detail
from apps.traces.models import Trace, TraceBody
from apps.traces.reading import Part, parts_of, parts_of_answer
from apps.traces.record import Attempt
from apps.traces.retention import apply_retention
from apps.traces.templatetags.traces import UNKNOWN
from tests.conftest import ClientFor
from tests.support.calls import entry, keep
from tests.support.cast import Cast


def look(client: Client, trace: Trace, query: str = "") -> str:
    response = client.get(f"/w/harbor/traces/{trace.pk}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_input_and_output_as_text_and_as_json(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, by=cast.alice, output='{"severity": "<i>low</i>\\u202e"}'))
    alice = client_for(cast.alice)
    page = look(alice, trace)
    assert '<p class="xs faint">System prompt</p><p class="said__text">You triage claims.</p>' in page
    assert '<p class="xs faint">Prompt</p><p class="said__text">Hail on the roof</p>' in page
    assert "&lt;i&gt;low&lt;/i&gt;" in page
    as_json = look(alice, trace, "?output=json&input=json")
    assert "&quot;severity&quot;: &quot;&lt;i&gt;low&lt;/i&gt;&lt;U+202E&gt;&quot;" in as_json, "what Copy takes"
    assert '<span class="json__val t-str">&quot;&lt;i&gt;low&lt;/i&gt;&lt;U+202E&gt;&quot;</span>' in as_json, "a tree"
    assert '<span class="json__key">messages</span><span class="t-punct">:</span></span>' in as_json
    assert '<span class="json__note">2 items</span>' in as_json


def test_json_as_deep_as_it_may_be_is_shown(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, by=cast.alice, output="[" * 5000 + "]" * 5000, input="[" * 900 + "]" * 900))
    page = look(client_for(cast.alice), trace, "?output=json&input=json")
    assert len(page) < 1_000_000, "10 KB are 50 MB when each level is indented"


def test_metadata_attempts_and_error(cast: Cast, client_for: ClientFor) -> None:
    attempts = (Attempt(UUID(int=1), "claims-prod", 900.0, "rate_limited", 429), Attempt(UUID(int=2), "claims-batch", 30_000.0, "timeout"))
    [trace] = keep(
        entry(
            cast.harbor,
            by=cast.alice,
            status="failed",
            attempts=attempts,
            response_ms=31_000.0,
            first_token_ms=None,
            error_code="timeout",
            error_message="The provider did not answer within 30 s.",
            error_hint="Raise the time limit.",
            error_stage="receive",
            provider_message="<busy>",
            provider_status=504,
            output="",
        )
    )
    page = look(client_for(cast.alice), trace)
    for text in (
        trace.request_id,
        "Attempt 1: claims-prod",
        "A rate limit was reached, HTTP 429",
        "Attempt 2: claims-batch",
        "The provider did not answer within 30 s.",
        "with status 504",
        "&lt;busy&gt;",
        "Raise the time limit.",
        "stage: receive",
        "There was no output.",
        "31.0 s",
    ):
        assert text in page


def test_the_rows_of_the_timing_add_up(cast: Cast) -> None:
    """The answering attempt lasts to the end with the first token in it; waits are drawn where they were."""
    failed = Attempt(UUID(int=1), "claims-prod", 200.0, "upstream_error", 503, 10.0)
    told, of_old, refused = keep(
        entry(
            cast.harbor,
            streamed=True,
            attempts=(failed, Attempt(UUID(int=2), "claims-prod", 100.0, "", 200, 700.0)),
            response_ms=3000.0,
            first_token_ms=900.0,
        ),
        entry(cast.harbor, attempts=(Attempt(UUID(int=2), "claims-prod", 100.0, "", 200),), response_ms=3000.0),
        entry(cast.harbor, status="failed", error_code="upstream_error", attempts=(failed, failed), response_ms=215.0),
    )
    steps = Detail(told, {}).steps
    assert [(step.label.partition(":")[0], step.milliseconds) for step in steps] == [
        ("Patchbay", 10.0),
        ("Attempt 1", 200.0),
        ("Patchbay", 490.0),
        ("Attempt 2", 2300.0),
    ]
    assert (steps[-1].mark, steps[-1].outcome) == (30.0, "answered, first token after 200 ms")
    assert [step.milliseconds for step in Detail(of_old, {}).steps] == [3000.0]
    assert sum(step.milliseconds for step in Detail(refused, {}).steps) == 215.0


def test_why_there_is_no_cost(cast: Cast, client_for: ClientFor) -> None:
    none = {"input_tokens": None, "output_tokens": None}
    failed = {"status": "failed", "error_code": "timeout", **none}
    silent, unpriced, refused, broken = keep(
        entry(cast.harbor, **none), entry(cast.harbor), entry(cast.harbor, attempts=(), **failed), entry(cast.harbor, **failed)
    )
    alice = client_for(cast.alice)
    for trace, cost, why in (
        (silent, UNKNOWN, "The provider did not say how many tokens it used."),
        (unpriced, "unknown", "No price is known for this model at that time."),
        (refused, UNKNOWN, "Nothing was sent."),
        (broken, UNKNOWN, "The call failed before it had an answer."),
    ):
        page = look(alice, trace)
        assert f'<dt>Cost</dt><dd class="tnum medium">{cost}</dd>' in page
        assert f'<dt>Why</dt><dd class="muted">{why}</dd>' in page


def test_what_is_not_kept_is_said(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, by=cast.alice))
    TraceBody.objects.filter(trace=trace).delete()
    page = look(client_for(cast.alice), trace)
    assert "was kept for the days that the workspace had chosen, and then deleted" in page, "the policy of now keeps it still"
    assert "1.25 s" in page


def test_when_the_days_of_the_texts_are_over_the_page_says_so(cast: Cast, client_for: ClientFor) -> None:
    """A month later: what was measured is still there, what went wrong in words, and who may change the days is led there."""
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        [trace] = keep(
            entry(
                cast.harbor,
                at=datetime(2026, 10, 1, tzinfo=UTC),
                by=cast.bob,
                status="failed",
                error_code="upstream_rate_limited",
                error_message="Wait a little.",
                output="",
            )
        )
        apply_retention()
        page = look(client_for(cast.alice), trace)
        assert 'was kept until <time datetime="2026-10-31T' in page
        assert "deleted, with the full text of the error. What was measured stays." in page
        assert "<b>The provider is limiting requests.</b>" in page
        assert "<code>upstream_rate_limited</code>" in page
        assert "Wait a little" not in page
        assert "How long each attempt took was deleted with the texts." in page
        assert "Open in playground" not in page, "there is nothing to open"
        assert 'href="/w/harbor/settings/traces/"' in page
        assert 'href="/w/harbor/settings/traces/"' not in look(client_for(cast.bob), trace)


def test_a_workspace_without_texts_says_that_it_keeps_none(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, by=cast.alice, input="", output=""))
    page = look(client_for(cast.alice), trace)
    assert "the workspace kept no texts at that time" in page
    assert "Attempt 1: claims-prod" in page


def test_a_call_that_the_caller_left_is_no_failure(cast: Cast, client_for: ClientFor) -> None:
    none = {"input_tokens": None, "output_tokens": None}
    gone = {"status": "cancelled", "error_code": "cancelled", "error_message": "The caller went away.", "error_stage": "Waiting"}
    [trace] = keep(entry(cast.harbor, by=cast.alice, streamed=True, **gone, **none))
    page = look(client_for(cast.alice), trace)
    assert "<b>The caller went away.</b>" in page
    assert "notice--bad" not in page
    assert "stage:" not in page, "the first token had come"
    assert "broken off by the caller, first token after 400 ms" in page
    assert '<dd class="muted">The caller went away before the provider counted its tokens.</dd>' in page


def test_an_answer_of_tool_calls_is_read(cast: Cast, client_for: ClientFor) -> None:
    [trace] = keep(entry(cast.harbor, by=cast.alice, output='[{"id":"c1","name":"look_up","arguments":"{\\"number\\": 7}"}]'))
    alice = client_for(cast.alice)
    page = look(alice, trace)
    assert '<p class="xs faint">Calls the tool look_up</p><p class="said__text">{&quot;number&quot;: 7}</p>' in page
    assert "look_up({&quot;number&quot;: 7})" in alice.get("/w/harbor/traces/").content.decode()
    assert parts_of_answer('[{"id": 1}]') == [Part("", '[{"id": 1}]')], "some JSON of the model's own"


def test_another_persons_call_is_not_found(cast: Cast, client_for: ClientFor) -> None:
    [trace, own] = keep(entry(cast.harbor, by=cast.alice), entry(cast.harbor, by=cast.bob))
    bob = client_for(cast.bob)
    assert bob.get(f"/w/harbor/traces/{trace.pk}/").status_code == 404
    assert bob.get(f"/w/harbor/traces/{own.pk}/").status_code == 200
    assert client_for(cast.rita).get(f"/w/harbor/traces/{trace.pk}/").status_code == 200
    assert client_for(cast.charlie).get(f"/w/other/traces/{trace.pk}/").status_code == 404


def test_every_kind_of_message_is_read() -> None:
    asked = {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "See"}, {"type": "image", "source": {"media_type": "image/png", "data": "AA"}}],
            },
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "name": "look_up", "input": {"number": "HM-1"}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "in force"}]},
                    {"type": "text", "text": "So?"},
                ],
            },
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
            "odd",
        ],
        "tools": [{"name": "look_up"}],
    }
    assert parts_of("anthropic", json.dumps(asked)) == [
        Part("System prompt", "Be brief."),
        Part("Prompt", "See\n[Image: image/png]"),
        Part("Answer", "I look."),
        Part("Calls the tool look_up", '{"number": "HM-1"}'),
        Part("Tool result", "in force"),
        Part("Prompt", "So?"),
        Part("Prompt", "[Image: image/png]"),
        Part("Tools offered", "look_up"),
    ]
    chat = {
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "look_up", "arguments": "{}"}}, "odd"]},
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
        "tools": [{"type": "function", "function": {"name": "look_up"}}, {"type": "function", "function": {"name": "sum_up"}}, 7],
    }
    assert parts_of("openai", json.dumps(chat)) == [
        Part("Calls the tool look_up", "{}"),
        Part("Calls a tool", '"odd"'),
        Part("Tool result", "42"),
        Part("Tools offered", "look_up, sum_up"),
    ]
    assert parts_of("variables", '{"prompt": "Hail", "heat": 0.2}') == [Part("prompt", "Hail"), Part("heat", "0.2")]
    assert parts_of("openai", '{"messages": [{"role": "user", "conte') == [Part("", '{"messages": [{"role": "user", "conte')]
    assert parts_of("openai", "[" * 100_000)[0].label == ""
