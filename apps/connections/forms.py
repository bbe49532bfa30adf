"""Adding a connection and replacing its credentials: one field per secret header and per address parameter of the definition."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts.budgets import Budget, budget_fields, budget_of
from apps.connections.actions import Stay, key_header
from apps.connections.bedrock_parameters import complete, role_problems
from apps.connections.models import AuthorizationProfile, Connection
from apps.connections.profile_choice import profile_field, profiles_for
from apps.connections.role_fields import role_fields
from apps.connections.routing import Routing, routing_fields, routing_of
from apps.core.headers import check_header_value
from apps.core.secrets import Secret
from apps.core.text import is_mask
from apps.external_models.models import ExternalModel
from apps.external_models.names import check_name
from apps.providers.address import fill_url, url_parameters
from apps.providers.base import CredentialField, EasySetup
from apps.providers.errors import ProviderError
from apps.providers.registry import PROVIDERS


class CredentialsForm(forms.Form):
    """Fields follow from the model's definition. `connection` None means: a new one, whose secrets are all required.

    `budgets`: whether this person may set those (spec 01).
    """

    def __init__(self, data: Any = None, *, model: ExternalModel, connection: Connection | None = None, budgets: bool = False) -> None:
        super().__init__(data, initial=connection.parameters_initial if connection else None)
        self.model, self.connection = model, connection
        stored = connection.stored_secrets() if connection else {}
        self.secret_fields: dict[str, str] = {}
        self.parameter_fields: dict[str, str] = {}
        if connection is None:
            self.fields["name"] = forms.CharField(
                label="Connection name",
                max_length=1000,
                help_text="It cannot be changed later.",
                error_messages={"required": "Enter a name, such as production or batch."},
            )
        profiles = profiles_for(model)
        if profiles:
            self.fields["authorization_profile"] = profile_field(profiles)
            self.initial["authorization_profile"] = str((connection and connection.authorization_profile_id) or "")
        from_profiles = {name for profile in profiles for name in profile.path_names}
        setup = PROVIDERS[model.provider].easy if model.easy_key else None
        for header in model.definition.secret_headers:
            # By name, not by number: somebody may put a header before it while the key is being typed.
            self.add_secret(f"secret-{header.lower()}", header, stored=header.lower() in stored, setup=setup)
        if model.definition.is_bedrock:
            for name, role_field in role_fields(model.workspace_id, self.role_arn).items():
                self.parameter_fields[f"p-{name}"] = name
                self.fields[f"p-{name}"] = role_field
        for name in parameters_of(model):
            field = self.parameter_fields[f"p-{name}"] = name
            known = known_parameter(model, name)
            self.fields[f"p-{name}"] = parameter_field(known) if known else forms.CharField(label=f"{field} in the URL", max_length=500)
            if name in from_profiles:
                self.fields[f"p-{name}"].required = False
        self.fields.update(routing_fields())
        self.initial.update(asdict(Routing.of(connection) if connection else Routing()))
        self.limit_names = (*Routing.__slots__, *(budget_fields() if budgets else ()))
        if budgets:
            self.fields.update(budget_fields())
            self.initial.update(asdict(connection.budget) if connection else {})

    def add_secret(self, field: str, header: str, *, stored: bool, setup: EasySetup | None = None) -> None:
        """`setup` is that of an easy model's provider, whose key people call by that name."""
        self.secret_fields[field] = header
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        if stored:
            attrs["placeholder"] = "Set, leave empty to keep it"
        # Never rendered back: what was typed into a refused form has to be typed again.
        widget = forms.PasswordInput(render_value=False, attrs=attrs)
        missing = {"required": f"Enter the value that is sent as {header}."}
        label, help_text = header, ""
        if setup and header == setup.key_header:
            label, help_text, missing = "API key", key_help(setup), {"required": "Enter the API key."}
        self.fields[field] = forms.CharField(
            label=label, help_text=help_text, required=not stored, max_length=20_000, widget=widget, error_messages=missing
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for field in self.secret_fields:
            if value := data.get(field):
                self.check_secret(field, value)
        if self.model.definition.is_bedrock:
            for name, problem in role_problems(self.model.definition.url, self.parameters).items():
                if f"p-{name}" not in self.errors:
                    self.add_error(f"p-{name}", problem)
        else:
            for field, name in self.parameter_fields.items():
                if value := data.get(field):
                    self.check_parameter(field, name, value)
                elif field not in self.errors and not (self.profile and name in self.profile.path_names):
                    self.add_error(field, "This field is required.")
        if "name" in data:
            self.check_name(data["name"])
        if self.data.get("endpoint", self.endpoint) != self.endpoint:
            self.add_error(
                None, f"The model's endpoint was changed: it is {self.endpoint} now. If the key is for that host, enter it again."
            )
        return data

    @property
    def role_arn(self) -> str:
        """A Bedrock connection's role: as it is typed, else as it is stored."""
        return str(self.data.get("p-role_arn") or self.initial.get("p-role_arn", ""))

    @property
    def endpoint(self) -> str:
        """Where the key would go, carried by the page: a key typed for one host is never stored for another (spec 07 A8)."""
        return str(self.model.definition.url)

    def check_secret(self, field: str, value: str) -> None:
        if is_mask(value):
            self.add_error(field, "This is a mask, not the key itself. Paste the key, or leave the field empty to keep the stored one.")
            return
        try:
            check_header_value(value)
        except ValueError as error:
            self.add_error(field, str(error))

    def check_parameter(self, field: str, name: str, value: str) -> None:
        """Whether the value looks as its provider wants it and can stand in its place, as a call would ask (spec 07 D3).

        What the other parameters say does not matter.
        """
        known = known_parameter(self.model, name)
        if known and (problem := known.problem(value)):
            self.add_error(field, problem)
            return
        try:
            fill_url(self.model.definition.url, dict.fromkeys(self.parameter_fields.values(), "x") | {name: value})
        except ProviderError as error:
            self.add_error(field, f"{error.message} {error.hint}")

    def check_name(self, name: str) -> None:
        try:
            self.cleaned_data["name"] = check_name(name)
        except ValueError as error:
            self.add_error("name", str(error))

    @property
    def profile(self) -> AuthorizationProfile | None:
        """The chosen authorization profile."""
        chosen: AuthorizationProfile | None = self.cleaned_data.get("authorization_profile")
        return chosen

    @property
    def authorization_profile(self) -> AuthorizationProfile | Stay | None:
        """The choice, for the action; where there was none to make, everything stays."""
        return self.profile if "authorization_profile" in self.fields else Stay.PROFILE

    @property
    def credential_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.limit_names]

    @property
    def routing_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.limit_names]

    @property
    def shows_routing(self) -> bool:
        """Whether *Routing and limits* is open at once: something is set there, or wrong."""
        wrong = any(field.errors for field in self.routing_fields)
        return wrong or (self.connection is not None and (Routing.of(self.connection), bool(self.connection.budget)) != (Routing(), False))

    @property
    def routing(self) -> Routing | None:
        """What the page sent; None where it sent nothing of it."""
        return routing_of(self.cleaned_data) if any(name in self.data for name in Routing.__slots__) else None

    @property
    def budget(self) -> Budget | None:
        """The same for the budget; None also where this person may not set one."""
        sent = any(name in self.data for name in self.limit_names if name not in Routing.__slots__)
        return budget_of(self.cleaned_data) if sent else None

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """What was typed, by header name."""
        return {header: Secret(self.cleaned_data[field]) for field, header in self.secret_fields.items() if self.cleaned_data.get(field)}

    @property
    def parameters(self) -> dict[str, str]:
        values = {name: self.cleaned_data.get(field, "") for field, name in self.parameter_fields.items()}
        return complete(values) if self.model.definition.is_bedrock else values

    def blame_key(self, message: str) -> None:
        """The key is in use elsewhere: say so at the field it came from."""
        key = key_header(self.model.definition)
        self.add_error(next((field for field, header in self.secret_fields.items() if header == key), None), message)


def parameter_field(known: CredentialField) -> forms.CharField:
    """A parameter that the provider of an easy model has a name for."""
    widget = forms.TextInput(attrs={"placeholder": known.placeholder})
    return forms.CharField(label=known.label, help_text=known.help, initial=known.initial, max_length=500, widget=widget)


def key_help(setup: EasySetup) -> SafeString:
    """Where the provider's console has the key, with a link to it."""
    if not setup.key_url.startswith("https://"):
        return format_html("{}", setup.key_help)
    shown = setup.key_url.removeprefix("https://")
    return format_html('{} <a href="{}" target="_blank" rel="noopener">{}</a>.', setup.key_help, setup.key_url, shown)


def known_parameter(model: ExternalModel, name: str) -> CredentialField | None:
    """What the provider of an easy model says of a parameter; None for those of other models."""
    setup = PROVIDERS[model.provider].easy if model.easy_key else None
    return next((each for each in setup.fields if each.name == name), None) if setup else None


def parameters_of(model: ExternalModel) -> tuple[str, ...]:
    if model.definition.is_bedrock:
        return ()
    try:
        return url_parameters(model.definition.url)
    except ProviderError:
        return ()
