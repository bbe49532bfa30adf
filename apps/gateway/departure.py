"""What happens to a call while it runs: its caller goes away, or does not send its request. One timer for all of it."""

import asyncio
from typing import Final, Self

from apps.core.body_limit import Receive

UPLOAD_SECONDS: Final = 60.0  # for the whole body: 16 MiB at 2.3 Mbit/s
LISTEN_AFTER: Final = 0.05  # seconds: most calls are over by then, and never pay for a task that listens
LOOK_EVERY: Final = 5.0
STALLED_SECONDS: Final = 60.0  # that nothing of an answer is taken; the connection and its provider's are not held for ever


class Departure:
    """Cancels the task that entered the block as soon as its caller is gone; `gone` tells that from any other cancellation.

    It listens once the request's body has been read (`body_is_read`), and cancels the task as well where that takes too long. Whoever
    writes sets `writing_since` to `now()` before, to 0 after it.
    """

    __slots__ = (
        "_is_late",
        "_is_reading",
        "_is_slow",
        "_listener",
        "_loop",
        "_receive",
        "_task",
        "_timer",
        "gone",
        "upload_seconds",
        "writing_since",
    )

    def __init__(self, receive: Receive, *, upload_seconds: float = UPLOAD_SECONDS) -> None:
        self._receive = receive
        self._listener: asyncio.Task[None] | None = None
        self._is_reading = True
        self._is_slow = self._is_late = False
        self.upload_seconds = upload_seconds
        self.writing_since = 0.0
        self.gone = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a request is served by a task
        self._task, self._loop = task, task.get_loop()
        self._timer = self._loop.call_later(LISTEN_AFTER, self._listen)
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def now(self) -> float:
        return self._loop.time()

    def body_is_read(self) -> None:
        """From here nobody else asks `receive`."""
        self._is_reading = False
        if self._is_slow:
            self._timer.cancel()
            self._timer = self._loop.call_later(LISTEN_AFTER, self._listen)

    def takes_back(self) -> bool:
        """Whether the task was cancelled because the body does not come; then it goes on."""
        if self._is_late:
            self._task.uncancel()
        return self._is_late

    def _listen(self) -> None:
        if self._is_reading:
            self._is_slow = True
            self._timer = self._loop.call_later(self.upload_seconds - LISTEN_AFTER, self._give_up)
            return
        self._listener = self._loop.create_task(self._wait())
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)

    def _give_up(self) -> None:
        self._is_late = True
        self._task.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _look(self) -> None:
        if self.writing_since and self.now() - self.writing_since > STALLED_SECONDS:
            self._leave()
        else:
            self._timer = self._loop.call_later(LOOK_EVERY, self._look)

    def _leave(self) -> None:
        self.gone = True
        self._task.cancel()
