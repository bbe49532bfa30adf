"""What a signed-in request carries, and who is acting in it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Permission
from apps.audit.record import Actor
from apps.core.client_ip import client_ip


class SignedInRequest(HttpRequest):
    """For views behind ``@signed_in``."""

    user: User
    htmx: HtmxDetails
    permissions: frozenset[Permission]
    request_id: str


class WorkspaceRequest(SignedInRequest):
    """For views behind ``@require(...)``: WorkspaceMiddleware has found the workspace of the URL and the person's membership of it."""

    workspace: Workspace
    membership: Membership


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as the audit log names them, with where the request came from."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - views behind @require and @signed_in have a user
    return _actor(request, str(user.pk), user.name)


def anonymous_actor(request: HttpRequest) -> Actor:
    """Somebody who has not signed in: a failed attempt, a password reset."""
    return _actor(request, "", "Somebody not signed in")


def _actor(request: HttpRequest, pk: str, name: str) -> Actor:
    return Actor(
        kind="user",
        id=pk,
        name=name,
        ip=client_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:512],
        request_id=getattr(request, "request_id", ""),
    )
