"""The filter bar of *Supported models*."""

from dataclasses import dataclass

from django import forms

from apps.catalog.models import CatalogProvider, Modality


@dataclass(frozen=True, slots=True)
class CatalogFilters:
    """ "" means any; `retired` is "" for what can be connected, "yes" for all that was ever listed."""

    q: str = ""
    provider: str = ""
    modality: str = ""
    retired: str = ""

    @property
    def any(self) -> bool:
        return any((self.q, self.provider, self.modality, self.retired))


class CatalogFilterForm(forms.Form):
    """A GET form. Anything unknown in the URL (an old link, a typo) counts as not set instead of breaking the page."""

    q = forms.CharField(required=False, max_length=200, strip=True)
    provider = forms.ChoiceField(required=False, choices=[("", "Any provider"), *CatalogProvider.choices])
    modality = forms.ChoiceField(required=False, choices=[("", "Any modality"), *Modality.choices])
    retired = forms.ChoiceField(required=False, label="Retired", choices=[("", "Without retired"), ("yes", "With retired")])

    def values(self) -> CatalogFilters:
        self.is_valid()
        cleaned = self.cleaned_data
        return CatalogFilters(**{name: cleaned.get(name, "") for name in ("q", "provider", "modality", "retired")})
