"""django-allauth's forms in our words: labels say what to type, placeholders do not repeat them."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms

LABELS = {
    "login": "E-mail",
    "email": "E-mail",
    "password": "Password",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password, again",
    "code": "Code",
}
HELP = {"password1": "12 characters or more, not one of the common ones, not like your name."}


class Plain(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            field.help_text = HELP.get(name, "")
            field.widget.attrs.pop("placeholder", None)
        first = next(iter(self.fields.values()), None)
        if first is not None:
            first.widget.attrs["autofocus"] = True


class SignInForm(Plain, LoginForm):  # type: ignore[misc]
    pass


class ChangePassword(Plain, ChangePasswordForm):  # type: ignore[misc]
    pass


class AskForReset(Plain, ResetPasswordForm):  # type: ignore[misc]
    pass


class ChoosePassword(Plain, ResetPasswordKeyForm):  # type: ignore[misc]
    pass


class ConfirmPassword(Plain, ReauthenticateForm):  # type: ignore[misc]
    pass


class SecondFactor(Plain, AuthenticateForm):  # type: ignore[misc]
    pass


class ConfirmByCode(Plain, ReauthenticateByCodeForm):  # type: ignore[misc]
    pass


class AddAuthenticator(Plain, ActivateTOTPForm):  # type: ignore[misc]
    pass
