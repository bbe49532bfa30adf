"""Whose budget it is, for which period, and what its calls have cost so far."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, Sum

from apps.accounts.budgets import Budget
from apps.traces.hours import subject_of_key
from apps.traces.models import SourceType, Span, TraceFigure, TraceHour


class Kind(StrEnum):
    KEY = "key"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Account:
    """What a budget belongs to. `workspace_id` is None for a connection of the platform's, which all workspaces spend together."""

    kind: Kind
    id: str
    workspace_id: UUID | None
    name: str
    budget: Budget

    @property
    def words(self) -> str:
        return f"The API key of {self.name}" if self.kind is Kind.KEY else f"The connection {self.name}"


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of UTC. `amount` is the budget for it."""

    word: str
    start: datetime
    end: datetime
    amount: Decimal


def periods_of(budget: Budget, now: float) -> Iterator[Period]:
    """Those that have an amount, at this moment in seconds since 1970."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if budget.budget_per_day is not None:
        yield Period("day", day, day + timedelta(days=1), budget.budget_per_day)
    if budget.budget_per_month is not None:
        month = day.replace(day=1)
        yield Period("month", month, (month + timedelta(days=32)).replace(day=1), budget.budget_per_month)


def spent_since(kind: Kind, ids: Collection[str], workspace_id: UUID | None, start: datetime) -> dict[str, Decimal]:
    """What calls since the beginning of a day of UTC have cost, as far as they are in the database and have a known price."""
    of_workspace = Q() if workspace_id is None else Q(workspace=workspace_id)
    subjects = {subject_of_key(each) if kind is Kind.KEY else UUID(each): each for each in ids}
    days = TraceFigure.objects.filter(of_workspace, subject_id__in=subjects, span=Span.DAY, start__gte=start)
    spent = {subjects[subject]: cost for subject, cost in days.values_list("subject_id").annotate(Sum("cost")).order_by()}
    if kind is Kind.KEY:  # that was what it has spent on prompts
        hours = TraceHour.objects.filter(of_workspace, source_type=SourceType.API_KEY, source_id__in=ids, hour__gte=start)
        for key_id, cost in hours.values_list("source_id").annotate(Sum("cost")).order_by():
            spent[key_id] = spent.get(key_id, Decimal(0)) + cost
    return spent
