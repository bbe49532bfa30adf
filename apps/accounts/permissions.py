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


class Scope(StrEnum):
    """What an API app may do: each scope stands for one permission, which the key's maker must hold as well (spec 01, spec 07 D4)."""

    CONNECTIONS_VIEW = "connections:view"
    CONNECTIONS_MANAGE = "connections:manage"
    MODELS_READ = "models:read"
    MODELS_CREATE = "models:create"
    MODELS_UPDATE = "models:update"
    MODELS_DELETE = "models:delete"
    CUSTOM_MODELS_READ = "custommodels:read"
    CUSTOM_MODELS_MANAGE = "custommodels:manage"
    INFERENCE_INVOKE = "inference:invoke"
    TRACES_READ = "traces:read"
    USAGE_READ = "usage:read"
    AUDIT_READ = "audit:read"

    @property
    def permission(self) -> Permission:
        return SCOPE_PERMISSIONS[self]


SCOPE_PERMISSIONS: Mapping[Scope, Permission] = {
    Scope.CONNECTIONS_VIEW: Permission.VIEW_MODELS,
    Scope.CONNECTIONS_MANAGE: Permission.EDIT_MODELS,
    Scope.MODELS_READ: Permission.VIEW_MODELS,
    Scope.MODELS_CREATE: Permission.EDIT_MODELS,
    Scope.MODELS_UPDATE: Permission.EDIT_MODELS,
    Scope.MODELS_DELETE: Permission.DELETE_MODELS,
    Scope.CUSTOM_MODELS_READ: Permission.VIEW_MODELS,
    Scope.CUSTOM_MODELS_MANAGE: Permission.EDIT_MODELS,
    Scope.INFERENCE_INVOKE: Permission.USE_MODELS,
    Scope.TRACES_READ: Permission.READ_OWN_TRACES,
    Scope.USAGE_READ: Permission.READ_ALL_TRACES,
    Scope.AUDIT_READ: Permission.READ_AUDIT,
}

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
