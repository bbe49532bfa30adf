"""Test runs are scratch paper: what is kept of them, and for how long."""

from datetime import timedelta

from django.utils import timezone

from apps.audit.record import Actor
from apps.core.secrets import Secret
from apps.inference.actions import Tested, record_test
from apps.inference.models import KEPT, TestRun, TypedSecret
from apps.inference.result import Result
from tests.support.cast import Cast

TESTED = Tested("digest", {"prompt": "Hello"}, {"x-api-key": Secret("sk-typed-and-not-saved")}, "https://api.example.com:443")


def make_run(cast: Cast) -> TestRun:
    actor = Actor("user", str(cast.adam.pk), cast.adam.name)
    return record_test(cast.harbor, model=None, name="Draft", tested=TESTED, result=Result(), user=cast.adam, actor=actor)


def test_a_run_of_an_unsaved_page_is_gone_after_a_day_with_its_typed_secrets(cast: Cast) -> None:
    old, recent = make_run(cast), make_run(cast)
    TestRun.objects.filter(pk=old.pk).update(created_at=timezone.now() - KEPT - timedelta(minutes=1))
    newest = make_run(cast)
    assert set(TestRun.objects.values_list("pk", flat=True)) == {recent.pk, newest.pk}
    assert set(TypedSecret.objects.values_list("run_id", flat=True)) == {recent.pk, newest.pk}


def test_another_workspace_keeps_its_runs(cast: Cast) -> None:
    foreign = TestRun.objects.create(workspace=cast.other, created_by=cast.charlie, digest="", passed=False)
    TestRun.objects.filter(pk=foreign.pk).update(created_at=timezone.now() - KEPT - timedelta(days=1))
    make_run(cast)
    assert TestRun.objects.filter(pk=foreign.pk).exists()
