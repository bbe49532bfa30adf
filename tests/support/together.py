"""Requests that arrive at the same moment, each in a thread with a database connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection
from django.test import Client

from apps.accounts.models import User

CROWD = 50


def at_once[T](calls: Sequence[Callable[[], T]]) -> list[T]:
    """Start all calls at the same moment and give their results; what one raises is raised."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        gate.wait(120)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(300) for future in [pool.submit(run, call) for call in calls]]


def browsers(person: User, count: int) -> list[Client]:
    """Windows of one person's browser: the same session."""
    first = Client(raise_request_exception=False)
    first.force_login(person)
    windows = [first]
    for _ in range(count - 1):
        window = Client(raise_request_exception=False)
        window.cookies = first.cookies.copy()
        windows.append(window)
    return windows


def post_at_once(windows: Sequence[Client], url: str, bodies: Sequence[dict[str, Any]]) -> list[Any]:
    """Each window posts its body at the same moment; the responses, in the order of the windows."""

    def caller(window: Client, body: dict[str, Any]) -> Callable[[], Any]:
        return lambda: window.post(url, body)

    return at_once([caller(window, body) for window, body in zip(windows, bodies, strict=True)])
