"""The product as users run it, for browser journeys: its own process, its own SQLite database, made by the management commands."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from tests.support.provider import RunningProvider

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "tidal-harbour-lantern-42"
PEOPLE = {"adam@harbor.test": ("Adam Admin", "admin"), "rita@harbor.test": ("Rita Reviewer", "reviewer")}
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Site:
    """A running product with the workspace *claims* and a demo provider that its egress rule allows."""

    url: str
    provider: RunningProvider
    data_dir: Path

    def page(self, path: str) -> str:
        return f"{self.url}/w/claims/{path}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port for a server that is about to start. It is bound meanwhile, so that nobody else is given it; the server binds it besides."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def environment_of(data_dir: Path) -> dict[str, str]:
    """Settings of a product that keeps everything in this folder."""
    environment = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "PATCHBAY_SECRET_KEYS"}}
    return environment | {"PATCHBAY_DATA_DIR": str(data_dir), "PATCHBAY_PASSWORD": PASSWORD, "DJANGO_SETTINGS_MODULE": "config.settings"}


def aws_of(provider: RunningProvider) -> dict[str, str]:
    """Settings with which the provider plays AWS for the product."""
    return {
        "PATCHBAY_AWS_PRINCIPAL_ARN": AWS_PRINCIPAL_ARN,
        "PATCHBAY_AWS_ACCESS_KEY_ID": AWS_ACCESS_KEY_ID,
        "PATCHBAY_AWS_SECRET_ACCESS_KEY": AWS_SECRET_ACCESS_KEY,
        "PATCHBAY_AWS_ENDPOINT_URL": f"{provider.url}/aws/{{service}}/{{region}}",
        "PATCHBAY_AWS_DEFAULT_REGION": "eu-central-1",
    }


def manage(data_dir: Path, *arguments: str) -> None:
    """A management command of the product that keeps everything in this folder."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment_of(data_dir), check=True, capture_output=True)


_EACH_IN_TURN = "import json, sys, django; django.setup(); from django.core.management import call_command as call\n"
_EACH_IN_TURN += "for each in json.load(sys.stdin): call(*each)"


def manage_in_turn(environment: dict[str, str], *commands: Sequence[str]) -> None:
    """Management commands in one process of their own: a process for each takes a second before it begins."""
    command = [sys.executable, "-c", _EACH_IN_TURN]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, input=json.dumps(commands))


def make_site(data_dir: Path, provider: RunningProvider) -> None:
    """The database of a site, with its people and the rule for this provider. Made once, and copied for each site."""
    manage_in_turn(
        environment_of(data_dir),
        ["migrate", "--verbosity", "0"],
        ["create_workspace", "--name", "Claims automation", "--slug", "claims", "--organization", "Harbor Mutual"],
        *(
            ["create_user", "--email", email, "--name", name, "--workspace", "claims", "--role", role]
            for email, (name, role) in PEOPLE.items()
        ),
        ["allow_egress", "--cidr", "127.0.0.1/32", "--port", str(provider.port), "--scheme", "http", "--reason", "the journey's provider"],
    )


@contextmanager
def running_site(data_dir: Path, provider: RunningProvider) -> Iterator[Site]:
    """Start a server for what make_site() left in this folder, and stop it afterwards."""
    with reserved_port() as port, server_of(data_dir, provider, port) as site:
        yield site


@contextmanager
def server_of(data_dir: Path, provider: RunningProvider, port: int) -> Iterator[Site]:
    served = "tests.support.lag:application" if "PATCHBAY_LAG_MS" in os.environ else "config.asgi:application"
    command = [sys.executable, "-m", "uvicorn", served, "--port", str(port), "--log-level", "warning"]
    settings = environment_of(data_dir) | aws_of(provider) | {"PATCHBAY_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    server = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", server)
        yield Site(f"http://127.0.0.1:{port}", provider, data_dir)
    finally:
        server.terminate()
        server.wait(timeout=120)


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server ended with {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=2):  # noqa: S310 - our own loopback address
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server was not ready in time")
