"""Budgets: what the calls of an API key, or through a connection, may cost in a day and in a month (spec 04, spec 06)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db import models

from apps.core.forms import number_input

CURRENCY = "USD"  # of all prices, so of all sums
MOST = 1_000_000  # what a budget may be; as billionths, exact in every store


@dataclass(frozen=True, slots=True)
class Budget:
    """Amounts in CURRENCY for a day and a month of UTC; None: no limit. `only_warns`: calls go on when it is spent."""

    budget_per_day: Decimal | None = None
    budget_per_month: Decimal | None = None
    budget_only_warns: bool = False

    def __bool__(self) -> bool:
        return self.budget_per_day is not None or self.budget_per_month is not None


NO_BUDGET = Budget()


class Budgeted(models.Model):
    """Whatever has a budget."""

    budget_per_day = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    budget_per_month = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    budget_only_warns = models.BooleanField(default=False, db_default=False)

    class Meta:
        abstract = True

    @property
    def budget(self) -> Budget:
        return Budget(self.budget_per_day, self.budget_per_month, self.budget_only_warns)

    def set_budget(self, budget: Budget) -> dict[str, object]:
        """Set it on the row, which is not saved. What is different now, as the audit log names it; nothing where nothing is."""
        before, after = asdict(self.budget), asdict(budget)
        for name, value in after.items():
            setattr(self, name, value)
        changes: dict[str, object] = {name.replace("_", " "): (before[name], after[name]) for name in after if before[name] != after[name]}
        return changes | {"currency": CURRENCY} if changes else {}


def budget_fields() -> dict[str, forms.Field]:
    uncounted = "Calls of models without a price are not counted."
    return {
        "budget_per_day": _amount("Budget per day", f"In {CURRENCY}, from midnight to midnight UTC. Empty: no budget. {uncounted}"),
        "budget_per_month": _amount("Budget per month", f"In {CURRENCY}, a calendar month of UTC. Empty: no budget. {uncounted}"),
        "budget_only_warns": forms.BooleanField(
            label="Only warn when a budget is spent",
            required=False,
            help_text="Else calls are refused, with 429 and budget_exceeded, until it starts anew. The audit log has it either way.",
        ),
    }


def budget_of(data: Mapping[str, Any]) -> Budget:
    """The budget out of a form's cleaned data."""
    budget = Budget(data.get("budget_per_day"), data.get("budget_per_month"), bool(data.get("budget_only_warns")))
    return budget if budget else NO_BUDGET


def _amount(label: str, help_text: str) -> forms.DecimalField:
    widget = number_input("decimal")
    return forms.DecimalField(
        label=label, required=False, min_value=Decimal("0.01"), max_value=MOST, decimal_places=2, help_text=help_text, widget=widget
    )
