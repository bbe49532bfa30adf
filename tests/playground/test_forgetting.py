"""Runs are scratch paper, whatever traces keep: they go by themselves, sooner where no texts are to be kept (spec 06, Traces)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.core import chores
from apps.playground.models import PlaygroundImage, PlaygroundRun
from apps.traces.models import CapturePolicy
from tests.conftest import ClientFor
from tests.support.cast import Cast


def left_after(cast: Cast, age: timedelta) -> tuple[int, int]:
    """How many runs and images of that age are left once the chores are done, with nobody running anything."""
    run = PlaygroundRun.objects.create(workspace=cast.harbor, created_by=cast.bob, created_at=timezone.now() - age)
    image = PlaygroundImage.objects.create(
        id=uuid4(),
        workspace=cast.harbor,
        created_by=cast.bob,
        created_at=run.created_at,
        name="a.png",
        media_type="image/png",
        size=1,
        data=b"x",
    )
    chores.do_all()
    return PlaygroundRun.objects.filter(pk=run.pk).count(), PlaygroundImage.objects.filter(pk=image.pk).count()


@pytest.mark.parametrize(
    ("mode", "hours", "left"), [("masked", 23, 1), ("masked", 25, 0), ("metadata", 0.5, 1), ("metadata", 2, 0), ("everything", 23, 1)]
)
def test_runs_and_images_go_without_another_run(cast: Cast, mode: str, hours: float, left: int) -> None:
    CapturePolicy.objects.create(workspace=cast.harbor, mode=mode)
    assert left_after(cast, timedelta(hours=hours)) == (left, left)


def test_the_page_about_privacy_says_so(cast: Cast, client_for: ClientFor) -> None:
    client: Client = client_for(cast.adam)
    assert "The playground keeps each run whole" in client.get("/w/harbor/settings/traces/").content.decode()


def test_one_chore_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    def fails() -> None:
        raise ValueError("Not now.")

    monkeypatch.setattr(chores, "_chores", [fails, lambda: done.append(1)])
    with pytest.raises(ValueError, match="Not now"):
        chores.do_all()
    assert done == [1]
