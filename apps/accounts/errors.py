"""Error pages: what happened, the request ID, where to go. Those after which nothing can be relied on ask neither database nor session."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps.accounts.permissions import roles_with
from apps.core.access import MissingPermission
from apps.core.database import is_database_away
from apps.core.theme import theme_of

RETRY_AFTER_SECONDS = 5  # a database that is back is used within this time (F4)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return standalone(request, "400.html", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Says which roles could, when it was the role that was missing."""
    roles = roles_with(exception.permission) if isinstance(exception, MissingPermission) else []
    html = render_to_string("403.html", {"roles": [role.label for role in roles]}, request)
    return HttpResponse(html, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse(render_to_string("404.html", {}, request), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when it was the database that is away: then trying again is the right thing to do."""
    if is_database_away(sys.exception()):
        response = standalone(request, "503.html", 503)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    return standalone(request, "500.html", 500)


def standalone(request: HttpRequest, template: str, status: int) -> HttpResponse:
    context = {"request_id": getattr(request, "request_id", ""), "theme": theme_of(request)}
    return HttpResponse(render_to_string(template, context), status=status)
