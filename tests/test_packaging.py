"""What the project promises about itself: few run-time packages, each with its reason, locked; a README that lists every setting."""

import re
import tomllib
from pathlib import Path
from typing import Any

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
MOST_PACKAGES = 40  # spec 07 H
COMPETITORS = {"litellm", "mlflow", "portkey-ai", "langchain", "openrouter"}
NAME = re.compile(r"[A-Za-z0-9._-]+")
READER = re.compile(r'\b(?:env\.\w+|from_environment_or_file)\(\s*"([A-Z_]+)"')


def locked() -> dict[str, Any]:
    """uv.lock by package name."""
    return {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def run_time_packages() -> set[str]:
    """Everything that comes with an installation without the development group, on any system."""
    packages = locked()
    wanted = [(entry["name"], tuple(entry.get("extra", ()))) for entry in packages["patchbay"]["dependencies"]]
    seen = set()
    while wanted:
        name, extras = wanted.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        optional = packages[name].get("optional-dependencies", {})
        needed = [*packages[name].get("dependencies", ()), *(entry for extra in extras for entry in optional[extra])]
        wanted += [(entry["name"], tuple(entry.get("extra", ()))) for entry in needed]
    return {name for name, _ in seen}


def test_few_packages_at_run_time() -> None:
    """H: at most 40, all of them counted, and nothing of another gateway."""
    packages = run_time_packages()
    assert len(packages) <= MOST_PACKAGES
    assert {"django", "uvicorn", "fido2"} <= packages  # direct, direct, by an extra: the walk sees all three
    assert packages.isdisjoint(COMPETITORS)


def test_the_price_package_is_an_extra() -> None:
    """It brings more than the limit allows, and a process that serves has no use for it."""
    assert "genai-prices" not in run_time_packages()
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [NAME.match(requirement)[0] for requirement in optional["prices"]] == ["genai-prices"]  # type: ignore[index]
    assert "uv sync --locked --no-dev --extra prices" in (ROOT / "Dockerfile").read_text()


def test_the_span_package_is_an_extra() -> None:
    """Few send spans; and it brings nothing that could open connections beside our own client (B)."""
    packages = locked()
    brought = {entry["name"] for entry in packages["opentelemetry-proto"]["dependencies"]}
    assert brought == {"protobuf"}
    assert run_time_packages().isdisjoint({"opentelemetry-proto", "protobuf"})
    assert "--extra otel" in (ROOT / "Dockerfile").read_text()


def test_every_package_is_locked_with_hashes() -> None:
    """H: what is installed is what was checked."""
    packages = locked()
    for name in run_time_packages():
        files = [*packages[name].get("wheels", ()), *([packages[name]["sdist"]] if "sdist" in packages[name] else [])]
        assert files, name
        assert all(str(file["hash"]).startswith("sha256:") for file in files), name


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        (line,) = [line for line in text.splitlines() if f'"{requirement}"' in line]
        _, _, reason = line.partition("#")
        assert len(reason.split()) > 1, line


def test_the_readme_lists_every_setting_and_no_other() -> None:
    """A setting that nobody can find might as well not exist; one that nothing reads misleads."""
    read = set(READER.findall((ROOT / "config/settings.py").read_text()))
    assert {"PATCHBAY_SECRET_KEYS", "DATABASE_URL", "PATCHBAY_DATABASE_POOL"} <= read
    _, _, section = (ROOT / "README.md").read_text().partition("\n## Configuration\n")
    table = [line.split("|")[1] for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", " ".join(table))) == read


def test_files_and_links_that_the_readme_names_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    names = re.findall(r"\]\(([^):#]+)\)", readme) + re.findall(
        r"`((?:[\w.-]+/)+[\w.-]*|\w+\.(?:md|yaml|toml|lock|py)|Dockerfile)`", readme
    )
    own = [name for name in names if not name.startswith(("/", "platform-admin"))]
    assert "docs/models-list.png" in own
    # The first is made by the first start; the others stand in a folder that the sentence names.
    elsewhere = {".data/", "provider/", "actions.py", "queries.py", "views.py"}
    assert [name for name in own if name not in elsewhere and not (ROOT / name).exists()] == []
