"""The misbehaving loopback servers of tests/support/servers.py for tests that are not async themselves."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import Handler, LoopbackServer, serve


@contextmanager
def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[LoopbackServer]:
    """Run `handler` for each connection on a free port, in a thread, for the length of the block."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    running: list[LoopbackServer] = []

    async def run() -> None:
        async with serve(handler, tls=tls) as state:
            running.append(state)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(run()), name="loopback-server")
    thread.start()
    if not ready.wait(60):
        raise RuntimeError("the server did not start")
    try:
        yield running[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
