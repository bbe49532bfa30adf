"""Connections that wait for their next call (spec 07 B4): each belongs to one workspace, one set of egress rules and one origin.

There is one pool for each event loop. An idle connection is closed after a while, when the server closes it, when there are too many, and
with its loop.
"""

import asyncio
import contextlib
import resource
import threading
from collections.abc import Hashable
from contextvars import Context
from weakref import WeakValueDictionary

from apps.core.wire import Wire

MAX_IDLE_SECONDS = 50.0  # less than what usual servers keep a connection for, so that they rarely close it just as we use it
MAX_IDLE_PER_ORIGIN = 64
# Of all workspaces together: each has its own, and what is closed too early is opened anew for every call. At most a quarter of the files
# that this process may open.
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
MAX_IDLE = 4096 if _FILES == resource.RLIM_INFINITY else min(4096, _FILES // 4)
SWEEP_SECONDS = 5.0


class Origin:
    """Where connections lead and who may use them. Compared by identity, which is quick: get it from `origin_of`."""

    __slots__ = ("__weakref__",)


_origins: WeakValueDictionary[Hashable, Origin] = WeakValueDictionary()
_origins_lock = threading.Lock()


def origin_of(*key: Hashable) -> Origin:
    """The same object for the same key, for as long as anybody holds it: a prepared call, or a pool with idle connections."""
    with _origins_lock:
        return _origins.setdefault(key, Origin())


class Pool:
    """The idle connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._idle: dict[Origin, list[Wire]] = {}
        self._count = 0
        self._keeper: asyncio.Task[None] | None = None

    def take(self, origin: Origin) -> Wire | None:
        """The connection that was used last, so that the others can grow old."""
        wires = self._idle.get(origin)
        while wires:
            wire = wires.pop()
            self._count -= 1
            if not wire.closed:
                return wire
        return None

    def give(self, origin: Origin, wire: Wire) -> None:
        """Keep a connection whose call is over; it is closed if it cannot serve another, or there are enough."""
        if not wire.rest():
            return
        wires = self._idle.setdefault(origin, [])
        if len(wires) >= MAX_IDLE_PER_ORIGIN:
            wire.abort()
            return
        wire.idle_since = self.loop.time()
        wires.append(wire)
        self._count += 1
        if self._count > MAX_IDLE:
            self._sweep(self._median_age())
        if self._keeper is None:
            # A context of its own: that of the call which happens to come first would keep its secrets for ever.
            self._keeper = self.loop.create_task(self._keep(), name="idle connections", context=Context())

    def _median_age(self) -> float:
        since = sorted(wire.idle_since for wires in self._idle.values() for wire in wires)
        return since[len(since) // 2]

    def _sweep(self, before: float) -> None:
        """Close what has been idle since `before`, in the loop's time; forget what the server has closed."""
        for origin, wires in list(self._idle.items()):
            for wire in wires:
                if wire.idle_since <= before:
                    wire.abort()
            wires[:] = [wire for wire in wires if not wire.closed]
            if not wires:
                del self._idle[origin]
        self._count = sum(map(len, self._idle.values()))

    async def _keep(self) -> None:
        """Runs until the loop ends, which cancels its tasks; then everything is closed, as nobody else could do it afterwards."""
        try:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                self._sweep(self.loop.time() - MAX_IDLE_SECONDS)
        finally:
            self._sweep(self.loop.time())
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)  # closing takes a turn of the loop


class _Current(threading.local):
    pool: Pool | None = None


_current = _Current()


def current_pool() -> Pool:
    """The pool of the running event loop. A thread runs one loop at a time."""
    loop = asyncio.get_running_loop()
    pool = _current.pool
    if pool is None or pool.loop is not loop:
        pool = _current.pool = Pool(loop)
    return pool
