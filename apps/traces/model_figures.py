"""What models have been called in the last seven days, from the hourly sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Case, IntegerField, Sum, When
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.external_models.models import ExternalModel
from apps.traces.figures import DAY, HOUR, Figures, figures, floored
from apps.traces.models import TraceHour

DAYS = 7
WIDTH, HEIGHT, TOP = 88, 24, 3


@dataclass(frozen=True, slots=True)
class Trend:
    """A model's calls: their number, and the line of the days before."""

    model: UUID
    days: tuple[int, ...]  # oldest first

    @property
    def requests(self) -> int:
        return sum(self.days)

    @property
    def line(self) -> str:
        most = max(self.days) or 1
        steps = max(len(self.days) - 1, 1)
        points = ((WIDTH * at / steps, HEIGHT - (HEIGHT - TOP) * count / most) for at, count in enumerate(self.days))
        return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)

    @property
    def area(self) -> str:
        return f"{self.line} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z"


def trends(workspace: Workspace, models: Sequence[UUID]) -> list[Trend]:
    """The last seven times 24 hours of each model, also of those without calls."""
    until = floored(timezone.now(), HOUR) + HOUR
    start = until - DAYS * DAY
    ends = [When(hour__lt=start + (number + 1) * DAY, then=number) for number in range(DAYS - 1)]
    day = Case(*ends, default=DAYS - 1, output_field=IntegerField())
    rows = TraceHour.objects.filter(workspace=workspace, model_id__in=models, hour__gte=start).annotate(day=day)
    counts = {model: [0] * DAYS for model in models}
    for model, number, count in rows.values_list("model_id", "day").annotate(Sum("requests")).order_by():
        counts[model][number] = count
    return [Trend(model, tuple(days)) for model, days in counts.items()]


def last_week(workspace: Workspace, model: ExternalModel) -> Figures:
    """From an hour on, as the signal path is, so that the sums tell all of it."""
    return figures(workspace, model.pk, start=floored(timezone.now(), HOUR) - DAYS * DAY)
