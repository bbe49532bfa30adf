"""*Whose key is this?* (spec 03): a key that turned up somewhere is compared by fingerprint only; nothing stored is opened."""

from collections.abc import Iterator

from django import forms

from apps.accounts.models import Workspace
from apps.connections.models import Connection
from apps.core.secrets import Secret, fingerprint
from apps.core.text import is_mask

BEARER = "Bearer "


class WhoseKeyForm(forms.Form):
    """One field. What was pasted never comes back into the page."""

    key = forms.CharField(
        label="Key",
        max_length=20_000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True}),
        help_text="Paste it whole. It is compared by fingerprint, and kept nowhere.",
        error_messages={"required": "Paste the key that you found."},
    )

    def clean_key(self) -> str:
        value: str = self.cleaned_data["key"]
        if is_mask(value):
            raise forms.ValidationError("This is a mask, not a key: many keys look like it. Paste the whole key.")
        return value

    @property
    def secret(self) -> Secret:
        return Secret(self.cleaned_data["key"])


def connections_with_key(workspace: Workspace, secret: Secret) -> list[Connection]:
    """The connections that hold this key, oldest first. One query, however many there are, and a few HMACs for each model.

    Fingerprints are scoped by model (spec 07 A7), so the pasted key gets one for every model that has a key.
    """
    rows = Connection.objects.filter(workspace=workspace).exclude(key_fingerprint="").values_list("model_id", "key_fingerprint", "pk")
    wanted: dict[object, set[str]] = {}
    found = []
    for model_id, stored, pk in rows:
        if model_id not in wanted:
            spellings = as_stored(secret)
            wanted[model_id] = {fingerprint(spelling, f"model:{model_id}", workspace=str(workspace.pk)) for spelling in spellings}
        if stored in wanted[model_id]:
            found.append(pk)
    holders = Connection.objects.filter(workspace=workspace, pk__in=found).select_related("model")
    return list(holders.order_by("created_at", "id"))


def as_stored(secret: Secret) -> Iterator[Secret]:
    """A custom integration's Authorization header is stored with its scheme; a key is usually found without."""
    yield secret
    yield secret.stripped().with_prefix(BEARER)
