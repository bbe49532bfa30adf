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


def test_only_the_pipeline_sends() -> None:
    """`send` cannot be reached under another name either: nobody imports the module as a whole. The demo asks its own health, and what
    authorizes calls asks for tokens."""
    users = users_of("apps.core.http.send", "apps.core.http", "apps.core.http.*")
    assert users == {"apps/inference/pipeline.py", "apps/demo/serving.py", *AUTHORIZERS}


def test_the_pipeline_sends_in_one_place() -> None:
    tree = ast.parse((ROOT / "apps/inference/pipeline.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "send"]
    assert len(calls) == 1


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
