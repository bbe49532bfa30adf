"""What the app shell shows on every page: workspace switcher, navigation, theme."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from apps.accounts import queries
from apps.accounts.middleware import LAST_WORKSPACE_COOKIE
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Can, Permission
from apps.core.theme import theme_of


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the main navigation; left out for those without the permission, and while its app is not installed."""

    label: str
    url_name: str
    permission: Permission
    section: str  # the URL namespace in which the item is the current one


@dataclass(frozen=True, slots=True)
class NavLink:
    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class WorkspaceGroup:
    """One heading of the switcher with its workspaces."""

    organization: str
    workspaces: list[Workspace]


NAVIGATION = (
    NavItem("Models", "external_models:model_list", Permission.VIEW_MODELS, "external_models"),
    NavItem("Playground", "playground:page", Permission.USE_MODELS, "playground"),
    NavItem("Traces", "traces:trace_list", Permission.READ_OWN_TRACES, "traces"),
    NavItem("Audit", "audit:event_list", Permission.READ_AUDIT, "audit"),
    NavItem("Settings", "connections:profile_list", Permission.MANAGE_CREDENTIALS, "settings"),
)
# Pages of these namespaces belong to the Models section.
MODEL_SECTIONS = frozenset({"external_models", "catalog", "connections", "onboarding", "model_traces"})
SETTINGS_ROUTE = "w/<slug:workspace>/settings/"


@dataclass(frozen=True, slots=True)
class SettingsItem:
    """An entry of the side navigation in Settings. A URL without the workspace is a page of the person's own."""

    label: str
    icon: str
    url_name: str
    permission: Permission | None = None
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class SettingsLink:
    label: str
    icon: str
    url: str
    current: bool


SETTINGS = (
    (
        "Security and control",
        (
            SettingsItem("Authorization profiles", "shield-check", "connections:profile_list", Permission.MANAGE_CREDENTIALS),
            SettingsItem("API apps and keys", "terminal", "api_apps:app_list", Permission.MANAGE_CREDENTIALS),
            SettingsItem("Whose key is this?", "key", "connections:whose_key", Permission.MANAGE_CREDENTIALS),
        ),
    ),
    (
        "Monitoring",
        (SettingsItem("Traces and privacy", "eye", "capture:settings", Permission.MANAGE_WORKSPACE),),
    ),
    (
        "You",
        (
            SettingsItem("Profile and security", "circle-user", "profile"),
            SettingsItem("Appearance", "palette", "profile", anchor="#appearance"),
        ),
    ),
)


def resolve_or_none(name: str, **kwargs: str) -> str | None:
    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        return None


def memberships(request: HttpRequest) -> list[Membership]:
    """Everything the person is a member of, asked once: for pages of a workspace the middleware has it already."""
    user = getattr(request, "user", None)
    if not hasattr(request, "memberships"):
        request.memberships = list(queries.memberships_of(user)) if isinstance(user, User) else []  # type: ignore[attr-defined]
    found: list[Membership] = request.memberships  # type: ignore[attr-defined]
    return found


def shell_membership(request: HttpRequest) -> Membership | None:
    """What the top bar is about: the URL's workspace, else (profile, error pages) the one used last, else the first."""
    membership: Membership | None = getattr(request, "membership", None)
    user = getattr(request, "user", None)
    if membership is not None or not isinstance(user, User):
        return membership
    mine = memberships(request)
    last = request.COOKIES.get(LAST_WORKSPACE_COOKIE)
    return next((each for each in mine if each.workspace.slug == last), mine[0] if mine else None)


def navigation(request: HttpRequest, membership: "Membership | SimpleLazyObject[Membership | None]") -> list[NavLink]:
    if not membership:
        return []
    workspace, held = membership.workspace, membership.permissions
    match = request.resolver_match
    here = match.namespace if match else ""
    section = "external_models" if here in MODEL_SECTIONS else here
    if match and match.route.startswith(SETTINGS_ROUTE):
        section = "settings"
    found = [(item, resolve_or_none(item.url_name, workspace=workspace.slug)) for item in NAVIGATION if item.permission in held]
    return [NavLink(item.label, url, item.section == section) for item, url in found if url]


def settings_navigation(request: HttpRequest) -> list[tuple[str, list[SettingsLink]]]:
    """The side navigation of Settings: by heading, what the person may open."""
    workspace: Workspace | None = getattr(request, "workspace", None)
    held: frozenset[Permission] = getattr(request, "permissions", frozenset())
    groups = []
    for heading, items in SETTINGS:
        links = []
        for item in items:
            kwargs = {"workspace": workspace.slug} if item.permission and workspace else {}
            url = resolve_or_none(item.url_name, **kwargs) if item.permission is None or item.permission in held else None
            if url:
                links.append(SettingsLink(item.label, item.icon, url + item.anchor, request.path.startswith(url) and not item.anchor))
        if links:
            groups.append((heading, links))
    return groups


def grouped(workspaces: Iterable[Workspace]) -> list[WorkspaceGroup]:
    groups: dict[str, list[Workspace]] = {}
    for workspace in workspaces:
        groups.setdefault(workspace.organization, []).append(workspace)
    return [WorkspaceGroup(organization, members) for organization, members in sorted(groups.items())]


def workspace_groups(request: HttpRequest) -> list[WorkspaceGroup]:
    return grouped(membership.workspace for membership in memberships(request))


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazy where it costs a query: fragments never ask. ``workspace`` and ``can`` are the URL's; ``shell_*`` are the top bar's."""
    top = SimpleLazyObject(lambda: shell_membership(request))
    return {
        "shell_workspace": SimpleLazyObject(lambda: top.workspace if top else None),
        "workspace": getattr(request, "workspace", None),
        "membership": getattr(request, "membership", None),
        "can": Can(getattr(request, "permissions", frozenset())),
        "theme": theme_of(request),
        "nav_links": SimpleLazyObject(lambda: navigation(request, top)),
        "settings_nav": SimpleLazyObject(lambda: settings_navigation(request)),
        "workspace_groups": SimpleLazyObject(lambda: workspace_groups(request)),
        "request_id": getattr(request, "request_id", ""),
    }
