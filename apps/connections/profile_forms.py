"""The page of an authorization profile: its fields follow from the type's description, its rows are small forms of their own."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from django import forms

from apps.connections.profile_actions import ProfileValues
from apps.connections.profile_places import LOCATIONS, MAX_NAME
from apps.connections.profile_types import ACCESS_TOKEN, Field, Kind, Rows, TypeSpec, row_secret, slots_of, url_origin
from apps.connections.profiles import AuthorizationProfile
from apps.core.egress import EgressRule, check_url
from apps.core.endpoint import Endpoint
from apps.core.outbound import Failure, OutboundError
from apps.core.secrets import Secret
from apps.core.text import is_mask
from apps.external_models.definition import looks_secret
from apps.external_models.models import host_of
from apps.external_models.names import check_name

MAX_SECRET = 20_000
MAX_ROWS = 30
MAX_ORIGINS = 20
SPARE_ROWS = 3
MASKED = "This is a mask, not the secret itself. Paste the secret, or leave the field empty to keep the stored one."
MORE_HOSTS = "There is another host now, so enter this again."
KEPT = "Set, leave empty to keep it"


class ProfileForm(forms.Form):
    """Everything of the page that stands once, and `row_lists`. `profile` None means a new one, with a name."""

    def __init__(
        self, data: Any = None, *, spec: TypeSpec, rules: Iterable[EgressRule], profile: AuthorizationProfile | None = None
    ) -> None:
        settings = profile.settings if profile else {}
        super().__init__(data, initial=initial_of(spec, profile))
        self.spec, self.profile, self.rules = spec, profile, tuple(rules)
        self.stored = frozenset(profile.stored_secrets()) if profile else frozenset()
        self.refused: list[str] = []  # hosts that the egress rules do not allow
        if profile is None:
            self.fields["name"] = forms.CharField(
                label="Profile name",
                max_length=1000,
                help_text="Name and type can't change after saving.",
                error_messages={"required": "Enter a name, such as Claims gateway."},
            )
        for field in spec.fields:
            self.fields[field.name] = self.build(field)
        self.fields["allowed_origins"] = forms.CharField(
            label="Allowed hosts",
            max_length=5000,
            widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off", "class": "mono"}),
            help_text="Calls with this profile may go to these hosts only, such as api.example.com. Commas between several."
            + (f" {spec.another_host}" if profile else ""),
            error_messages={"required": "Enter the host that calls with this profile may go to, such as api.example.com."},
        )
        self.row_lists = [RowList(data, rows, settings.get(rows.name, []), self.stored) for rows in spec.rows]

    def build(self, field: Field) -> forms.Field:
        """The form field for one description."""
        errors = {"required": field.missing}
        given: dict[str, Any] = {"label": field.label, "required": bool(field.missing), "help_text": field.help, "error_messages": errors}
        attrs: dict[str, Any] = {"spellcheck": "false", "autocapitalize": "off"}
        match field.kind:
            case Kind.CHOICE:
                return forms.ChoiceField(choices=field.choices, **given)
            case Kind.SECRET:
                kept = field.name in self.stored
                attrs |= {"autocomplete": "new-password"} | ({"placeholder": KEPT} if kept else {})
                # Never rendered back: what was typed into a refused form has to be typed again.
                widget = forms.PasswordInput(render_value=False, attrs=attrs)
                given["required"] = given["required"] and not kept
                secret = forms.CharField(max_length=MAX_SECRET, widget=widget, **given)
                secret.note = "set" if kept else ""  # type: ignore[attr-defined]  # beside the label, where others say "optional"
                return secret
            case Kind.URL:
                attrs |= {"class": "mono", "inputmode": "url"}
                return forms.CharField(max_length=2048, widget=forms.TextInput(attrs=attrs), **given)
            case _:
                return forms.CharField(max_length=2000, widget=forms.TextInput(attrs=attrs), **given)

    def clean_name(self) -> str:
        return str(checked(check_name, self.cleaned_data["name"]))

    def clean_allowed_origins(self) -> tuple[str, ...]:
        entries = re.split(r"[\s,;]+", self.cleaned_data["allowed_origins"].strip())
        origins = dict.fromkeys(self.read_origin(entry) for entry in entries if entry)
        if not origins:
            raise forms.ValidationError(self.fields["allowed_origins"].error_messages["required"])
        if len(origins) > MAX_ORIGINS:
            raise forms.ValidationError(f"At most {MAX_ORIGINS} hosts.")
        return tuple(origins)

    def read_origin(self, entry: str) -> str:
        """`api.example.com` or an address without a path, checked as a call to it would be (spec 07 B4)."""
        try:
            endpoint = self.checked_url(entry if "://" in entry else f"https://{entry}")
        except OutboundError as error:
            raise forms.ValidationError(f"{entry[:200]}: {error.message} {error.hint}".strip()) from error
        if endpoint.target != "/":
            raise forms.ValidationError(f"{entry[:200]}: enter the host only, without a path.")
        return url_origin(endpoint.url)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for field in self.spec.fields:
            if value := data.get(field.name):
                self.check_field(field, value)
        if self.spec.place and all(data.get(name) for name in self.spec.place):
            location, name = self.spec.place
            self.check(name, LOCATIONS[data[location]].check_name, data[name])
        if self.spec.same_host and data.get(self.spec.same_host[0]):
            one, other = (data.get(name, "") for name in self.spec.same_host)
            if url_origin(one) != url_origin(other):
                self.add_error(self.spec.same_host[0], "It has to be on the token URL's host: the client secret goes there, too.")
        return data

    def check_field(self, field: Field, value: str) -> None:
        if field.kind is Kind.SECRET and is_mask(value):
            self.add_error(field.name, MASKED)
        elif field.kind is Kind.URL:
            self.check(field.name, self.check_address, value)
        elif field.kind is Kind.STATUSES:
            self.check(field.name, read_statuses, value)
        else:
            self.check(field.name, field.rule, value)

    def check_address(self, url: str) -> None:
        try:
            self.checked_url(url)
        except OutboundError as error:
            raise ValueError(f"{error.message} {error.hint}".strip()) from error

    def checked_url(self, url: str) -> Endpoint:
        """Exactly what a call would check before it connects (spec 07 B4). Raises OutboundError; a refusal is kept for the audit log."""
        try:
            return check_url(url, self.rules)
        except OutboundError as error:
            if error.code is Failure.URL_NOT_ALLOWED:
                self.refused.append(host_of(url))
            raise

    def check(self, name: str, rule: Callable[[str], object], value: str) -> None:
        try:
            rule(value)
        except ValueError as error:
            self.add_error(name, str(error))

    def require_moved_secrets(self) -> None:
        """A secret does not follow to another host or region (spec 07 A8): there, or with more hosts, it has to be entered again."""
        if self.profile is None:
            return
        before, now = self.profile.slots, slots_of(self.spec.type, self.settings)
        more_hosts = not set(self.cleaned_data["allowed_origins"]) <= set(self.profile.allowed_origins)
        for field in self.spec.fields:
            if field.kind is not Kind.SECRET or field.name not in self.stored or not field.missing or self.cleaned_data.get(field.name):
                continue
            if before[field.name].origin != now[field.name].origin:
                where = next(each.label for each in self.spec.fields if each.name == field.bound_to)
                self.add_error(field.name, f"The {where[0].lower()}{where[1:]} is another one now, so enter this again.")
            elif more_hosts and now[field.name].is_for_hosts:
                self.add_error(field.name, MORE_HOSTS)
        for each in self.row_lists:
            if more_hosts and not each.rows.stays_with_more_hosts:
                each.require_secrets()

    def is_valid(self) -> bool:
        rows = [each.is_valid() for each in self.row_lists]  # all of them: each row shows its own problem
        if not (super().is_valid() and all(rows)):
            return False
        self.require_moved_secrets()
        return not self.errors and not any(form.errors for each in self.row_lists for form in each.forms)

    @property
    def laid_out(self) -> list[tuple[forms.BoundField, bool]]:
        """The type's fields, and whether each takes the whole width."""
        return [(self[field.name], field.wide) for field in self.spec.fields]

    @property
    def settings(self) -> dict[str, Any]:
        """The open settings, as they are stored."""
        found: dict[str, Any] = {}
        for field in self.spec.fields:
            if field.kind is not Kind.SECRET:
                value = self.cleaned_data.get(field.name, "")
                found[field.name] = read_statuses(value) if field.kind is Kind.STATUSES else value
        return found | {each.rows.name: each.settings for each in self.row_lists}

    @property
    def values(self) -> ProfileValues:
        typed = {field.name: self.cleaned_data.get(field.name) for field in self.spec.fields if field.kind is Kind.SECRET}
        secrets = {name: Secret(value) for name, value in typed.items() if value}
        for each in self.row_lists:
            secrets |= each.secrets
        return ProfileValues(self.settings, self.cleaned_data["allowed_origins"], secrets)


class RowList:
    """The rows of one list, as submitted or as stored, and the spare ones for pages without scripts."""

    def __init__(self, data: Mapping[str, str] | None, rows: Rows, stored: list[dict[str, Any]], secrets: frozenset[str]) -> None:
        self.rows, self.problem = rows, ""
        values = dict(data.items()) if data is not None else row_data(rows, stored)
        numbers = {int(found[1]) for name in values if (found := re.fullmatch(rf"{rows.name}-(\d{{1,4}})-\w+", name))}
        self.forms = [RowForm(values, rows=rows, number=number, stored=secrets) for number in sorted(numbers)]
        self.bound = data is not None

    def is_valid(self) -> bool:
        valid = [form.is_valid() for form in self.forms]
        filled = [form for form in self.forms if not form.is_empty]
        if self.rows.missing and not filled:
            self.problem = self.rows.missing
        if len(filled) > MAX_ROWS:
            self.problem = f"At most {MAX_ROWS} rows. Remove some."
        seen = set()
        for form in filled:
            if form.is_valid() and form.identity in seen:
                form.add_error("name", "This name is there twice. Keep one of them.")
            seen.add(form.identity)
        return all(valid) and not self.problem and all(not form.errors for form in filled)

    def require_secrets(self) -> None:
        """Ask for every secret, stored or not."""
        for form in self.forms:
            if not form.is_empty and form.is_secret and not form.typed_secret:
                form.add_error("value", MORE_HOSTS)

    @property
    def shown(self) -> list["RowForm"]:
        """Rows with something in them; an empty one to begin with where at least one is wanted."""
        filled = [form for form in self.forms if not form.is_empty]
        return filled or (self.spares[:1] if self.rows.missing else [])

    @cached_property
    def spares(self) -> list["RowForm"]:
        first = max([form.number for form in self.forms if not form.is_empty], default=-1) + 1
        return [RowForm({}, rows=self.rows, number=number, stored=frozenset()) for number in range(first, first + SPARE_ROWS)]

    @property
    def blank(self) -> "RowForm":
        return RowForm({}, rows=self.rows, number=-1, stored=frozenset())

    @property
    def without_scripts(self) -> list["RowForm"]:
        return [form for form in self.spares if not any(form is other for other in self.shown)]

    @property
    def settings(self) -> list[dict[str, Any]]:
        return [form.setting for form in self.forms if not form.is_empty]

    @property
    def secrets(self) -> dict[str, Secret]:
        return {form.identity: secret for form in self.forms if (secret := form.typed_secret)}


class RowForm(forms.Form):
    """One row. A row without name and value is no row."""

    location = forms.ChoiceField(required=False, choices=[(name, each.label) for name, each in LOCATIONS.items() if name])
    name = forms.CharField(required=False, max_length=1000)
    lead = forms.CharField(required=False, max_length=200)  # the key's prefix; a form has an attribute of that name
    value = forms.CharField(required=False, max_length=MAX_SECRET)
    secret = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, rows: Rows, number: int, stored: frozenset[str]) -> None:
        # A negative number is for the <template> that scripts make new rows from: they replace the n and the N.
        super().__init__(data, prefix=f"{rows.name}-{number if number >= 0 else 'n'}", initial={"location": rows.locations[:1]})
        self.rows, self.number, self.all_stored = rows, number, stored

    @property
    def label(self) -> str:
        """For each of its controls: Keys 2."""
        return f"{self.rows.label} {self.number + 1 if self.number >= 0 else 'N'}"

    @property
    def is_empty(self) -> bool:
        return not (self["name"].value() or self["value"].value())

    @property
    def is_secret(self) -> bool:
        """Always, or ticked, or the name says so; what only says where the token goes is none."""
        value, name = str(self["value"].value() or ""), str(self["name"].value() or "")
        if not self.rows.may_be_open:
            return True
        if self.rows.takes_token and ACCESS_TOKEN in value:
            return False
        return bool(self["secret"].value()) or looks_secret(name) or "password" in name.lower()

    @property
    def place(self) -> str:
        return str(self["location"].value() or self.rows.locations[0]) if self.rows.locations else ""

    @property
    def identity(self) -> str:
        place = self.place if self.place in LOCATIONS else ""
        return row_secret(self.rows.name, {"location": place, "name": str(self["name"].value() or "").strip()})

    @property
    def stored(self) -> bool:
        return self.identity in self.all_stored

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.is_empty or "location" in self.errors:
            return data
        name, value = data.get("name", "").strip(), data.get("value", "").strip()
        location = LOCATIONS[self.place]
        if not name:
            self.add_error("name", "Enter the name.")
        elif len(name) > MAX_NAME:
            self.add_error("name", f"Use at most {MAX_NAME} characters.")
        else:
            self.check("name", location.check_name, name)
        if not value and not (self.is_secret and self.stored):
            self.add_error("value", "Enter the value.")
        elif self.is_secret and is_mask(value):
            self.add_error("value", MASKED)
        elif value:
            self.check("value", location.check_value, value)
        if self.rows.takes_token and ACCESS_TOKEN in value.removesuffix(ACCESS_TOKEN):
            self.add_error("value", f"{ACCESS_TOKEN} stands once, at the end of the value.")
        if lead := data.get("lead"):
            self.check("lead", location.check_value, lead)
        return data

    def check(self, name: str, rule: Callable[[str], object], value: str) -> None:
        try:
            rule(value)
        except ValueError as error:
            self.add_error(name, str(error))

    @property
    def setting(self) -> dict[str, Any]:
        data = self.cleaned_data
        found: dict[str, Any] = {"name": data["name"].strip(), "secret": self.is_secret}
        if self.rows.locations:
            found["location"] = self.place
        if self.rows.has_prefix:
            found["prefix"] = data["lead"]
        if not self.is_secret:
            found["value"] = data["value"].strip()
        return found

    @property
    def typed_secret(self) -> Secret | None:
        """The secret in this submit."""
        value = self.cleaned_data.get("value", "").strip()
        return Secret(value) if self.is_secret and value else None


def initial_of(spec: TypeSpec, profile: AuthorizationProfile | None) -> dict[str, Any]:
    if profile is None:
        return {field.name: field.default for field in spec.fields if field.default}
    found = {field.name: profile.settings.get(field.name, field.default) for field in spec.fields if field.kind is not Kind.SECRET}
    found |= {name: ", ".join(map(str, value)) for name, value in found.items() if isinstance(value, list)}
    return found | {"allowed_origins": ", ".join(short_origin(origin) for origin in profile.allowed_origins)}


def row_data(rows: Rows, stored: list[dict[str, Any]]) -> dict[str, str]:
    """Stored rows as the fields of the page; a secret's value is not among them."""
    found: dict[str, str] = {}
    for number, row in enumerate(stored):
        columns = {"location": "location", "name": "name", "lead": "prefix", "value": "value"}
        found |= {f"{rows.name}-{number}-{column}": str(row[key]) for column, key in columns.items() if key in row}
        found |= {f"{rows.name}-{number}-secret": "on"} if row["secret"] else {}
    return found


def short_origin(origin: str) -> str:
    """`https://api.example.com:443` as people write it: api.example.com."""
    if origin.startswith("https://"):
        return origin.removeprefix("https://").removesuffix(":443")
    return origin.removesuffix(":80")


def read_statuses(text: str) -> list[int]:
    """Raises ValueError for what is no HTTP status of an error."""
    statuses = [part for part in re.split(r"[\s,;]+", text) if part]
    if not statuses or not all(re.fullmatch(r"[45]\d\d", part) for part in statuses) or len(statuses) > 20:
        raise ValueError("Write HTTP statuses from 400 to 599 with commas between, such as 401, 403.")
    return list(dict.fromkeys(map(int, statuses)))


def checked(rule: Callable[[str], object], text: str) -> object:
    try:
        return rule(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
