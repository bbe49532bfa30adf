"""Forms of API apps and keys."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts.api_actions import KeyTerms
from apps.accounts.budgets import budget_fields, budget_of
from apps.accounts.models import ApiApp, ApiKey
from apps.accounts.permissions import Permission, Scope
from apps.core.forms import number_input
from apps.core.names import MAX_NAME, check_name

MAX_YEARS = 10
MOST_PER_MINUTE = 2_000_000_000  # what the columns hold

SCOPES: Mapping[Scope, str] = {
    Scope.INFERENCE_INVOKE: "Call models through the gateway",
    Scope.MODELS_READ: "List models and read their settings",
    Scope.MODELS_CREATE: "Add models",
    Scope.MODELS_UPDATE: "Change models, and switch them on and off",
    Scope.MODELS_DELETE: "Delete models",
    Scope.CUSTOM_MODELS_READ: "Read definitions of custom models",
    Scope.CUSTOM_MODELS_MANAGE: "Add and change definitions of custom models",
    Scope.CONNECTIONS_VIEW: "List connections, never their secrets",
    Scope.CONNECTIONS_MANAGE: "Add connections and replace their credentials",
    Scope.TRACES_READ: "Read traces of calls",
    Scope.USAGE_READ: "Read usage and cost",
    Scope.AUDIT_READ: "Read the audit log",
}


def scope_choices(held: Collection[str], given: Collection[str] = ()) -> list[tuple[str, SafeString]]:
    """What somebody with these permissions may give, and what the app has already (spec 07 D3)."""
    return [
        (scope.value, format_html('{}<small class="mono">{}</small>', words, scope.value))
        for scope, words in SCOPES.items()
        if scope.permission in held or scope.value in given
    ]


class NameField(forms.CharField):
    """A name that people can tell from others."""

    def __init__(self, *, label: str, help_text: str = "", placeholder: str = "") -> None:
        widget = forms.TextInput(attrs={"spellcheck": "false", "placeholder": placeholder})
        # Measured by check_name, whose words are better than a browser's cut.
        missing = {"required": "Enter a name."}
        super().__init__(label=label, help_text=help_text, widget=widget, max_length=10 * MAX_NAME, error_messages=missing)

    def clean(self, value: Any) -> str:
        try:
            return check_name(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class AppForm(forms.Form):
    """Name, description and scopes of an app."""

    name = NameField(label="App name", placeholder="intake-service", help_text="The program that calls. Traces and the audit log show it.")
    description = forms.CharField(max_length=300, required=False, help_text="What it does, and who looks after it.")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="A key never has more rights than the person who made it.",
        error_messages={"required": "Choose at least one scope."},
    )

    def __init__(self, data: Any = None, *, held: Collection[Permission], app: ApiApp | None = None, initial: Any = None) -> None:
        stored = {"name": app.name, "description": app.description, "scopes": app.scopes} if app else {"scopes": [Scope.INFERENCE_INVOKE]}
        super().__init__(data, initial=stored | (initial or {}))
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = scope_choices(held, app.scopes if app else ())

    @property
    def scopes_given(self) -> list[Scope]:
        return [Scope(value) for value in self.cleaned_data["scopes"]]


class KeyForm(forms.Form):
    """Name, end, limits and budget of a key."""

    key_name = NameField(label="Key name", help_text="Tells this key from others of the app, for example production.")
    expires = forms.DateField(
        label="Expires on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Works to the end of that day. Empty: never expires.",
    )
    requests_per_minute = forms.IntegerField(
        label="Requests per minute",
        required=False,
        min_value=1,
        max_value=MOST_PER_MINUTE,
        help_text="Empty: no limit.",
        widget=number_input("numeric"),
    )
    tokens_per_minute = forms.IntegerField(
        label="Tokens per minute",
        required=False,
        min_value=1,
        max_value=MOST_PER_MINUTE,
        help_text="Input and output. Empty: no limit.",
        widget=number_input("numeric"),
    )
    creation_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, zone: ZoneInfo, key: ApiKey | None = None, initial: Any = None) -> None:
        super().__init__(data, initial=(stored_terms(key, zone) if key else {"key_name": "production"}) | (initial or {}))
        self.zone, self.key = zone, key
        self.fields.update(budget_fields())
        self.initial["creation_key"] = uuid4()  # a new form makes a new key
        self.fields["expires"].widget.attrs["min"] = timezone.now().astimezone(zone).date().isoformat()

    def clean_expires(self) -> datetime | None:
        """The last moment of the day, in the reader's zone."""
        day: date | None = self.cleaned_data["expires"]
        if day is None:
            return None
        today = timezone.now().astimezone(self.zone).date()
        if self.key and self.key.expires_at and day == self.key.expires_at.astimezone(self.zone).date():
            return self.key.expires_at
        if day < today:
            raise forms.ValidationError("This day is over. Choose today or a later one.")
        if day.year > today.year + MAX_YEARS:
            raise forms.ValidationError(f"Choose a day within {MAX_YEARS} years, or leave it empty.")
        return datetime.combine(day, time(23, 59, 59), tzinfo=self.zone)

    @property
    def terms(self) -> KeyTerms:
        data = self.cleaned_data
        return KeyTerms(data["key_name"], data["expires"], data["requests_per_minute"], data["tokens_per_minute"], budget_of(data))

    @property
    def creation_key_given(self) -> UUID:
        given: UUID | None = self.cleaned_data["creation_key"]
        return given or uuid4()


def stored_terms(key: ApiKey, zone: ZoneInfo) -> dict[str, object]:
    return asdict(key.budget) | {
        "key_name": key.name,
        "expires": key.expires_at and key.expires_at.astimezone(zone).date(),
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
    }
