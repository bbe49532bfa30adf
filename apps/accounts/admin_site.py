"""The platform admin: Django admin behind the product's own sign-in, for staff with a second factor (spec 07 D7)."""

from typing import Any

from allauth.account import views as account
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.accounts.models import User
from apps.core.access import redirect_to_sign_in
from apps.core.htmx import toast


class PlatformAdminSite(admin.AdminSite):
    site_header = site_title = "Patchbay platform admin"
    index_title = "Platform"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return isinstance(user, User) and user.is_active and user.is_staff and not lacks_second_factor(user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where Django admin sends whom it refuses. Not another sign-in page: the product has one, with its limits and audit."""
        user = request.user
        if not isinstance(user, User):
            return redirect_to_sign_in(request)
        if not user.is_staff:
            raise PermissionDenied("for platform staff")
        if lacks_second_factor(user):
            toast(request, "Set up a second factor first", "error", detail="The platform admin is for staff with an authenticator app.")
            return redirect("mfa_activate_totp")
        return redirect("admin:index")

    # The product's own, which are audited and end other sessions.
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response: HttpResponse = account.logout(request)
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")


def lacks_second_factor(user: User) -> bool:
    """Whether the deployment asks staff for a second factor which this person has not set up. Who has one has passed it at sign-in."""
    return bool(settings.PATCHBAY_ADMIN_MFA) and not is_mfa_enabled(user)
