"""The demo provider in a thread, on a free loopback port: a real server for tests of anything that calls out.

def test_something(provider: RunningProvider) -> None:
    ... provider.url + "/triage/v3/assess", DEMO_KEYS["triage"].accepted ...
    assert provider.recorded[0].request.header("x-harbor-key")
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.demo.provider.keys import DEMO_KEYS
from apps.demo.provider.server import Provider, Recorded

__all__ = ["DEMO_KEYS", "RunningProvider", "provider", "provider_server", "running_provider"]


class RunningProvider:
    """A running demo provider: where it is and what it has received since the test began."""

    def __init__(self, server: Provider) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """Base URL without a slash at the end, for example http://127.0.0.1:40123."""
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def recorded(self) -> list[Recorded]:
        """The requests received, oldest first."""
        return list(self._server.recorded)

    def forget(self) -> None:
        self._server.recorded.clear()

    def wait_for_request(self, *, within: float = 30.0) -> Recorded:
        """The first request since forget(), answered or not; fails after `within` seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.recorded:
                return self.recorded[0]
            time.sleep(0.005)
        raise AssertionError("no request came")

    def wait_for_outcomes(self, *outcomes: str, within: float = 30.0) -> None:
        """Until so many requests have ended, each like one of these; fails after `within` seconds."""
        deadline = time.monotonic() + within
        while (found := sorted(record.outcome for record in self.recorded)) != sorted(outcomes):
            assert time.monotonic() < deadline, found
            time.sleep(0.005)

    def wait_for_outcome(self, outcome: str, *, within: float = 30.0) -> Recorded:
        """The last request, once its answer ended like that ("answered" or "cut"); fails after `within` seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.recorded and self.recorded[-1].outcome == outcome:
                return self.recorded[-1]
            time.sleep(0.005)
        raise AssertionError(f"no request ended {outcome}: {[record.outcome for record in self.recorded]}")


@contextmanager
def running_provider(*, pace: float = 0.0) -> Iterator[RunningProvider]:
    """Run a demo provider in a thread for the length of the block."""
    server = Provider(pace=pace, keep=1000)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        await server.start()
        ready.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(serve()), name="demo-provider")
    thread.start()
    if not ready.wait(60):
        raise RuntimeError("the demo provider did not start")
    try:
        yield RunningProvider(server)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


@pytest.fixture(scope="session")
def provider_server() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def provider(provider_server: RunningProvider) -> RunningProvider:
    """The session's demo provider, with nothing recorded yet."""
    provider_server.forget()
    return provider_server
