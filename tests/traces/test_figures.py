"""Figures from the sums against figures from the rows (spec 06: they agree)."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine

from apps.traces.capture import preload
from apps.traces.figures import figures, requests_by_connection, requests_by_model, requests_by_source
from apps.traces.models import NONE, Trace, TraceFigure
from apps.traces.search import containing, found_by_index
from apps.traces.store import flush, record
from tests.support.cast import Cast
from tests.support.catalog import fill, offer
from tests.support.records import a_record

NOW = datetime(2026, 9, 20, 14, 30, tzinfo=UTC)
MODELS = (uuid4(), uuid4())
LINES = {MODELS[0]: (uuid4(), uuid4()), MODELS[1]: (uuid4(),)}


@pytest.fixture
def calls(cast: Cast) -> None:
    """400 calls of the last 40 days, some of them failed, some unpriced."""
    fill(offer())
    dice = random.Random(4711)
    for number in range(400):
        model = dice.choice(MODELS)
        entry = a_record(
            cast.harbor.pk,
            started_at=(NOW - timedelta(days=40) * dice.random() ** 2).timestamp(),
            status=dice.choice(["success"] * 8 + ["failed", "cancelled"]),
            model_id=model,
            connection_id=dice.choice([*LINES[model], None]),
            source_id=f"key-{number % 3}",
            source_name=f"Key {number % 3}",
            response_ms=dice.lognormvariate(6, 0.8),
            input_tokens=dice.randint(0, 5000),
            output_tokens=dice.choice([None, 100, 2000]),
            provider="openai",
            provider_model="gpt-6-sol",
        )
        record(entry)
    record(a_record(cast.other.pk, started_at=NOW.timestamp()))
    flush()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (NOW - timedelta(days=30), None),
        (NOW - timedelta(days=30, minutes=13), NOW - timedelta(minutes=7)),
        (NOW - timedelta(hours=3), NOW),
        (NOW - timedelta(minutes=20), NOW - timedelta(minutes=1)),
        (NOW - timedelta(minutes=80), NOW - timedelta(minutes=5)),
        (NOW - timedelta(days=900), NOW + timedelta(days=900)),
        (NOW + timedelta(days=3), None),
    ],
)
@pytest.mark.parametrize("narrow", ["all", "model", "connection", "both", "neither"])
@time_machine.travel(NOW + timedelta(seconds=1), tick=False)
def test_figures_are_those_of_the_rows(cast: Cast, calls: None, start: datetime | None, end: datetime | None, narrow: str) -> None:
    model, connection = MODELS[0], LINES[MODELS[0]][0]
    chosen: dict[str, dict[str, UUID]] = {
        "all": {},
        "model": {"model": model},
        "connection": {"connection": connection},
        "both": {"model": model, "connection": connection},
        "neither": {"model": MODELS[1], "connection": connection},
    }
    found = figures(cast.harbor, **chosen[narrow], start=start, end=end)
    rows = Trace.objects.filter(workspace=cast.harbor, **{f"{key}_id": value for key, value in chosen[narrow].items()})
    rows = rows.filter(started_at__gte=start) if start else rows
    rows = rows.filter(started_at__lt=end) if end else rows
    traces = list(rows)
    assert found.requests == len(traces)
    assert found.failed == sum(trace.status == "failed" for trace in traces)
    assert found.cancelled == sum(trace.status == "cancelled" for trace in traces)
    assert found.tokens == sum((trace.input_tokens or 0) + (trace.output_tokens or 0) for trace in traces)
    assert found.cost_unknown == sum(trace.cost is None for trace in traces)
    assert float(found.cost or 0) == pytest.approx(float(sum(trace.cost or 0 for trace in traces)))
    times = sorted(trace.response_ms for trace in traces if trace.status == "success")
    for share, figure in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        if not times:
            assert figure is None
            continue
        exact = times[max(-int(-share * len(times) // 1) - 1, 0)]
        assert figure == pytest.approx(exact, rel=0.051)


@time_machine.travel(NOW + timedelta(seconds=1), tick=False)
def test_requests_of_the_last_days_by_what_made_them(cast: Cast, calls: None) -> None:
    since = datetime(2026, 9, 13, 14, tzinfo=UTC)
    rows = list(Trace.objects.filter(workspace=cast.harbor, started_at__gte=since))
    by_model = requests_by_model(cast.harbor)
    assert by_model == {model: sum(trace.model_id == model for trace in rows) for model in MODELS}
    by_line = requests_by_connection(cast.harbor, MODELS[1])
    of_model = [trace for trace in rows if trace.model_id == MODELS[1]]
    assert by_line == {key: sum((trace.connection_id or NONE) == key for trace in of_model) for key in (*LINES[MODELS[1]], NONE)}
    by_source = requests_by_source(cast.harbor, MODELS[1])
    assert sum(each.requests for each in by_source) == len(of_model)
    assert [each.requests for each in by_source] == sorted((each.requests for each in by_source), reverse=True)
    assert {each.name for each in by_source} <= {"Key 0", "Key 1", "Key 2"}


def test_a_workspace_without_calls_has_no_figures(cast: Cast) -> None:
    nothing = figures(cast.harbor)
    assert (nothing.requests, nothing.p50, nothing.cost) == (0, None, None)
    assert not TraceFigure.objects.exists()


def test_search_finds_words_of_input_and_output(cast: Cast) -> None:
    asked = '{"messages":[{"role":"user","content":"Who is Mrs. Łukasiewicz of POL-12345?"}]}'
    first = a_record(cast.harbor.pk, input=asked, output="An Insured person")
    second = a_record(cast.harbor.pk, input="{}", output="50% of nothing_at_all")
    for entry in (first, second, a_record(cast.other.pk, input=asked)):
        preload(entry.workspace_id)
        record(entry)
    flush()
    traces = Trace.objects.filter(workspace=cast.harbor)
    expected = {
        "insured": {first.id},
        "POL-123": {first.id},
        "person insured": {first.id},
        "insured nothing": set(),
        "50%": {second.id},
        '"': set(),
        "": {first.id, second.id},
        "'); DROP": set(),
    }
    for words, found in expected.items():
        for rows in (containing(traces, words), found_by_index(traces, cast.harbor, words)):
            assert set(rows.values_list("pk", flat=True)) == found, words
    traces.filter(pk=first.id).delete()
    assert not found_by_index(traces, cast.harbor, "insured").exists()
