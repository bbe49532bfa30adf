"""The filter bar of traces: a GET form, whose whole state stands in the address."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils import timezone

from apps.traces.conditions import Condition, ConditionInvalid, make_condition, read_conditions
from apps.traces.filters import TraceFilters
from apps.traces.periods import CUSTOM, DEFAULT_PERIOD, PERIODS, period_of

BUILDER = ("field", "op", "value")  # the inputs of *Add filter*, which become one more `where`
MISREAD = {
    "model": "There is no such model: those of all models are shown.",
    "connection": "There is no such connection: those of all connections are shown.",
    "period": "There is no such period: the last 30 days are shown.",
    "first": "The first date is not a date: it is left out.",
    "last": "The second date is not a date: it is left out.",
}
OF_PAGE = ("after", "before")


class TraceFilterForm(forms.Form):
    """Anything unknown in the address (an old link, a typo) counts as not set instead of breaking the page."""

    q = forms.CharField(required=False, max_length=200, strip=True)
    model = forms.UUIDField(required=False)
    connection = forms.UUIDField(required=False)
    period = forms.ChoiceField(required=False, choices=list(PERIODS.items()))
    match = forms.ChoiceField(required=False, choices=[("all", "Match all"), ("any", "Match any")])
    # "from" is a word of Python's.
    first = forms.DateField(required=False, label="From")
    last = forms.DateField(required=False, label="To")

    def __init__(self, data: QueryDict, *, zone: tzinfo, model: UUID | None = None) -> None:
        super().__init__(data)
        self.zone, self.fixed_model = zone, model
        self.wheres = data.getlist("where")

    def values(self) -> TraceFilters:
        cleaned = self.checked()
        first, last = cleaned.get("first"), cleaned.get("last")
        period = cleaned.get("period") or DEFAULT_PERIOD
        return TraceFilters(
            period=period_of(period, self.zone, timezone.now(), first, last),
            q=cleaned.get("q", ""),
            model=self.fixed_model or cleaned.get("model"),
            connection=cleaned.get("connection"),
            conditions=read_conditions(self.wheres),
            match_any=cleaned.get("match") == "any",
        )

    def dates(self) -> tuple[str, str]:
        """The two dates as their inputs show them."""
        cleaned = self.checked()
        if cleaned.get("period") != CUSTOM:
            return "", ""
        return tuple(day.isoformat() if (day := cleaned.get(name)) else "" for name in ("first", "last"))  # type: ignore[return-value]

    def misread(self) -> list[str]:
        """What of the address counts as not set, in sentences."""
        wrong_way = ["The first date is after the second: the calls between them are shown."] if self.is_wrong_way else []
        return [MISREAD[name] for name in self.errors if name in MISREAD] + wrong_way

    @property
    def is_wrong_way(self) -> bool:
        """Whether the two dates are in the wrong order."""
        cleaned = self.checked()
        first, last = cleaned.get("first"), cleaned.get("last")
        return cleaned.get("period") == CUSTOM and bool(first and last and first > last)

    def checked(self) -> dict[str, Any]:
        self.is_valid()
        return self.cleaned_data


def with_condition(params: QueryDict) -> str:
    """The query string after *Add filter*: its inputs folded into one more `where`. Raises ConditionInvalid."""
    condition = make_condition(*(params.get(name, "") for name in BUILDER))
    kept = without(params, (*BUILDER, *OF_PAGE))
    if condition.text not in kept.getlist("where"):
        kept.appendlist("where", condition.text)
    return f"?{kept.urlencode()}"


def without_condition(params: QueryDict, condition: Condition) -> str:
    kept = without(params, (*BUILDER, *OF_PAGE))
    kept.setlist("where", [text for text in kept.getlist("where") if text != condition.text])
    return f"?{kept.urlencode()}"


def without(params: QueryDict, names: Iterable[str]) -> QueryDict:
    kept = params.copy()
    for name in names:
        kept.pop(name, None)
    for name in list(kept):
        kept.setlist(name, [value for value in kept.getlist(name) if value])
    return kept


__all__ = ["ConditionInvalid", "TraceFilterForm", "with_condition", "without", "without_condition"]
