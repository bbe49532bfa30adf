"""`manage.py demo` as a person runs it: in its own folder, with its own process, twice."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from apps.demo.options import demo_environment
from apps.demo.programs import MODEL
from tests.support.provider import DEMO_KEYS

ROOT = Path(__file__).parents[2]
# What pytest, or the developer's shell, has set must not reach the demo: it has to work where nothing is set.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PATCHBAY_", "DATABASE_", "DJANGO_", "CACHE_"))}


def command(folder: Path, *options: str) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--data-dir", str(folder), "--port", "0", *options]


class Demo:
    """A running demo, its output read up to the last line of the announcement."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.text = ""
        for line in process.stdout:
            self.text += line
            if "Ctrl-C stops it" in line:
                break

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, self.text
        return found[1]

    @property
    def url(self) -> str:
        return self.find(r"Patchbay: (http://127\.0\.0\.1:\d+)/")

    @property
    def provider_url(self) -> str:
        return self.find(r"Demo provider: (http://127\.0\.0\.1:\d+)/")

    @property
    def api_key(self) -> str:
        return self.find(r"Bearer (pb_\S+)'")

    @property
    def password(self) -> str:
        return self.find(r"priya\.raman@harbormutual\.example +Owner of Claims automation.* (\S+)\n")


@contextmanager
def running(folder: Path, *options: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[Demo]:
    process = subprocess.Popen(command(folder, *options), cwd=ROOT, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        demo = Demo(process)
        yield demo
        process.send_signal(stop)
        rest, _ = process.communicate(timeout=120)
        assert (process.returncode, rest) == (0, "Stopped.\n")
    finally:
        process.kill()
        process.wait()


def test_two_starts_and_two_ways_to_stop(tmp_path: Path) -> None:
    """Issue 2.1: makes database and keys in a folder, prints address and sign-ins, stops cleanly; a second start keeps what is there."""
    with running(tmp_path, stop=signal.SIGINT) as first:
        assert httpx.get(f"{first.url}/health/ready", trust_env=False, timeout=60).json()["status"] == "ok"
        assert httpx.get(f"{first.url}/", trust_env=False, follow_redirects=True, timeout=60).status_code == 200
        answer = httpx.post(
            f"{first.provider_url}/triage/v3/assess",
            headers={"x-harbor-key": DEMO_KEYS["triage"].accepted},
            json={"task": {"ask": "Is hail covered?"}},
            trust_env=False,
            timeout=60,
        )
        assert "Is hail covered?" in json.dumps(answer.json())
        answer = httpx.post(
            f"{first.url}/v1/chat/completions",
            headers={"authorization": f"Bearer {first.api_key}"},
            json={"model": MODEL, "messages": [{"role": "user", "content": "Is hail covered?"}]},
            trust_env=False,
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        password, provider_url, api_key = first.password, first.provider_url, first.api_key
    files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {name: files[name] for name in ("demo_password", "demo_api_key", "secret_keys", "django_secret_key")} == {
        "demo_password": 0o600,
        "demo_api_key": 0o600,
        "secret_keys": 0o600,
        "django_secret_key": 0o600,
    }
    assert "patchbay.sqlite3" in files
    with running(tmp_path) as second:
        assert (second.password, second.provider_url, second.api_key) == (password, provider_url, api_key)


def test_without_provider_nothing_else_listens(tmp_path: Path) -> None:
    with running(tmp_path, "--no-provider") as demo:
        assert "Demo provider" not in demo.text
        assert not (tmp_path / "demo_provider_port").exists()


def refused(folder: Path, *options: str, **variables: str) -> str:
    """What the command says on its way out, when it does not start."""
    words = [*command(folder), *options]
    done = subprocess.run(words, cwd=ROOT, env=CLEAN | variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        said = refused(tmp_path, "--port", str(busy.getsockname()[1]))
    assert "Address already in use. Choose another port with --port." in said
    assert not (tmp_path / "patchbay.sqlite3").exists()


def test_the_demo_does_not_run_in_production(tmp_path: Path) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    said = refused(tmp_path, PATCHBAY_ENV="production", PATCHBAY_DJANGO_SECRET_KEY=key * 2, PATCHBAY_SECRET_KEYS=f"k1:{key}")
    assert "does not run with PATCHBAY_ENV=production" in said


def test_options_reach_the_settings_before_they_are_read() -> None:
    assert demo_environment(["--port", "8123", "--data-dir", "/srv/demo"], {}) == {
        "PATCHBAY_DATA_DIR": "/srv/demo",
        "PATCHBAY_PUBLIC_URL": "http://127.0.0.1:8123",
        "PATCHBAY_LOG_LEVEL": "WARNING",
    }


def test_what_the_shell_has_set_stays() -> None:
    own = {"PATCHBAY_LOG_LEVEL": "DEBUG", "PATCHBAY_PUBLIC_URL": "http://me", "PATCHBAY_DATA_DIR": "/mine"}
    assert demo_environment(["--no-provider"], own) == {}
