"""The product as users run it, for browser journeys: its own process, its own SQLite database, made by the management commands."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from tests.support.provider import RunningProvider, running_provider

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "tidal-harbour-lantern-42"
PEOPLE = {"adam@harbor.test": ("Adam Admin", "admin"), "rita@harbor.test": ("Rita Reviewer", "reviewer")}
START_SECONDS = 30


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


@contextmanager
def running_site(data_dir: Path) -> Iterator[Site]:
    """Make the database, start server and provider, stop both afterwards."""
    manage(data_dir, "migrate", "--verbosity", "0")
    manage(data_dir, "create_workspace", "--name", "Claims automation", "--slug", "claims", "--organization", "Harbor Mutual")
    for email, (name, role) in PEOPLE.items():
        manage(data_dir, "create_user", "--email", email, "--name", name, "--workspace", "claims", "--role", role)
    with running_provider() as provider:
        rule = ["--cidr", "127.0.0.1/32", "--port", str(provider.port), "--scheme", "http", "--reason", "the journey's provider"]
        manage(data_dir, "allow_egress", *rule)
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "warning"]
        settings = environment_of(data_dir) | aws_of(provider) | {"PATCHBAY_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        server = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", server)
            yield Site(f"http://127.0.0.1:{port}", provider, data_dir)
        finally:
            server.terminate()
            server.wait(timeout=20)


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
