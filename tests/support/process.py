"""The product as one server process of its own, for what only a process shows: signals, locks, lost databases."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.support.site import PASSWORD, ROOT, manage_in_turn, reserved_port, wait_until_ready

EMAIL = "adam@harbor.test"
BODY = '{"ask": "{{prompt}}"}'


@dataclass
class Product:
    """A running server with the workspace *claims* and its admin Adam. `log` holds what it wrote."""

    url: str
    server: "subprocess.Popen[bytes]"
    log: Path
    environment: dict[str, str]

    def terminate(self) -> None:
        self.server.send_signal(signal.SIGTERM)

    def signed_in(self) -> httpx.Client:
        """A browser in which Adam is signed in."""
        browser = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        browser.get("/account/sign-in/")
        form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/account/sign-in/", data=form).status_code == 302
        return browser


def same_person(browser: httpx.Client) -> httpx.Client:
    """Another window of the same browser, with connections of its own."""
    return httpx.Client(base_url=browser.base_url, cookies=browser.cookies, timeout=60, trust_env=False)


def post(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return browser.post(path, data={**fields, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})


def draft(name: str, url: str = "https://api.example.com/v1") -> dict[str, Any]:
    return {"name": name, "url": url, "method": "POST", "body": BODY, "creation_key": str(uuid4()), "action": "draft"}


@contextmanager
def running_product(data_dir: Path, *, database_url: str = "", allow_port: int = 0) -> Iterator[Product]:
    """Make the database, start the server as the image does, stop it afterwards. SQLite in `data_dir` unless there is a URL."""
    dropped = {"DATABASE_URL", "PATCHBAY_SECRET_KEYS", "PATCHBAY_DATABASE_POOL_SECONDS"}
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment |= {"PATCHBAY_DATA_DIR": str(data_dir), "PATCHBAY_PASSWORD": PASSWORD, "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment |= {"DATABASE_URL": database_url} if database_url else {}
    egress = ["allow_egress", "--host", "127.0.0.1", "--port", str(allow_port), "--scheme", "http", "--reason", "a server of this test"]
    manage_in_turn(
        environment,
        ["migrate", "--verbosity", "0"],
        ["create_workspace", "--name", "Claims automation", "--slug", "claims"],
        ["create_user", "--email", EMAIL, "--name", "Adam Admin", "--workspace", "claims", "--role", "admin"],
        *([egress] if allow_port else []),
    )
    with process_of(environment, data_dir / "server.log") as product:
        yield product


def manage(environment: dict[str, str], *arguments: str) -> str:
    """What the command wrote on standard output."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def process_of(environment: dict[str, str], log: Path) -> Iterator[Product]:
    """One server process with these settings; another one beside it has its own journal."""
    with reserved_port() as port, server_of(environment, log, port) as product:
        yield product


@contextmanager
def server_of(environment: dict[str, str], log: Path, port: int) -> Iterator[Product]:
    options = ["--no-access-log", "--no-proxy-headers", "--no-server-header", "--timeout-graceful-shutdown", "30"]
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), *options]
    with log.open("wb") as written:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=written, stderr=written)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", server)
            yield Product(f"http://127.0.0.1:{port}", server, log, environment)
        finally:
            server.terminate()
            server.wait(timeout=120)


@dataclass
class Proxy:
    """A TCP proxy on loopback that can be cut, with all its connections, and mended on the same port."""

    target: tuple[str, int]
    port: int = 0
    _listener: socket.socket | None = None
    _open: list[socket.socket] = None  # type: ignore[assignment]

    def mend(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port, self._listener, self._open = listener.getsockname()[1], listener, []
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        listener, self._listener = self._listener, None
        for each in [listener, *self._open]:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
