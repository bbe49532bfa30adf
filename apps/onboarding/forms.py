"""The forms of *Custom API integration*: one for what stands once, one per header row, one per custom variable.

How strictly they read depends on what the person asked for: a draft keeps whatever there is, a test wants a request that can be
sent, Confirm wants everything.
"""

import re
from enum import StrEnum
from typing import Any, ClassVar

from django import forms

from apps.core.headers import check_header_name, check_header_value
from apps.core.secrets import Secret
from apps.core.text import is_mask
from apps.external_models.definition import Header, Paths, looks_secret
from apps.external_models.names import check_name
from apps.providers.errors import ProviderError
from apps.providers.jsonpath import PathInvalid, compile_path
from apps.providers.types import DataType, JsonValue, Variable
from apps.providers.variables import check_variable_name, coerce_value, compact_json

METHODS = ["POST", "GET", "PUT", "PATCH"]
DEFAULT, STRUCTURE = "default", "structure"  # the two model configurations
LEAD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30} ")


class Mode(StrEnum):
    """How much must be right."""

    KEEP = "keep"
    TEST = "test"
    CONFIRM = "confirm"


class IntegrationForm(forms.Form):
    """Everything of the page that stands once. The body, and what needs more than one field, is checked by the Builder."""

    # The fields at which an error can stand, in the order of the page.
    places: ClassVar[tuple[str, ...]] = (
        "name", "connection_name", "url", "authorization_profile", "structure", "model_identifier", "features", "modalities",
        "body", "output_path", "input_tokens_path", "output_tokens_path",
    )  # fmt: skip

    name = forms.CharField(required=False, label="Model name", max_length=1000)
    method = forms.ChoiceField(choices=[(method, method) for method in METHODS], required=False)
    url = forms.CharField(required=False, label="Model endpoint URL", max_length=10_000)
    connection_name = forms.CharField(required=False, label="Connection name", max_length=1000)
    authorization_profile = forms.CharField(required=False, label="Authorization profile", max_length=100)
    # Provider structures. Which features and modalities are on, the Builder reads; here is the place of what is wrong with them.
    configuration = forms.CharField(required=False, max_length=20)
    structure = forms.CharField(required=False, label="API reference", max_length=40)
    model_identifier = forms.CharField(required=False, label="Model identifier", max_length=1000)
    features = forms.CharField(required=False, label="Model features")
    modalities = forms.CharField(required=False, label="Modalities")
    use_system_prompt = forms.BooleanField(required=False)
    use_examples = forms.BooleanField(required=False)
    body = forms.CharField(required=False, strip=False, max_length=1_048_576, label="Body")
    output_path = forms.CharField(required=False, label="Output text", max_length=2000)
    input_tokens_path = forms.CharField(required=False, label="Input tokens", max_length=2000)
    output_tokens_path = forms.CharField(required=False, label="Output tokens", max_length=2000)

    def __init__(self, data: Any, *, mode: Mode) -> None:
        super().__init__(data)
        self.mode = mode

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.mode is Mode.CONFIRM or (self.mode is Mode.KEEP and name.strip()):
            return checked(check_name, name)
        return name

    def clean_connection_name(self) -> str:
        name: str = self.cleaned_data["connection_name"]
        return checked(check_name, name) if name.strip() and self.mode is not Mode.TEST else name

    def clean_method(self) -> str:
        return self.cleaned_data["method"] or "POST"

    @property
    def follows_structure(self) -> bool:
        """Whether a provider's structure says what is sent and read, and not body and paths."""
        return bool(self["configuration"].value() == STRUCTURE)

    def clean_output_path(self) -> str:
        path: str = self.cleaned_data["output_path"].strip()
        if self.mode is Mode.CONFIRM and not path and not self.follows_structure:
            raise forms.ValidationError("Choose where the answer's text is: click it in the test response, or type its path.")
        return self.checked_path(path)

    def clean_input_tokens_path(self) -> str:
        return self.checked_path(self.cleaned_data["input_tokens_path"].strip())

    def clean_output_tokens_path(self) -> str:
        return self.checked_path(self.cleaned_data["output_tokens_path"].strip())

    def checked_path(self, path: str) -> str:
        """A path is checked on Confirm; a draft and a test take it as it is."""
        if self.mode is Mode.CONFIRM and path and not self.follows_structure and (problem := path_problem(path)):
            raise forms.ValidationError(problem)
        return path

    @property
    def paths(self) -> Paths:
        data = self.cleaned_data
        return Paths(data.get("output_path", ""), data.get("input_tokens_path", ""), data.get("output_tokens_path", ""))


class HeaderForm(forms.Form):
    """One row of Headers. A row without key and value is no row."""

    key = forms.CharField(required=False, max_length=1000)
    value = forms.CharField(required=False, max_length=20_000)
    secret = forms.BooleanField(required=False)
    lead = forms.CharField(required=False, strip=False, max_length=40)  # sent before the secret, such as "Bearer "

    def __init__(self, data: Any, *, prefix: str, mode: Mode) -> None:
        super().__init__(data, prefix=prefix)
        self.mode = mode
        self.stored = False  # set by the Builder: the value is known already, so an empty field keeps it

    @property
    def is_empty(self) -> bool:
        return not (self["key"].value() or self["value"].value())

    @property
    def is_secret(self) -> bool:
        """Ticked, or the name says so: an `authorization` header cannot be stored in the open by oversight."""
        return bool(self["secret"].value()) or looks_secret(self["key"].value() or "")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        key, value = data.get("key", "").strip(), data.get("value", "")
        data["key"] = key
        if self.is_empty or (self.mode is Mode.KEEP and not self.is_secret):
            return data
        self.check("key", check_header_name, key)
        if self.is_secret:
            self.check_secret(value)
        else:
            self.check("value", check_header_value, value)
        return data

    def check_secret(self, value: str) -> None:
        if value and is_mask(value):
            self.add_error("value", "This is a mask, not the key itself. Paste the key, or leave the field empty to keep the stored one.")
        elif value:
            self.check("value", check_header_value, value)
        elif not self.stored and self.mode is not Mode.KEEP:
            self.add_error("value", "Enter the secret value.")

    def check(self, field: str, rule: Any, text: str) -> None:
        try:
            rule(text)
        except ValueError as error:
            self.add_error(field, str(error))

    @property
    def name(self) -> str:
        return str(self["key"].value() or "").strip()

    @property
    def text(self) -> str:
        """The value without the blanks around it, which a paste brings along and a header may not have."""
        return str(self["value"].value() or "").strip()

    @property
    def lead_text(self) -> str:
        """What is sent before a secret value, so that the key alone is kept: "Bearer "."""
        lead = str(self["lead"].value() or "") if self.is_secret else ""
        return lead if LEAD.fullmatch(lead) else ""

    @property
    def header(self) -> Header:
        return Header(self.name, "" if self.is_secret else self.text, self.is_secret, self.lead_text)

    @property
    def typed_secret(self) -> Secret | None:
        """The secret in this submit, if it can be one: a mask or what no header can hold is neither used nor remembered."""
        if not (self.is_secret and self.name and self.text) or is_mask(self.text):
            return None
        try:
            check_header_value(self.text)
        except ValueError:
            return None
        lead = self.lead_text.lower()  # pasted with the key, it would be sent twice
        return Secret(self.text[len(lead) :].strip() if lead and self.text.lower().startswith(lead) else self.text)

    @property
    def number(self) -> str:
        return str(self.prefix).partition("-")[2]


class VariableForm(forms.Form):
    """The custom variable dialog, and the hidden fields that carry each variable with the page."""

    name = forms.CharField(
        label="Variable name",
        max_length=200,
        help_text="How the body refers to it, such as {{tone}}.",
        error_messages={"required": "Enter a name, such as tone."},
    )
    label = forms.CharField(label="Display name", required=False, max_length=80, help_text="What people see above the field.")
    type = forms.ChoiceField(label="Data type", choices=[(kind.value, kind.label) for kind in DataType])
    default = forms.CharField(
        label="Default value", required=False, max_length=10_000, help_text="Used when a caller gives no value. Empty means none."
    )
    required = forms.BooleanField(label="Required", required=False, help_text="A call without a value is refused, naming the variable.")

    def __init__(
        self, data: Any = None, *, prefix: str, taken: frozenset[str] = frozenset(), initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, prefix=prefix, initial=initial)
        self.taken = taken
        for field in self.fields.values():
            field.widget.attrs["form"] = "build"  # the dialog stands outside the page's form and belongs to it

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        checked(check_variable_name, name)
        if name in {"prompt", "system_prompt", "system.prompt", "examples"}:
            raise forms.ValidationError(f"{name} is a prompt variable and is there already. Choose another name.")
        if name in self.taken:
            raise forms.ValidationError(f"There is a variable {name} already. Names differ by case, too.")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("default") and "name" in data and "type" in data:
            try:
                coerce_value(Variable(data["name"], data.get("label", ""), DataType(data["type"])), data["default"])
            except ProviderError as error:
                self.add_error("default", f"{error.message} {error.hint}".strip())
        return data

    @property
    def variable(self) -> Variable:
        data = self.cleaned_data
        kind = DataType(data["type"])
        default = coerce_value(Variable(data["name"], "", kind), data["default"]) if data["default"] else None
        return Variable(data["name"], data["label"] or data["name"], kind, default, data["required"])


def variable_initial(variable: Variable) -> dict[str, Any]:
    """A variable as the dialog and the hidden fields write it."""
    return {
        "name": variable.name,
        "label": variable.display_name,
        "type": variable.data_type.value,
        "default": default_text(variable.default),
        "required": variable.required,
    }


def default_text(value: JsonValue) -> str:
    return "" if value is None else value if isinstance(value, str) else compact_json(value)


def path_problem(path: str) -> str:
    """What is wrong with a JSON path and the right spelling, or ""."""
    try:
        compile_path(path)
    except PathInvalid as error:
        spelling = f" Write {error.suggestion}" if error.suggestion else ""
        return f"{error.message} At character {error.position + 1}.{spelling}"
    return ""


def checked(rule: Any, text: str) -> str:
    """The rule's result, with its ValueError as the form's error."""
    try:
        result = rule(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
    return text if result is None else result
