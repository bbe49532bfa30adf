"""Roles and what each may do in a workspace: the table of spec 01, "Roles and permissions"."""

from collections.abc import Iterator, Mapping
from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    REVIEWER = "reviewer"
    VIEWER = "viewer"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class Permission(StrEnum):
    VIEW_MODELS = "view_models"  # see models and connections (never secrets)
    EDIT_MODELS = "edit_models"  # add models and connections; edit those
    SWITCH_INFERENCING = "switch_inferencing"
    DELETE_MODELS = "delete_models"  # delete models and connections
    USE_MODELS = "use_models"  # use the playground, call the gateway
    READ_OWN_TRACES = "read_own_traces"
    READ_ALL_TRACES = "read_all_traces"  # everybody's traces; usage and cost
    READ_AUDIT = "read_audit"  # read, verify and export the audit log
    MANAGE_CREDENTIALS = "manage_credentials"  # authorization profiles, API apps and keys
    MANAGE_WORKSPACE = "manage_workspace"  # members and roles; budgets; retention; capture policy
    OWN_WORKSPACE = "own_workspace"  # rename or delete the workspace, transfer ownership


_VIEWER = frozenset({Permission.VIEW_MODELS})
_REVIEWER = _VIEWER | {Permission.READ_OWN_TRACES, Permission.READ_ALL_TRACES, Permission.READ_AUDIT}
_MEMBER = _VIEWER | {Permission.EDIT_MODELS, Permission.SWITCH_INFERENCING, Permission.USE_MODELS, Permission.READ_OWN_TRACES}
_ADMIN = _REVIEWER | _MEMBER | {Permission.DELETE_MODELS, Permission.MANAGE_CREDENTIALS, Permission.MANAGE_WORKSPACE}

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: _ADMIN | {Permission.OWN_WORKSPACE},
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.REVIEWER: _REVIEWER,
    Role.VIEWER: _VIEWER,
}


def roles_with(permission: str) -> list[Role]:
    """The roles that hold a permission, strongest first."""
    return [role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]


class UnknownPermission(Exception):
    """A template asked for a permission that does not exist. Not a KeyError: Django would take that for "no" and hide the control."""


class Can(Mapping[str, bool]):
    """The current permissions for templates: ``{% if can.edit_models %}``. A misspelt name raises instead of hiding the control."""

    def __init__(self, permissions: frozenset[Permission]) -> None:
        self._permissions = permissions

    def __getitem__(self, name: str) -> bool:
        if name not in Permission:
            raise UnknownPermission(f"{name!r} is not a permission")
        return name in self._permissions

    def __iter__(self) -> Iterator[str]:
        return (permission.value for permission in Permission)

    def __len__(self) -> int:
        return len(Permission)
