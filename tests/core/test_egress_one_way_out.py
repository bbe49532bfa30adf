"""Spec 07 A5 and B: one way out of the process, and one place where secrets are opened. Read from the code itself."""

import ast
from functools import cache
from pathlib import Path

from django.conf import settings

APPS = Path(settings.BASE_DIR) / "apps"
# Everything in the standard library and among the installed packages that opens connections.
OPENERS = {
    "socket", "ssl", "http.client", "urllib.request", "xmlrpc.client", "ftplib", "smtplib", "poplib", "imaplib", "socketserver",
    "httpx", "httpcore", "h11", "anyio", "requests", "urllib3", "aiohttp", "websockets", "botocore", "boto3",
}  # fmt: skip
ASYNCIO_OPENERS = {
    "open_connection", "create_connection", "sock_connect", "open_unix_connection", "create_datagram_endpoint", "getaddrinfo",
}  # fmt: skip
WAY_OUT = {"core/http.py", "core/dial.py", "core/dns.py", "core/tls.py"}
# Names the errors of TLS that a connection ends with; what it reads and writes, core/dial.py has opened.
WAY_OUT |= {"core/wire.py"}
SIGNER = {"core/sigv4.py": "botocore"}  # its signer, which opens no connection: it adds headers to what core/http.py sends
STAND_ALONE = "demo/provider/"  # a server of its own, which imports nothing of the product
LISTENERS = {"demo/serving.py", "demo/management/commands/demo.py"}  # take connections on loopback, open none


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """Every module with its syntax tree, parsed once for all the tests here."""
    named = [(str(path.relative_to(APPS)), path) for path in sorted(APPS.rglob("*.py"))]
    return [(name, ast.parse(path.read_text())) for name, path in named if not name.startswith(STAND_ALONE)]


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in {"import_module", "__import__"}:
            names |= {argument.value for argument in node.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)}
    return names | {name.partition(".")[0] for name in names}


def attributes(tree: ast.Module) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_the_way_out_imports_what_opens_connections() -> None:
    """B."""
    assert {name for name, tree in modules() if imported(tree) & OPENERS - {SIGNER.get(name)}} <= WAY_OUT | LISTENERS


def test_the_signer_imports_nothing_that_sends() -> None:
    """G5: three modules of botocore, none of which reads configuration, asks the instance's metadata or opens a connection by itself."""
    (tree,) = [tree for name, tree in modules() if name in SIGNER]
    assert {name for name in imported(tree) if name.startswith("botocore.")} == {
        "botocore.auth",
        "botocore.awsrequest",
        "botocore.credentials",
    }


def test_only_the_dialler_opens_connections() -> None:
    """B2: the rest of the way out gets them from there, so that nothing goes around the check of addresses."""
    assert {name for name, tree in modules() if attributes(tree) & ASYNCIO_OPENERS} == {"core/dial.py", "core/dns.py"}


def test_secrets_are_opened_only_where_they_are_sent() -> None:
    """A5."""
    assert {name for name, tree in modules() if "reveal" in attributes(tree)} == {"core/http.py", "core/sigv4.py"}
