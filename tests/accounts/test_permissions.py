"""Roles and permissions: spec 01's table, row by row."""

import pytest
from django.template import Context, Template

from apps.accounts.permissions import ROLE_PERMISSIONS, Can, Permission, Role, UnknownPermission, roles_with

# permission: who holds it, in spec 01's columns owner, admin, member, reviewer, viewer
TABLE = {
    Permission.VIEW_MODELS: "x x x x x",
    Permission.EDIT_MODELS: "x x x - -",
    Permission.SWITCH_INFERENCING: "x x x - -",
    Permission.DELETE_MODELS: "x x - - -",
    Permission.USE_MODELS: "x x x - -",
    Permission.READ_OWN_TRACES: "x x x x -",
    Permission.READ_ALL_TRACES: "x x - x -",
    Permission.READ_AUDIT: "x x - x -",
    Permission.MANAGE_CREDENTIALS: "x x - - -",
    Permission.MANAGE_WORKSPACE: "x x - - -",
    Permission.OWN_WORKSPACE: "x - - - -",
}


@pytest.mark.parametrize("permission", Permission)
def test_spec_01(permission: Permission) -> None:
    held = ["x" if permission in ROLE_PERMISSIONS[role] else "-" for role in Role]
    assert " ".join(held) == TABLE[permission]


def test_roles_with_a_permission_strongest_first() -> None:
    assert roles_with(Permission.READ_AUDIT) == [Role.OWNER, Role.ADMIN, Role.REVIEWER]


def test_templates_ask_by_name() -> None:
    page = Template("{% if can.edit_models %}edit{% endif %}{% if can.delete_models %}delete{% endif %}")
    assert page.render(Context({"can": Can(ROLE_PERMISSIONS[Role.MEMBER])})) == "edit"


def test_a_misspelt_permission_is_an_error_not_a_hidden_control() -> None:
    with pytest.raises(UnknownPermission):
        Template("{% if can.edit_model %}edit{% endif %}").render(Context({"can": Can(frozenset())}))
