"""The form of *Rotate*: one field, the new key."""

from typing import Any

from django import forms

from apps.connections.actions import KeyAlreadyUsed, RotationChangesNothing, key_fingerprint, key_header
from apps.connections.models import Connection
from apps.core.headers import check_header_value
from apps.core.secrets import Secret
from apps.core.text import is_mask


class RotateForm(forms.Form):
    """The new key, compared with the keys that are stored before anybody is called."""

    key = forms.CharField(
        label="New key",
        max_length=20_000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false", "autofocus": True}),
        error_messages={"required": "Paste the new key."},
    )

    def __init__(self, data: Any = None, *, connection: Connection) -> None:
        super().__init__(data)
        self.connection = connection
        self.header = key_header(connection.model.definition)
        self.fields["key"].help_text = f"It is sent as {self.header} from the moment that the provider accepts it."

    def clean_key(self) -> str:
        value: str = self.cleaned_data["key"]
        if is_mask(value):
            raise forms.ValidationError("This is a mask, not the key itself. Paste the key.")
        try:
            check_header_value(value)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if (self.data.get("version"), self.data.get("endpoint")) != (str(self.connection.version), self.endpoint):
            self.add_error(
                None, f"The connection or its endpoint was changed meanwhile. If the key is for {self.endpoint}, enter it again."
            )
        elif "key" in data:
            try:
                check_new_key(self.connection, self.secret)
            except (KeyAlreadyUsed, RotationChangesNothing) as error:
                self.add_error("key", str(error))
        return data

    @property
    def endpoint(self) -> str:
        """Where the key would go, carried by the page: a key typed for one host is never sent to another (spec 07 A8)."""
        return self.connection.model.definition.url

    @property
    def secret(self) -> Secret:
        return Secret(self.cleaned_data["key"])


def check_new_key(connection: Connection, secret: Secret) -> None:
    """Raises when the model has this key already, here or on another connection: then there is nothing to ask the provider."""
    wanted = key_fingerprint(connection.model, {key_header(connection.model.definition): secret})
    if wanted == connection.key_fingerprint:
        raise RotationChangesNothing
    if other := connection.model.connections.filter(key_fingerprint=wanted).first():
        raise KeyAlreadyUsed(other.name)
