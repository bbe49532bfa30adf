"""Every view says who may call it; a view that says nothing is refused (spec 07 D1).

    @require(Permission.EDIT_MODELS)   inside a workspace, with that permission
    @signed_in                         anybody who is signed in, outside a workspace
    @public                            everybody
    for_programs(scope)                an API key that has the scope; declared by apps/api/endpoint.py, which looks at the key

Third-party views are wrapped with the same functions where they are routed; only whole third-party URL namespaces stand in NAMESPACES.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from apps.core.htmx import is_fragment_request, redirect
from apps.core.middleware import Middleware

type View = Callable[..., Any]


class Kind(Enum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    STAFF = "platform staff"
    PERMISSION = "permission"
    SCOPE = "scope"


@dataclass(frozen=True, slots=True)
class Access:
    kind: Kind
    permission: str = ""

    def __str__(self) -> str:
        return self.permission or self.kind.value


PUBLIC = Access(Kind.PUBLIC)
SIGNED_IN = Access(Kind.SIGNED_IN)
STAFF = Access(Kind.STAFF)


def for_programs(scope: str) -> Access:
    """No session is read: the view itself has to ask for a key with the scope."""
    return Access(Kind.SCOPE, scope)


# URL namespaces of other people's code whose views cannot be wrapped one by one.
NAMESPACES = {"admin": STAFF}


class MissingPermission(PermissionDenied):
    """Signed in, inside the workspace, and the role does not allow it: the 403 page says which roles do."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"needs the permission {permission}")
        self.permission = permission


def declare[V: View](view: V, access: Access) -> V:
    view.access = access  # type: ignore[attr-defined]
    return view


def require[V: View](permission: str) -> Callable[[V], V]:
    """Declare that the view needs this permission in the workspace of its URL. Sync and async views alike."""
    return lambda view: declare(view, Access(Kind.PERMISSION, permission))


def public[V: View](view: V) -> V:
    return declare(view, PUBLIC)


def signed_in[V: View](view: V) -> V:
    return declare(view, SIGNED_IN)


def access_of(view: View, namespaces: list[str]) -> Access | None:
    """What the view declares, else what its outermost URL namespace does, else None."""
    declared: Access | None = getattr(view, "access", None)
    if declared is None and namespaces:
        return NAMESPACES.get(namespaces[0])
    return declared


def redirect_to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, and back afterwards to the page the person was on (for a POST or a fragment: the page it was sent from)."""
    back = request.get_full_path()
    if is_fragment_request(request) or request.method not in {"GET", "HEAD"}:
        back = _page_behind(request)
    query = f"?{urlencode({'next': back})}" if back else ""
    return redirect(request, resolve_url(settings.LOGIN_URL) + query)


def _page_behind(request: HttpRequest) -> str:
    origin = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(origin, {request.get_host()}):
        return ""
    parts = urlsplit(origin)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class AccessMiddleware(Middleware):
    """Refuses what is not declared, then what is not allowed. Runs after the workspace middleware, which sets ``request.permissions``."""

    def process_view(self, request: HttpRequest, view: View, args: list[Any], kwargs: dict[str, Any]) -> HttpResponse | None:
        match = request.resolver_match
        access = access_of(view, match.namespaces if match else [])
        if access is None:
            raise ImproperlyConfigured(f"{match.route if match else view} declares no permission; see apps/core/access.py")
        if access.kind in (Kind.PUBLIC, Kind.SCOPE):
            return None
        user = request.user
        if not user.is_authenticated:
            return redirect_to_sign_in(request)
        if access.kind is Kind.STAFF and not user.is_staff:
            raise PermissionDenied("for platform staff")
        if access.kind is Kind.PERMISSION and access.permission not in getattr(request, "permissions", frozenset()):
            raise MissingPermission(access.permission)
        return None

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        # Whatever was made from a session must not stay in a shared or browser cache (D8). Health checks never read one.
        session = getattr(request, "session", None)
        if session is not None and session.accessed:
            response.headers["Cache-Control"] = "no-store"
        return response
