"""What happens around the life of a server process."""

import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from apps.core import health
from apps.core.datakeys import check_stored_keys

_log = logging.getLogger(__name__)
_at_start: list[Callable[[], None]] = []
_at_stop: list[Callable[[], None]] = []


def at_start(work: Callable[[], None]) -> None:
    """Call `work` when a server process starts, in a thread; the process serves once it has returned."""
    _at_start.append(work)


def at_stop(work: Callable[[], None]) -> None:
    """Call `work` when the last request is finished, in a thread; it has to end within seconds."""
    _at_stop.append(work)


def call_all(works: list[Callable[[], None]]) -> None:
    """One that fails stops neither the others nor the process."""
    for work in works:
        try:
            work()
        except Exception:  # noqa: BLE001 - work of other apps, of which nothing is known here
            _log.exception("start or stop of a server process: one step failed")


async def run(receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
    """The ASGI lifespan protocol."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if problem := await sync_to_async(unreadable_secrets)():
                await send({"type": "lifespan.startup.failed", "message": problem})
                return
            announce_stop_on(signal.SIGTERM)
            await sync_to_async(call_all)(_at_start)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            health.stopping.set()
            await sync_to_async(call_all)(_at_stop)
            await send({"type": "lifespan.shutdown.complete"})
            return


def unreadable_secrets() -> str:
    """Why this process must not start (spec 03, Secrets): the keys do not open what is stored. "" when all is well.

    A database that is away, or not migrated yet, is no reason: /health/ready says so until it is there.
    """
    try:
        check_stored_keys()
    except ImproperlyConfigured as error:
        return str(error)
    except DatabaseError:
        return ""
    return ""


def announce_stop_on(number: signal.Signals) -> None:
    """Not ready from the moment of the signal; the server's own handler, which finishes what runs, comes after.

    Without this, requests on connections that are still open would be told that all is well until the process is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # a server inside a test: signals go to the main thread
    before = signal.getsignal(number)

    def stop(number: int, frame: FrameType | None) -> None:
        health.stopping.set()
        if callable(before):
            before(number, frame)

    signal.signal(number, stop)
