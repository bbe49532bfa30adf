"""Test runs are scratch paper: after a day the latest of each person and model is kept, for its sample input, and no typed secret."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.connections.models import Connection
from apps.core.secrets import Secret, seal
from apps.inference.actions import forget_old_runs
from apps.inference.models import TestRun, TypedSecret
from tests.support.cast import Cast


def test_what_is_kept_after_a_day(cast: Cast, connected: Connection) -> None:
    def run(label: str, hours: int, **more: Any) -> TestRun:
        when = timezone.now() - timedelta(hours=hours)
        values = {"workspace": cast.harbor, "model": connected.model, "created_by": cast.adam} | more
        row = TestRun.objects.create(**values, digest=label, passed=True, created_at=when)
        secret = TypedSecret(run=row, name="x-key", origin="https://a.example:443")
        secret.value = seal(Secret("typed-for-this-run"), secret.place)
        secret.save()
        return row

    run("unsaved, old", 25, model=None)
    run("unsaved, new", 23, model=None)
    run("oldest", 50)
    run("older", 30)
    run("alice's", 40, created_by=cast.alice)
    run("elsewhere", 50, workspace=cast.other, model=None)
    run("recent", 23)
    forget_old_runs(run("now", 0))

    assert set(TestRun.objects.values_list("digest", flat=True)) == {"unsaved, new", "alice's", "recent", "now", "elsewhere"}
    assert set(TypedSecret.objects.values_list("run__digest", flat=True)) == {"unsaved, new", "recent", "now", "elsewhere"}
