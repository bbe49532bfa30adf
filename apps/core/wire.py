"""One connection as asyncio's protocol: a request out, its answer in, its time limits and back-pressure (spec 07 B6, spec 08).

    idle --call()--> waiting for the head --> the body comes --> complete --reset by the next call()
      any of these --fail()/abort()/the server--> closed

Everything happens in the callbacks of the event loop; a caller is woken once for a head, and once for each read of a body it waits for.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from math import inf
from typing import cast

from apps.core import tls
from apps.core.addresses import Address
from apps.core.answer_failures import disconnected, fell_silent, first_byte_timeout, timed_out
from apps.core.framing import AnswerParser
from apps.core.outbound import Limits, OutboundError

type Sink = Callable[[bytes], bool]

HIGH_WATER = 64 * 1024  # bytes of a body that wait for a slow consumer before the socket is no longer read
LINGER_SECONDS = 1.0
WRITE_SLICE = 256 * 1024  # bytes of a request that the transport gets in one go: over TLS it holds what it has in a second form


class Wire(asyncio.Protocol):
    """A connection to `host`, for one call after the other.

    `error` says why it is closed, where that is a call's business. A connection that fails is closed at once, without a goodbye: a server
    that does not answer one must not keep it.
    """

    __slots__ = (
        "_alarm",
        "_alarm_at",
        "_busy",
        "_limits",
        "_linger",
        "_loop",
        "_next_by",
        "_paused",
        "_total_by",
        "_transport",
        "_unsent",
        "_waiter",
        "_write_paused",
        "address",
        "answer",
        "calls",
        "checked_until",
        "closed",
        "error",
        "first_byte_at",
        "host",
        "idle_since",
        "sink",
    )

    def __init__(self, host: str, limits: Limits, *, head_only: bool) -> None:
        """For a first call under `limits`. What the server says before it is asked is read as the answer to that call."""
        self.host = host
        self.address: Address | None = None  # where it leads, once it is open
        self.checked_until = 0.0  # time.time() from which the address has to be checked again
        self.idle_since = 0.0  # time of the loop
        self.calls = 0
        self.closed = False
        self.error: OutboundError | None = None
        self.first_byte_at: float | None = None  # time.perf_counter()
        self.answer = AnswerParser(limits.header_bytes, head_only=head_only)
        self.sink: Sink | None = None
        self._linger: Callable[[Wire], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._busy = True
        self._limits = limits
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._write_paused = False
        self._unsent: memoryview | None = None
        self._next_by = inf  # time of the loop by which something must come, while somebody waits
        self._total_by = inf
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf

    # For calls.

    async def call(self, head: bytes, body: bytes, limits: Limits, total_by: float, *, head_only: bool) -> None:
        """Send a request and wait for the head of its answer, up to `total_by` in the loop's time. Raises OutboundError.

        Whoever cancels this has to `abort`.
        """
        if self.calls:
            self.answer.expect(limits.header_bytes, head_only=head_only)
            self.first_byte_at = None
            self._busy = True
        self.calls += 1
        self._limits = limits
        self._total_by = total_by
        if self.first_byte_at is None:
            self._next_by = self._loop.time() + limits.first_byte
        if self.error is None:
            self._send(head, body)
            self._watch(min(self._next_by, total_by))
        while self.answer.in_head:
            await self._news()

    async def more(self) -> None:
        """Wait until there is more of the body, or its end. Raises OutboundError where there never will be."""
        if self.error is None:
            self._next_by = self._loop.time() + self._limits.between
            self._watch(min(self._next_by, self._total_by))
        await self._news()

    async def pump(self, sink: "Sink") -> None:
        """Like `more`, but what comes goes to `sink` in the event loop's callback, and no task is woken for it until that answers False.

        What the sink raises is raised here. What comes with the end of the body is left to be taken.
        """
        self.sink = sink
        try:
            await self.more()
        finally:
            self.sink = None

    def linger(self, done: "Callable[[Wire], None]") -> None:
        """Nobody reads any more, but the end of the body may be on its way. `done` gets the connection if that comes soon and alone."""
        self._linger = done
        self._total_by = self._loop.time() + LINGER_SECONDS
        self._watch(self._total_by)

    def take(self) -> bytes:
        """What has come of the body since the last time, still encoded."""
        answer = self.answer
        pieces = answer.pieces
        if not pieces:
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        answer.buffered = 0
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return data

    def rest(self) -> bool:
        """The call is over. Whether the connection may serve another one; if not, it is closed."""
        answer = self.answer
        if (
            answer.complete
            and answer.keep_alive
            and not answer.surplus
            and self._unsent is None
            and not self.closed
            and self._transport is not None
            and not self._transport.get_write_buffer_size()
        ):
            self._busy = False
            self._next_by = self._total_by = inf
            return True
        self.abort()
        return False

    def abort(self) -> None:
        """Close at once, so that the server sees that we left."""
        self.closed = True
        self._unsent = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of that class
        if self.closed:  # given up while the handshake went on
            self.abort()

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.abort()  # nothing was asked
            return
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()
            self._next_by = inf
        answer = self.answer
        if answer.complete:
            answer.surplus = True
            return
        try:
            answer.feed(data)
        except OutboundError as error:
            self._fail(error)
            return
        if self._linger is not None:
            self._end_of_lingering(self._linger)
            return
        if answer.buffered > HIGH_WATER and not self._paused and not answer.complete and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self.sink is not None and answer.pieces and not answer.complete:
            self._sink()
        elif not answer.in_head:
            self._wake()

    def eof_received(self) -> None:
        if self._busy and self.answer.end():
            self.answer.keep_alive = False
            self._wake()
        else:
            self._fail(disconnected(self.answer.received))

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ssl.SSLError):  # TLS 1.3 reports a missing client certificate only now
            self._fail(tls.explain(exc, self.host))
        else:
            self._fail(disconnected(self.answer.received))

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._unsent is not None:
            self._send_slices(self._unsent)

    # Inside.

    def _send(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - it is open
        if len(body) <= WRITE_SLICE:
            self._transport.write(head + body)  # in one packet, where it fits
        else:
            self._transport.write(head)
            self._send_slices(memoryview(body))

    def _send_slices(self, left: memoryview) -> None:
        """As much as the transport takes; `resume_writing` goes on. Waiting for that is waiting for the answer: it may come first."""
        transport = self._transport
        while left and not self._write_paused and transport is not None:
            transport.write(left[:WRITE_SLICE])
            left = left[WRITE_SLICE:]
        self._unsent = left or None

    async def _news(self) -> None:
        """Wait for the next `_wake`. Raises where there will be none; an error that comes meanwhile is left to the next time."""
        if self.error is not None:
            raise self.error
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _sink(self) -> None:
        """What has come goes on at once; the task that waits is woken only for what the sink leaves to it."""
        waiter = self._waiter
        if self.sink is None or waiter is None or waiter.done():
            return
        try:
            goes_on = self.sink(self.take())
        except Exception as error:  # noqa: BLE001 - it is raised where the sink came from
            waiter.set_exception(error)
            return
        if goes_on:
            self._next_by = self._loop.time() + self._limits.between
        else:
            waiter.set_result(None)

    def _end_of_lingering(self, done: "Callable[[Wire], None]") -> None:
        self._linger = None
        if self.answer.complete and not self.answer.pieces:
            done(self)
        else:
            self.abort()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: OutboundError) -> None:
        """What came before it stays to be taken. After a complete answer it is no longer the call's business."""
        if not self.closed:
            self.abort()
        if self.error is None and self._busy and not self.answer.complete:
            self.error = error
            self._wake()

    # One timer for each connection, for all its limits. Deadlines mostly move on before they come, so it is not set anew for each: when it
    # goes off too early, it looks at what is due next.

    def _watch(self, due: float) -> None:
        if due < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = due
            self._alarm = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._alarm, self._alarm_at = None, inf
        now = self._loop.time()
        waiting = self._waiter is not None
        if not self._busy or self.answer.complete:
            return
        if waiting and now >= self._next_by:
            self._fail(fell_silent(self._limits) if self.answer.received else first_byte_timeout(self._limits))
        elif now >= self._total_by:
            self._fail(timed_out(self._limits))
        else:
            self._watch(min(self._next_by if waiting else inf, self._total_by))
