"""The form of *Traces and privacy*."""

from typing import Any

from django import forms

from apps.core.forms import number_input
from apps.traces.capture import MOST_KEPT, Policy
from apps.traces.capture_actions import CaptureChoice
from apps.traces.masking import MAX_PATTERNS, PatternRefused, check_pattern
from apps.traces.models import CaptureMode, CapturePolicy

LEAST_LIMIT = 1_000
MOST_DAYS = 3_650
EXPLAINED = {
    CaptureMode.MASKED: "Inputs and outputs are kept; what fits a pattern is replaced before anything is written down.",
    CaptureMode.METADATA: "Who called what, when, how long, how many tokens, what failed. Nothing of what was said.",
    CaptureMode.EVERYTHING: "Inputs and outputs are kept as they were. Keys of connections are never among them.",
}


class CaptureForm(forms.Form):
    mode = forms.ChoiceField(label="What is kept of each call", choices=CaptureMode.choices, widget=forms.RadioSelect)
    mask_emails = forms.BooleanField(label="E-mail addresses", required=False)
    mask_cards = forms.BooleanField(label="Card numbers", required=False, help_text="13 to 19 digits with the right checksum.")
    mask_keys = forms.BooleanField(
        label="Keys and tokens", required=False, help_text="Known shapes of API keys, and long random values after words such as token."
    )
    patterns = forms.CharField(
        label="Own patterns",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        help_text=f"Regular expressions (RE2), one a line, {MAX_PATTERNS} at most. Example: POL-[0-9]{{6}}",
    )
    body_limit = forms.IntegerField(
        label="Characters kept of each input and output",
        min_value=LEAST_LIMIT,
        max_value=MOST_KEPT,
        help_text="What is longer is cut, and says so.",
        widget=number_input("numeric"),
    )
    body_days = forms.IntegerField(
        label="Days that inputs and outputs are kept",
        min_value=1,
        max_value=MOST_DAYS,
        help_text="With them goes the full text of errors.",
        widget=number_input("numeric"),
    )
    trace_days = forms.IntegerField(
        label="Days that traces are kept",
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        help_text="Empty: for ever. Sums of requests, tokens and cost stay in any case.",
        widget=number_input("numeric"),
    )
    sample = forms.CharField(
        label="A text to try",
        required=False,
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Nothing of it is stored.",
    )

    def clean_patterns(self) -> tuple[str, ...]:
        patterns = tuple(line.strip() for line in self.cleaned_data["patterns"].splitlines() if line.strip())
        if len(patterns) > MAX_PATTERNS:
            raise forms.ValidationError(f"These are {len(patterns)} patterns; {MAX_PATTERNS} are possible.")
        for pattern in patterns:
            try:
                check_pattern(pattern)
            except PatternRefused as refused:
                raise forms.ValidationError(str(refused)) from None
        return patterns

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        days, traces = cleaned.get("body_days"), cleaned.get("trace_days")
        if days and traces and traces < days:
            self.add_error("trace_days", "Inputs and outputs go with their trace, so a trace has to be kept at least as long as they are.")
        return cleaned

    @property
    def choice(self) -> CaptureChoice:
        """Once valid."""
        return CaptureChoice(**{name: self.cleaned_data[name] for name in CaptureChoice.__dataclass_fields__})

    @property
    def tried(self) -> str:
        """The sample as it would be kept."""
        row = CapturePolicy(**{name: self.cleaned_data[name] for name in CaptureChoice.__dataclass_fields__})
        return Policy.of(row).text(self.cleaned_data["sample"])

    @property
    def modes(self) -> list[tuple[str, str, str]]:
        return [(mode.value, str(mode.label), EXPLAINED[mode]) for mode in CaptureMode]


def stored(policy: CapturePolicy) -> dict[str, Any]:
    """A form's beginning."""
    values = {name: getattr(policy, name) for name in CaptureChoice.__dataclass_fields__}
    return values | {"patterns": "\n".join(policy.patterns)}
