"""Forms of the profile page."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.accounts.models import User
from apps.core.theme import THEMES


def timezone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class ProfileForm(forms.Form):
    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    timezone = forms.ChoiceField(label="Time zone", choices=timezone_choices, help_text="Dates and times are shown in this zone.")

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, initial={"name": user.name, "timezone": user.timezone})


class ThemeForm(forms.Form):
    """``theme`` is "light", "dark" or "system"; ``next`` the page to come back to."""

    theme = forms.ChoiceField(choices=[("system", "System"), *((theme, theme.capitalize()) for theme in THEMES)])
    next = forms.CharField(required=False)
