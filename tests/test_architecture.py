"""The rules of architecture.md that a machine can hold."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from apps.core.access import Kind, access_of
from tests.support.routes import routes

ROOT = Path(settings.BASE_DIR)


def test_imports_go_down_only() -> None:
    """The contracts in pyproject.toml."""
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_route_declares_who_may_use_it() -> None:
    """D1, admin included: a view that declares nothing would be refused with an error at run time."""
    undeclared = [route.path for route in routes() if access_of(route.view, route.namespaces) is None]
    assert undeclared == []


def test_routes_of_a_workspace_need_a_permission_in_it() -> None:
    """Under /w/<slug>/ nothing is open to everybody, nor to anybody who merely has an account."""
    open_routes = [
        route.path
        for route in routes()
        if "<slug:workspace>" in route.path and getattr(access_of(route.view, route.namespaces), "kind", None) is not Kind.PERMISSION
    ]
    assert open_routes == []


def test_nothing_else_is_under_a_workspace() -> None:
    """A permission without a workspace in the address could never be held."""
    lost = [
        route.path
        for route in routes()
        if "<slug:workspace>" not in route.path and getattr(access_of(route.view, route.namespaces), "kind", None) is Kind.PERMISSION
    ]
    assert lost == []


def test_vendored_files_are_what_the_list_says() -> None:
    """libraries.md: one list of name, version, licence and SHA-256; the licence beside the file."""
    listed = json.loads((ROOT / "static/vendor/vendor.json").read_text())
    for entry in listed:
        content = (ROOT / "static" / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["name"]
        assert (ROOT / "static" / entry["licence_file"]).is_file()
        assert entry["version"]
        assert entry["licence"]


def test_no_vendored_file_is_missing_from_the_list() -> None:
    listed = {entry["file"] for entry in json.loads((ROOT / "static/vendor/vendor.json").read_text())}
    found = {
        str(path.relative_to(ROOT / "static"))
        for folder in ("vendor", "fonts")
        for path in (ROOT / "static" / folder).rglob("*")
        if path.suffix in {".js", ".css", ".woff2"}
    }
    assert found == listed


def test_templates_hold_no_inline_script_or_style() -> None:
    """D8: the Content-Security-Policy forbids both, so such a line would silently do nothing."""
    faults = []
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        for sign in (" style=", "<style", "javascript:", " onclick=", " onchange=", " onsubmit=", " onload=", "hx-on", "js:", "|safe"):
            if sign in text:
                faults.append((str(path.relative_to(ROOT)), sign))
        if "<script>" in text:
            faults.append((str(path.relative_to(ROOT)), "<script>"))
    assert faults == []
