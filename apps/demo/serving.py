"""Running the demo in one process: the demo provider, then the web server, until Ctrl-C or SIGTERM."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from apps.core.egress import EgressRule
from apps.core.http import Limits, OutboundError, send
from apps.demo.provider.server import HOST, Provider

PROVIDER_PORT = 8901
PACE = 0.03  # seconds between streamed words, so that a person sees them come
START_SECONDS = 30.0  # until the server has to answer that it is ready
STOP_SECONDS = 5  # for answers under way when the demo is told to stop


class DemoError(Exception):
    """The demo cannot start; the text says why and what to do."""


def listen(port: int) -> socket.socket:
    """A socket on loopback for the web server. Raises DemoError when the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise DemoError(f"Cannot listen on {HOST}:{port}: {reason}. Choose another port with --port.") from error
    return listener


async def start_provider(folder: Path, say: Callable[[str], None]) -> Provider | None:
    """The demo provider on the port that it had before, since the demo's models call it there; None when that one is taken now."""
    kept = folder / "demo_provider_port"
    wanted = int(kept.read_text()) if kept.exists() else PROVIDER_PORT
    try:
        provider = await _start(wanted)
    except OSError:
        if kept.exists():
            say(
                f"Port {wanted} is taken, so the demo provider is not started: unless another demo has it, the demo's models cannot answer."
            )
            return None
        provider = await _start(0)
        say(f"Port {wanted} is taken; the demo provider takes {provider.port}.")
    kept.write_text(f"{provider.port}\n")
    return provider


async def _start(port: int) -> Provider:
    provider = Provider(port=port, pace=PACE)
    await provider.start()
    return provider


async def serve(listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `announce` is called once the health check says ready. Raises DemoError if it never does."""
    config = uvicorn.Config(
        "config.asgi:application",
        log_config=None,  # logging is Django's
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again when it has stopped, for whoever had the handler before. That was us, and all is done by then.
        signal.signal(number, lambda number, frame: None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        if await _ready(listener.getsockname()[1], serving):
            announce()
    except DemoError:
        server.should_exit = True
        raise
    finally:
        await serving


async def _ready(port: int, serving: asyncio.Task[None]) -> bool:
    """Ask the health check until it answers 200; False when the server ends before that."""
    only_here = EgressRule(id="demo", host=HOST, cidr="", ports=(port,), scheme="http", expires_at=None)
    deadline = time.monotonic() + START_SECONDS
    while not serving.done():
        try:
            answer = await send("GET", f"http://{HOST}:{port}/health/ready", (), b"", rules=(only_here,), limits=Limits(total=5.0))
            if answer.status == 200:
                return True
        except OutboundError:
            pass  # not listening yet
        if time.monotonic() > deadline:
            raise DemoError("The server did not become ready; the lines above say why.")
        await asyncio.sleep(0.1)
    return False
