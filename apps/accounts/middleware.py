"""Puts the workspace of the URL on the request, before access is checked."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from apps.accounts import queries
from apps.accounts.models import User
from apps.accounts.sessions import end_if_expired
from apps.core.access import Kind, View, access_of, redirect_to_sign_in
from apps.core.middleware import Middleware

LAST_WORKSPACE_COOKIE = "workspace"


class WorkspaceMiddleware(Middleware):
    """``/w/<slug:workspace>/...``: sets workspace, membership and permissions and takes ``workspace`` out of the view's arguments.

    A workspace that does not exist and one the person does not belong to are the same 404 (spec 01, 07 D2).
    """

    def process_view(self, request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any]) -> HttpResponse | None:
        slug = kwargs.pop("workspace", None)
        if slug is None:
            return None
        user = request.user
        if not isinstance(user, User):
            return redirect_to_sign_in(request)
        # All of them in one query: the switcher of the page shows them anyway.
        memberships = list(queries.memberships_of(user))
        membership = next((each for each in memberships if each.workspace.slug == slug), None)
        if membership is None:
            raise Http404("no such workspace")
        request.workspace = membership.workspace  # type: ignore[attr-defined]
        request.membership = membership  # type: ignore[attr-defined]
        request.memberships = memberships  # type: ignore[attr-defined]
        request.permissions = membership.permissions  # type: ignore[attr-defined]
        return None

    def begin(self, request: HttpRequest) -> None:
        request.workspace = request.membership = None  # type: ignore[attr-defined]
        request.permissions = frozenset()  # type: ignore[attr-defined]

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        workspace = request.workspace  # type: ignore[attr-defined]
        if workspace is not None and request.COOKIES.get(LAST_WORKSPACE_COOKIE) != workspace.slug:
            response.set_cookie(
                LAST_WORKSPACE_COOKIE,
                workspace.slug,
                max_age=365 * 86400,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response


class SessionLimitsMiddleware(Middleware):
    """Ends administrators' sessions that were idle or are old. Runs once the workspace, and with it the role, is known."""

    def process_view(self, request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any]) -> HttpResponse | None:
        # A public view (health, sign-in) must not read the session for this, and one for programs has none.
        access = access_of(view, request.resolver_match.namespaces if request.resolver_match else [])
        if access is not None and access.kind in (Kind.PUBLIC, Kind.SCOPE):
            return None
        user = request.user
        if isinstance(user, User) and end_if_expired(request, user):
            return redirect_to_sign_in(request)
        return None
