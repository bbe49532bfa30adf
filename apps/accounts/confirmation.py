"""Asking who it is once more before something grave (spec 07 D5)."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.account.decorators import reauthentication_required
from allauth.account.views import ReauthenticateView as AccountReauthenticateView
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.base.views import ReauthenticateView as MfaReauthenticateView
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse

from apps.core.htmx import redirect

MAX_KEPT = 2_000  # characters of a form that travel in the address


def confirmed[V: Callable[..., Any]](view: V) -> V:
    """Ask for the password or a code, unless that was just done. For a view that fills its form from the address and takes no secret.

    A form that was open for too long comes back filled in: allauth would call the view again past the middleware that finds the workspace.
    """
    guarded = reauthentication_required(view)

    @wraps(view)
    def confirmed_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = guarded(request, *args, **kwargs)
        except ReauthenticationRequired:
            if request.method != "POST":
                raise
            return redirect(request, f"{request.path}{_filled_in(request)}")
        return response

    return confirmed_view  # type: ignore[return-value]


def _filled_in(request: HttpRequest) -> str:
    fields = request.POST.copy()
    fields.pop("csrfmiddlewaretoken", None)
    query = fields.urlencode()
    return f"?{query}" if len(query) <= MAX_KEPT else ""


class WhatFor:
    """Mixin of the pages that ask: what for, and where back to, by the page that comes next."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return context | {"apps_url": _apps_url(self.request.GET.get("next") or self.request.POST.get("next") or "")}


class ConfirmPasswordView(WhatFor, AccountReauthenticateView):  # type: ignore[misc]
    """By password."""


class ConfirmCodeView(WhatFor, MfaReauthenticateView):  # type: ignore[misc]
    """By the code of an authenticator app."""


def _apps_url(address: str) -> str:
    """The API apps of the workspace whose API app or key is to be made at the address; "" for any other."""
    try:
        found = resolve(urlsplit(address).path)
    except (Resolver404, ValueError):
        return ""
    return reverse("api_apps:app_list", args=[found.kwargs["workspace"]]) if found.namespace == "api_apps" else ""
