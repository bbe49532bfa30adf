"""Deleting what is past its days (spec 06)."""

from datetime import timedelta
from io import StringIO

import time_machine
from django.core.management import call_command
from django.utils import timezone

from apps.traces.capture import preload
from apps.traces.models import CapturePolicy, JournalFile, Trace, TraceBody, TraceHour, TraceName
from apps.traces.retention import BATCH, apply_if_due, apply_retention
from apps.traces.search import found_by_index
from apps.traces.store import flush, record
from tests.support.cast import Cast
from tests.support.records import a_record


def recorded(cast: Cast, *, days: float, count: int = 1, workspace: object = None) -> None:
    at = (timezone.now() - timedelta(days=days)).timestamp()
    preload((workspace or cast.harbor).pk)  # type: ignore[attr-defined]
    for _ in range(count):
        record(a_record((workspace or cast.harbor).pk, started_at=at))  # type: ignore[attr-defined]


def test_bodies_go_after_their_days_and_traces_after_theirs(cast: Cast) -> None:
    CapturePolicy.objects.create(workspace=cast.other, body_days=5, trace_days=10)
    for days in (1, 7, 29, 31):
        recorded(cast, days=days)
    for days in (1, 7, 11):
        recorded(cast, days=days, workspace=cast.other)
    flush()
    deleted = apply_retention()
    assert (deleted.bodies, deleted.traces) == (2, 1)
    harbor, other = Trace.objects.filter(workspace=cast.harbor), Trace.objects.filter(workspace=cast.other)
    assert (harbor.count(), TraceBody.objects.filter(trace__in=harbor).count()) == (4, 3)
    assert (other.count(), TraceBody.objects.filter(trace__in=other).count()) == (2, 1)
    oldest = harbor.order_by("started_at")[0]
    assert (oldest.input_preview, oldest.output_preview, oldest.input_tokens) == ("", "", 1000)
    assert found_by_index(harbor, cast.harbor, "claim").count() == 3
    assert sum(TraceHour.objects.values_list("requests", flat=True)) == 7
    assert set(TraceName.objects.values_list("workspace", flat=True)) == {cast.harbor.pk, cast.other.pk}
    CapturePolicy.objects.update(trace_days=0)
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        apply_retention()
    assert set(TraceName.objects.values_list("workspace", flat=True)) == {cast.harbor.pk}, "names go with the last of their calls"
    assert (apply_retention().bodies, apply_retention().traces) == (0, 0)


def test_many_go_in_batches_and_stop_between_them(cast: Cast) -> None:
    recorded(cast, days=40, count=BATCH + 30)
    flush()
    asked = iter([False, True, True, True])
    assert apply_retention(lambda: next(asked)).bodies == BATCH
    said = StringIO()
    call_command("apply_retention", stdout=said)
    assert "30 inputs and outputs deleted" in said.getvalue()
    assert not TraceBody.objects.exists()


def test_one_process_does_it_once_a_day(cast: Cast) -> None:
    assert apply_if_due() is not None
    assert apply_if_due() is None
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        assert apply_if_due() is not None
        assert apply_if_due() is None


def test_a_clock_that_was_ahead_for_a_moment_does_not_keep_everything(cast: Cast) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=3650), tick=False):
        assert apply_if_due() is not None
    assert apply_if_due() is not None
    assert apply_if_due() is None


def test_offsets_of_files_that_are_long_gone_are_forgotten(cast: Cast) -> None:
    JournalFile.objects.create(name="old", updated_at=timezone.now() - timedelta(days=100))
    JournalFile.objects.create(name="new")
    apply_retention()
    assert list(JournalFile.objects.values_list("name", flat=True)) == ["new"]
