"""Test runs are scratch paper: what is kept of them, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.audit.record import Actor
from apps.core.secrets import Secret
from apps.inference.actions import FORGOTTEN_AT_ONCE, Tested, record_test
from apps.inference.models import KEPT, TestRun, TypedSecret
from apps.inference.result import Result
from tests.support.cast import Cast
from tests.support.together import at_once

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


def abandoned(workspace: Workspace, person: User, count: int = 1) -> None:
    """Secrets that were typed more than a day ago into a page that nobody came back to."""
    run = TestRun.objects.create(workspace=workspace, created_by=person, passed=False)
    TypedSecret.objects.bulk_create([TypedSecret(run=run, name=f"x-key-{number}", origin="", value="sealed") for number in range(count)])
    TypedSecret.objects.filter(run=run).update(typed_at=timezone.now() - KEPT - timedelta(minutes=1))


def test_secrets_typed_in_another_workspace_go_too(cast: Cast) -> None:
    """A workspace where nobody tests any more keeps none for good."""
    abandoned(cast.other, cast.charlie)
    make_run(cast)
    assert list(TypedSecret.objects.values_list("run__workspace", flat=True)) == [cast.harbor.pk]


def test_a_bounded_number_of_them_at_a_time(cast: Cast) -> None:
    """F: whoever tests does not pay for a whole backlog."""
    abandoned(cast.other, cast.charlie, FORGOTTEN_AT_ONCE + 1)
    make_run(cast)
    assert TypedSecret.objects.filter(run__workspace=cast.other).count() == 1
    make_run(cast)
    assert not TypedSecret.objects.filter(run__workspace=cast.other).exists()


@pytest.mark.django_db(transaction=True)
def test_several_workspaces_forget_at_once(transactional_cast: Cast) -> None:
    """None waits for another, and none fails."""
    cast = transactional_cast
    for workspace, person in ((cast.harbor, cast.adam), (cast.other, cast.charlie)):
        abandoned(workspace, person, 200)

    def run(number: int) -> TestRun:
        workspace, person = ((cast.harbor, cast.adam), (cast.other, cast.charlie))[number % 2]
        actor = Actor("user", str(person.pk), person.name)
        return record_test(workspace, model=None, name="Draft", tested=TESTED, result=Result(), user=person, actor=actor)

    runs = at_once([lambda number=number: run(number) for number in range(8)])  # type: ignore[misc]
    assert set(TypedSecret.objects.values_list("run_id", flat=True)) == {row.pk for row in runs}
