"""Home, profile, and django-allauth's pages. Only the pages we mean to have are routed, each with what it needs (spec 07 D1)."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path

from apps.accounts import views
from apps.accounts.confirmation import ConfirmCodeView, ConfirmPasswordView
from apps.core.access import public, signed_in

urlpatterns = [
    path("", views.home, name="home"),
    path("w/<slug:workspace>/", views.workspace, name="workspace"),
    path("account/", views.profile, name="profile"),
    path("account/sessions/end/", views.end_sessions, name="end_sessions"),
    path("account/theme/", views.theme, name="theme"),
    # Sign-in and passwords. The names are allauth's: it reverses them.
    path("account/sign-in/", public(account.login), name="account_login"),
    path("account/sign-out/", public(account.logout), name="account_logout"),
    path("account/sign-up/", public(account.signup), name="account_signup"),  # says that it is closed; allauth's mails point there
    path("account/inactive/", public(account.account_inactive), name="account_inactive"),
    path("account/confirm/", signed_in(ConfirmPasswordView.as_view()), name="account_reauthenticate"),
    path("account/password/", signed_in(account.password_change), name="account_change_password"),
    path("account/password/reset/", public(views.PasswordReset.as_view()), name="account_reset_password"),
    path("account/password/reset/sent/", public(account.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        public(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("account/password/reset/done/", public(account.password_reset_from_key_done), name="account_reset_password_from_key_done"),
    # Second factor
    path("account/second-factor/", signed_in(mfa.index), name="mfa_index"),
    path("account/second-factor/sign-in/", public(mfa.authenticate), name="mfa_authenticate"),
    path("account/second-factor/confirm/", signed_in(ConfirmCodeView.as_view()), name="mfa_reauthenticate"),
    path("account/second-factor/app/", signed_in(totp.activate_totp), name="mfa_activate_totp"),
    path("account/second-factor/app/remove/", signed_in(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("account/second-factor/codes/", signed_in(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("account/second-factor/codes/new/", signed_in(recovery_codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("account/second-factor/codes/file/", signed_in(recovery_codes.download_recovery_codes), name="mfa_download_recovery_codes"),
]
