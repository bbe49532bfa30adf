"""The list's filter bar, and the typed name of a deletion."""

from typing import Any

from django import forms

from apps.external_models.models import IntegrationType, Provider
from apps.external_models.queries import DEFAULT_SORT, SORTS, ModelFilters


class ModelFilterForm(forms.Form):
    """A GET form. Anything unknown in the URL (an old link, a typo) counts as not set instead of breaking the page."""

    q = forms.CharField(required=False, max_length=200, strip=True)
    type = forms.ChoiceField(required=False, choices=[("", "Any type"), *IntegrationType.choices])
    source = forms.ChoiceField(required=False, choices=[("", "Any source"), *Provider.choices])
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), ("active", "Active"), ("inactive", "Inactive"), ("draft", "Draft")]
    )
    inferencing = forms.ChoiceField(required=False, choices=[("", "On or off"), ("on", "On"), ("off", "Off")])
    sort = forms.ChoiceField(required=False, choices=[(key, key) for key in SORTS])

    def values(self) -> ModelFilters:
        cleaned = self.checked()
        return ModelFilters(**{name: cleaned.get(name, "") for name in ("q", "type", "source", "status", "inferencing")})

    @property
    def sort_key(self) -> str:
        return self.checked().get("sort") or DEFAULT_SORT

    def checked(self) -> dict[str, Any]:
        self.is_valid()
        return self.cleaned_data
