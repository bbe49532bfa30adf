"""The answer to a call out: its head as it is, its body as it arrives, decoded and under the limits (spec 07 B6)."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from apps.core.decoding import BodyDecoder, too_large
from apps.core.outbound import Limits
from apps.core.pool import Origin, Pool
from apps.core.wire import Sink, Wire


@dataclass(frozen=True, slots=True)
class Exchange:
    """A complete answer, whatever its status. Milliseconds count from the start of `send`; `received_bytes` includes the headers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    first_byte_ms: float
    total_ms: float
    received_bytes: int

    def header(self, name: str) -> str:
        """All values of a header, whatever its case, joined by commas; "" where there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


class Incoming:
    """An answer whose head has come in; its body is read as it arrives. Close it whatever happens: `async with`.

    Milliseconds count from the start of the call. Every failure on the way is an OutboundError; the total limit goes on counting, also
    while nobody reads. A body can be read once, by `chunks` or `read` or `exchange`.
    """

    __slots__ = (
        "_answer",
        "_headers",
        "_limits",
        "_origin",
        "_pieces",
        "_pool",
        "_pumped",
        "_raw",
        "_started",
        "_wire",
        "first_byte_ms",
        "received",
        "status",
    )

    def __init__(self, wire: Wire, pool: Pool | None, origin: Origin, limits: Limits, started: float) -> None:
        """`started` is the time.perf_counter() of the call; without a `pool` the connection is closed after the answer."""
        answer = wire.answer
        self._wire: Wire | None = wire
        self._answer = answer
        self._pool = pool
        self._origin = origin
        self._limits = limits
        self._started = started
        self._raw = answer.headers
        self._headers: tuple[tuple[str, str], ...] | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._pumped: BodyDecoder | None = None
        self.status = answer.status
        self.received = 0  # bytes in all, once the call is over
        self.first_byte_ms = ((wire.first_byte_at or started) - started) * 1000

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        if self._headers is None:
            self._headers = tuple((name.decode("latin-1"), value.decode("latin-1").rstrip(" \t")) for name, value in self._raw)
        return self._headers

    def header(self, name: str) -> str:
        """All values of a header, whatever its case, joined by commas; "" where there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection up: for the next call where the body was read to its end, else it is closed at once.

        A body that was not read to its end is not waited for: the server sees that we left.
        """
        if self._wire is not None:
            self._end(self._wire).abort()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes, decoded, as they arrive: what came in one read is one piece. Never an empty one.

        While nobody asks for the next piece, at most a few hundred kilobytes are taken from the server. Raises OutboundError, also for a
        body that was cut, after the pieces that came.
        """
        wire = self._wire
        if wire is None:
            return
        decoder = self._decoder()
        plain = decoder.is_plain
        while True:
            data = wire.take()
            if data and plain:
                decoder.count(len(data))
                yield data
            elif data:
                async for piece in _with_turns(decoder, data):
                    yield piece
            elif self._answer.complete:
                break
            else:
                await wire.more()
        self._give_back(wire)
        decoder.finish()

    async def pump(self, sink: Sink) -> bool:
        """Call `sink` with each piece of the body as it arrives until it says False; then call this again. False at the body's end.

        Like `chunks`, but for pieces that go on at once: no task is woken for them. What the sink raises comes out here.
        """
        wire = self._wire
        if wire is None:
            return False
        if self._answer.content_encoding:
            self._pieces = self._pieces or self.chunks()
            async for piece in self._pieces:
                if not sink(piece):
                    return True
            return False
        decoder = self._pumped = self._pumped or self._decoder()
        goes_on = True

        def take(data: bytes) -> bool:
            nonlocal goes_on
            decoder.count(len(data))
            goes_on = sink(data)
            return goes_on

        while goes_on:
            if data := wire.take():
                take(data)
            elif self._answer.complete:
                self._give_back(wire)
                return False
            else:
                await wire.pump(take)
        return True

    def leave(self) -> None:
        """What was wanted of the answer has come, though perhaps not the end of its body. If that comes soon, the connection is kept."""
        wire, pool, origin = self._wire, self._pool, self._origin
        if wire is None:
            return
        self._end(wire)
        if pool is None or wire.closed or self._answer.pieces:
            wire.abort()
        elif self._answer.complete:
            pool.give(origin, wire)
        else:
            wire.linger(lambda wire: pool.give(origin, wire))

    async def read(self) -> bytes:
        """The whole body; at once where it has come already."""
        wire, answer = self._wire, self._answer
        if wire is not None and answer.complete and not answer.content_encoding:
            body = wire.take()
            self._give_back(wire)
            if len(body) > self._limits.body_bytes:
                raise too_large(self._limits.body_bytes)
            return body
        whole = bytearray()
        async for piece in self.chunks():
            whole += piece
        return bytes(whole)

    async def exchange(self) -> Exchange:
        """The whole answer as `send` gives it."""
        body = await self.read()
        total_ms = (time.perf_counter() - self._started) * 1000
        return Exchange(self.status, self.headers, body, self.first_byte_ms, total_ms, self.received)

    def _decoder(self) -> BodyDecoder:
        """Raises OutboundError where it is known already that the body cannot be read."""
        limit = self._limits.body_bytes
        decoder = BodyDecoder(self._answer.content_encoding.decode("latin-1"), limit)
        if not self._answer.complete and (self._answer.content_length or 0) > limit:
            raise too_large(limit)
        return decoder

    def _give_back(self, wire: Wire) -> None:
        self._end(wire)
        if self._pool is None:
            wire.abort()
        else:
            self._pool.give(self._origin, wire)

    def _end(self, wire: Wire) -> Wire:
        """From here the connection may be another call's."""
        self._wire = None
        self.received = self._answer.received
        return wire


async def _with_turns(decoder: BodyDecoder, data: bytes) -> AsyncIterator[bytes]:
    """What `data` decodes to. Other calls get their turn while much is decompressed."""
    first = True
    for piece in decoder.feed(data):
        if not first:
            await asyncio.sleep(0)
        first = False
        if piece:
            yield piece
