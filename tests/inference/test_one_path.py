"""Spec 04: one pipeline serves every call. There is no second path. Read from the code itself."""

import ast
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
AUTHORIZERS = {"apps/inference/assume_role.py", "apps/inference/profile_tokens.py"}


def names_imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def users_of(*names: str) -> set[str]:
    files = [*ROOT.glob("apps/**/*.py"), *ROOT.glob("config/*.py")]
    return {str(path.relative_to(ROOT)) for path in files if names_imported(ast.parse(path.read_text())) & set(names)}


SENDERS = ("send", "open_prepared", "prepare")


def test_calls_leave_at_one_place() -> None:
    """They cannot be reached under another name either: nobody imports the module as a whole. The demo asks its own health, what
    authorizes calls asks for tokens, and the worker tells the operator's collector about calls that are over."""
    users = users_of(*(f"apps.core.http.{name}" for name in SENDERS), "apps.core.http", "apps.core.http.*")
    assert users == {"apps/inference/sending.py", "apps/demo/serving.py", "apps/traces/otlp.py", *AUTHORIZERS}


def test_there_they_leave_by_one_door() -> None:
    tree = ast.parse((ROOT / "apps/inference/sending.py").read_text())
    calls = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SENDERS]
    assert sorted(calls) == ["open_prepared", "prepare"]


def test_tests_and_calls_come_through_it() -> None:
    assert users_of("apps.inference.sending.deliver") == {"apps/inference/pipeline.py", "apps/inference/calls.py"}


def test_both_tests_run_the_pipeline() -> None:
    users = users_of("apps.inference.pipeline", "apps.inference.pipeline.run")
    assert users == {
        "apps/inference/views.py",
        "apps/inference/rotate_views.py",
        "apps/onboarding/views.py",
        "apps/onboarding/easy_views.py",
        "apps/demo/seeding.py",
        "apps/demo/aws.py",
        "apps/demo/easy.py",
        "apps/demo/profiles.py",
    }
