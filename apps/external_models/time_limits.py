"""How long a call of a model may take, and whether one that timed out is made again: its *Time limits and retries* (spec 04; 07 F1)."""

from dataclasses import asdict, dataclass
from typing import Any

from django import forms

from apps.external_models.models import ExternalModel

MOST_FIRST_BYTE, MOST_TOTAL = 600, 3_600


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """A model's settings; both times in seconds."""

    first_byte_seconds: int = 60
    total_seconds: int = 300
    may_pay_twice: bool = False

    @classmethod
    def of(cls, model: ExternalModel) -> "TimeLimits":
        return cls(*(getattr(model, name) for name in cls.__slots__))

    def write(self, model: ExternalModel) -> dict[str, object]:
        """Set it on the model, which is not saved. What is different now, before and after, as the audit log names it."""
        before, after = asdict(TimeLimits.of(model)), asdict(self)
        for name, value in after.items():
            setattr(model, name, value)
        return {name.replace("_", " "): (before[name], after[name]) for name in after if before[name] != after[name]}


class TimeLimitsForm(forms.Form):
    first_byte_seconds = forms.IntegerField(
        label="Seconds to the first byte",
        min_value=1,
        max_value=MOST_FIRST_BYTE,
        help_text="How long to wait for the provider to begin its answer. 60 unless set.",
    )
    total_seconds = forms.IntegerField(
        label="Seconds in all",
        min_value=1,
        max_value=MOST_TOTAL,
        help_text="From the call to the end of its answer, further tries included. 300 unless set.",
    )
    may_pay_twice = forms.BooleanField(
        label="Make a call again that timed out, even if it may be paid twice",
        required=False,
        help_text="A provider that was slow to begin may have done the work, and charge for it. Off unless set.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        first, total = cleaned.get("first_byte_seconds"), cleaned.get("total_seconds")
        if first and total and total < first:
            self.add_error("total_seconds", f"At least as long as the first byte may take: {first} seconds.")
        return cleaned

    @property
    def limits(self) -> TimeLimits:
        return TimeLimits(**self.cleaned_data)
