"""The product with an active OpenAI-shaped model behind its gateway, in a data folder of its own, for benchmarks.

Import it before anything of Django: it sets the product up in this process and `start` serves it from others.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SCRATCH = tempfile.TemporaryDirectory(prefix="patchbay-benchmark-")
os.environ["PATCHBAY_DATA_DIR"] = SCRATCH.name
os.environ.setdefault("PATCHBAY_LOG_LEVEL", "WARNING")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection as database

from apps.accounts.api_actions import KeyTerms, create_app_with_key
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role, Scope
from apps.audit.record import SYSTEM, Actor
from apps.connections.actions import add_connection
from apps.core.secrets import Secret
from apps.external_models.actions import Author, activate_model, add_model
from apps.external_models.definition import Definition, Header
from apps.traces.seat import behind

MODEL = "gpt-bench"
START_SECONDS = 60.0


def make_database() -> User:
    call_command("migrate", verbosity=0)
    return User.objects.create(email="owner@benchmark.test", name="Owner")


def allow(port: int) -> None:
    """The egress rule that plain http on loopback needs."""
    command = [sys.executable, "manage.py", "allow_egress", "--cidr", "127.0.0.1/32", "--port", str(port), "--scheme", "http"]
    subprocess.run([*command, "--reason", "the benchmark's provider"], cwd=ROOT, check=True, capture_output=True)


def make_workspace(user: User, slug: str) -> Workspace:
    workspace = Workspace.objects.create(name=slug, slug=slug)
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    return workspace


def make_model(workspace: Workspace, user: User, url: str, name: str = MODEL, *, connections: int = 1) -> None:
    """An active model that speaks OpenAI's format at this URL."""
    headers = (Header("Authorization", secret=True, prefix="Bearer "),)
    features = ("streaming", "tool_calling", "structured_response")
    definition = Definition(url=url, headers=headers, wire_format="openai", model=MODEL, features=features, modalities=("text_to_text",))
    author = Author(user, SYSTEM)
    model = add_model(workspace, name=name, definition=definition, by=author, creation_key=uuid4())
    for number in range(connections):
        secret = {"Authorization": Secret(f"sk-upstream-{uuid4().hex}")}
        add_connection(model, name=f"{name} {number}", secrets=secret, parameters={}, by=author)
    activate_model(model, tested_digest="", by=author)


def make_key(workspace: Workspace, user: User, name: str = "benchmark") -> str:
    """An API key that may call models."""
    terms = KeyTerms(name)
    actor = Actor("user", str(user.pk), user.name)
    made = create_app_with_key(
        workspace, name=name, scopes=[Scope.INFERENCE_INVOKE], terms=terms, creation_key=uuid4(), maker=user, actor=actor
    )
    return made.text.show()


def start(port: int, *, workers: int = 1, with_worker: bool = True) -> subprocess.Popen[bytes]:
    """Serve it as the image does; gives the process once it is ready and, with that, its worker has begun."""
    database.close()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), "--no-access-log", "--no-server-header"]
    if workers > 1:
        command += ["--workers", str(workers)]
    log = Path(SCRATCH.name) / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen([*command, "--no-proxy-headers", "--backlog", "2048"], cwd=ROOT, stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                pass
            if with_worker:
                catch_up()
            return process
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.kill()
    raise RuntimeError(f"the product was not ready: {log.read_text()[-3000:]}")


def catch_up() -> None:
    """Wait until all calls that are over are in the database."""
    asked, deadline = time.time(), time.monotonic() + START_SECONDS
    while (seconds := behind(settings.PATCHBAY_JOURNAL_DIR)) is None or time.time() - seconds < asked:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the worker has not caught up in {START_SECONDS:g} s: {seconds} s behind")
        time.sleep(0.05)
