"""Reads of API apps and keys for their pages. What calls ask is in api_keys."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404
from django.utils import timezone

from apps.accounts.api_keys import covered
from apps.accounts.models import ApiApp, ApiKey, Membership, Workspace


def app_rows(workspace: Workspace) -> Sequence[ApiApp]:
    """Every app with its keys, newest first, each with its `state`. Three queries."""
    apps = list(ApiApp.objects.filter(workspace=workspace).prefetch_related("keys"))
    roles = roles_in(workspace)
    for app in apps:
        app.rows = sorted(app.keys.all(), key=lambda key: (key.revoked_at is not None, -key.created_at.timestamp()))
        for key in app.rows:
            mark(key, app, roles)
    return apps


def get_app(workspace: Workspace, app_id: UUID) -> ApiApp:
    """Raises Http404 for another workspace's as for a missing one (spec 07 D2)."""
    app = ApiApp.objects.filter(workspace=workspace, pk=app_id).first()
    if app is None:
        raise Http404("no such API app")
    return app


def get_key(workspace: Workspace, app_id: UUID, key_id: str) -> ApiKey:
    """The same for a key, through its app."""
    key = ApiKey.objects.filter(app__workspace=workspace, app=app_id, pk=key_id).select_related("app").first()
    if key is None:
        raise Http404("no such API key")
    mark(key, key.app, roles_in(workspace))
    return key


def roles_in(workspace: Workspace) -> Mapping[UUID, str]:
    """The role of everybody who is active in the workspace."""
    return dict(Membership.objects.filter(workspace=workspace, user__is_active=True).values_list("user", "role"))


def mark(key: ApiKey, app: ApiApp, roles: Mapping[UUID, str]) -> None:
    """Set what the key is now."""
    role = roles.get(key.created_by_id) if key.created_by_id else None
    key.scopes_now = [scope.value for scope in covered(app.scopes, role)]
    key.state = key.state_at(timezone.now(), has_rights=bool(key.scopes_now))
