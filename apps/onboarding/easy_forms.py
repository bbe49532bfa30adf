"""The forms of easy integration: the connection's credentials, and what of an easy model can be edited."""

from typing import Any

from django import forms
from django.utils.html import format_html

from apps.connections.forms import key_help
from apps.core.headers import check_header_value
from apps.core.text import is_mask
from apps.external_models.definition import Feature
from apps.external_models.names import check_name
from apps.providers.address import fill_url, url_parameters
from apps.providers.base import CredentialField, EasySetup
from apps.providers.errors import ProviderError

MAX_KEY = 20_000  # characters; what a header takes is checked besides
MAX_FIELD = 500
KEPT = "Kept, leave empty to use it"
KEPT_REFUSED = "Kept for Save anyway"


class BaseUrlField(forms.CharField):
    """A provider's base URL, in which `{name}` may stand for one of its fields. Egress rules are the page's business."""

    def __init__(self, setup: EasySetup) -> None:
        self.known = tuple(field.name for field in setup.fields)
        widget = forms.TextInput(attrs={"class": "mono", "inputmode": "url", "spellcheck": "false"})
        super().__init__(
            label="Base URL",
            max_length=2000,
            widget=widget,
            error_messages={"required": f"Enter a base URL; the provider's own is {setup.base_url}."},
        )

    def clean(self, value: Any) -> str:
        url: str = super().clean(value)
        if "?" in url or "#" in url:
            raise forms.ValidationError("A base URL has no query and no “#”: the path of each call is put behind it.")
        try:
            unknown = [name for name in url_parameters(url) if name not in self.known]
        except ProviderError as error:
            raise forms.ValidationError(f"{error.message} {error.hint}".strip()) from error
        if unknown:
            raise forms.ValidationError(f"Write out {{{unknown[0]}}}: there is no field for it here.")
        return url


class EasyForm(forms.Form):
    """The wizard's last step. `has_kept` says that a key typed before waits, sealed, for this submit."""

    name = forms.CharField(
        label="Connection name",
        max_length=1000,
        help_text="Unique in the workspace. It cannot be changed later.",
        error_messages={"required": "Enter a name, such as production or batch."},
    )

    def __init__(self, data: Any, *, setup: EasySetup, initial: Any, has_kept: bool = False) -> None:
        super().__init__(data, initial={"base_url": setup.base_url} | initial)
        self.setup, self.has_kept = setup, has_kept
        attrs = {"class": "mono", "autocomplete": "new-password", "spellcheck": "false"}
        attrs["placeholder"] = KEPT if has_kept else setup.key_placeholder
        # Never rendered back: what was typed into a refused form is sealed for the next submit instead.
        self.fields["key"] = forms.CharField(
            label="API key",
            max_length=MAX_KEY,
            required=not has_kept,
            widget=forms.PasswordInput(render_value=False, attrs=attrs),
            help_text=format_html("{} Encrypted before it is stored, and never shown again.", key_help(setup)),
            error_messages={"required": "Enter the API key."},
        )
        needed = self.needed(str((data if data is not None else self.initial).get("base_url") or ""))
        for field in setup.fields:
            self.fields[f"p-{field.name}"] = parameter_field(field, required=field.name in needed)
            if needed and field.name not in needed:
                self.fields[f"p-{field.name}"].help_text = f"Not used: the base URL under Advanced has no {{{field.name}}} in it."
            self.initial.setdefault(f"p-{field.name}", field.initial)
        self.fields["base_url"] = BaseUrlField(setup)
        sent = f"after “{setup.key_prefix.strip()}”" if setup.key_prefix else "as it is"
        self.fields[
            "base_url"
        ].help_text = f"For a proxy or a regional host. Egress rules apply. The key is sent in the header {setup.key_header}, {sent}."

    @property
    def wide(self) -> list[str]:
        """Of an odd number of parameters, the last has a row of its own."""
        return [f"p-{field.name}" for field in self.setup.fields[-1:]] if len(self.setup.fields) % 2 else []

    def keep_key(self, *, refused: bool) -> None:
        """The key is sealed for the next submit, so its field may stay empty."""
        self.fields["key"].widget.attrs["placeholder"] = KEPT_REFUSED if refused else KEPT

    def needed(self, base_url: str) -> tuple[str, ...]:
        """The parameters that the address has with this base URL; none for one that is no address."""
        try:
            return url_parameters(self.setup.endpoint(base_url, "m"))
        except ProviderError:
            return ()

    def clean_name(self) -> str:
        try:
            return check_name(self.cleaned_data["name"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if key:
            check_key(key)
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if base_url := data.get("base_url"):
            self.check_parameters(base_url, data)
        return data

    def check_parameters(self, base_url: str, data: dict[str, Any]) -> None:
        """Each value can stand in its place of the address (spec 07 C2)."""
        url, needed = self.setup.endpoint(base_url, "m"), self.needed(base_url)
        for name in needed:
            if not (value := data.get(f"p-{name}")):
                continue
            if problem := next((field.problem(value) for field in self.setup.fields if field.name == name), ""):
                self.add_error(f"p-{name}", problem)
                continue
            try:
                fill_url(url, dict.fromkeys(needed, "x") | {name: value})
            except ProviderError as error:
                self.add_error(f"p-{name}", f"{error.message} {error.hint}".strip())


def check_key(key: str) -> None:
    """Raises ValidationError with a sentence that never repeats the key."""
    if is_mask(key):
        raise forms.ValidationError("This is a mask, not the key itself. Paste the key.")
    try:
        check_header_value(key)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def parameter_field(field: CredentialField, *, required: bool) -> forms.CharField:
    attrs = {"class": "mono", "placeholder": field.placeholder, "spellcheck": "false", "autocomplete": "off"}
    missing = {"required": f"Enter the {field.label if field.label[1:2].isupper() else field.label[:1].lower() + field.label[1:]}."}
    widget = forms.TextInput(attrs=attrs)
    return forms.CharField(
        label=field.label, required=required, max_length=MAX_FIELD, help_text=field.help, widget=widget, error_messages=missing
    )


class EasyEditForm(forms.Form):
    """What of an easy model can be changed. Its provider and model ID cannot: that would be another model."""

    name = forms.CharField(label="Model name", max_length=1000, error_messages={"required": "Enter a name."})
    features = forms.MultipleChoiceField(
        label="Features",
        required=False,
        choices=[(feature.value, feature.label) for feature in Feature],
        widget=forms.CheckboxSelectMultiple,
        help_text="What the playground and programs may ask of this model.",
    )

    def __init__(self, data: Any = None, *, setup: EasySetup, initial: Any) -> None:
        super().__init__(data, initial=initial)
        self.fields["base_url"] = BaseUrlField(setup)
        self.fields["base_url"].help_text = "When the host changes, every connection of this model needs its key again."
        self.order_fields(["name", "base_url", "features"])

    def clean_name(self) -> str:
        try:
            return check_name(self.cleaned_data["name"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
