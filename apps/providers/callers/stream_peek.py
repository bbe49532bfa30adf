"""A streamed answer on its way to a caller of the same format: what goes on, and what it says (spec 04, spec 08)."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from io import StringIO
from typing import Final

from apps.providers.chat import Usage
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.reading import cut_off, raise_error_in
from apps.providers.variables import compact_json

MAX_EVENT: Final = 1024 * 1024  # bytes of one event; a longer one passes unread
MAX_KEPT: Final = 1024 * 1024  # characters of the answer that are kept for its trace
MAX_CALLS: Final = 128  # of one answer
MAX_ARGUMENTS: Final = 64 * 1024  # characters that are kept of each call
_END: Final = re.compile(rb"\n\n|\n\r\n|\r\r")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class Kept:
    """Text that comes in pieces, as far as it is kept. One text from the start: an object for each piece would take fifty bytes more."""

    __slots__ = ("_read", "_room")

    def __init__(self, room: int = MAX_KEPT) -> None:
        self._read = StringIO()
        self._room = room

    def add(self, piece: str) -> None:
        if self._room > 0:
            self._read.write(piece[: self._room])
            self._room -= len(piece)

    def __str__(self) -> str:
        return self._read.getvalue()

    def __bool__(self) -> bool:
        return self._read.tell() > 0


class StreamPeek(ABC):
    """Feed it with the body as it arrives, and send on what `feed` gives back. At the end of the body, or once it `ended`, call `finish`,
    which raises if the answer is not complete; else record the call, and then send `last`: only that tells the caller that it is done.

        async for data in call.chunks():
            await send(peek.feed(data))
            if peek.ended:
                break
        peek.finish()
        call.succeed(peek.output, peek.usage)
        await send(peek.last)
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.model = ""
        self.ended = False  # the provider's last event is in `last`
        self.last = b""  # held back: that event, be it the end or an error, and what came behind it
        self.error: ProviderError | None = None
        # What the format's own reader notes:
        self.text = Kept()
        self.stopped = False  # the provider has said why it stopped
        self._calls: dict[int, tuple[str, str, Kept]] = {}  # ID, name, arguments
        self._recognized = False  # there was an event
        self._rest: bytearray | None = None  # the beginning of an event whose end has not come
        self._unread = False  # within an event that is too long to be read

    @property
    def began(self) -> bool:
        """Whether the first piece of the answer has come."""
        return bool(self.text or self._calls)

    @property
    def output(self) -> str:
        """The answer's text so far, else its tool calls as JSON."""
        if self.text or not self._calls:
            return str(self.text)
        return compact_json([{"id": key, "name": name, "arguments": str(said)} for key, name, said in self._calls.values()])

    def feed(self, data: bytes) -> bytes:
        """What is to be sent on now: every event that is complete, unchanged."""
        if self.ended:
            self.last += data
            return b""
        if self._rest:
            known = max(0, len(self._rest) - 3)  # where no event ends, but for the beginning of a blank line
            self._rest += data
            if len(self._rest) <= MAX_EVENT and not any(_ends(self._rest[known:])):
                return b""
            data = bytes(self._rest)
        passed, start, sent = b"", 0, 0
        for end in _ends(data):
            if not self._passes(data[start:end]):
                passed += data[sent:start]
                sent = end
            start = end
            if self.ended:
                self.last += data[end:]
                start = sent = len(data)
                break
        if len(data) - start > MAX_EVENT:
            self._unread, start = True, len(data)
        self._rest = bytearray(data[start:]) if start < len(data) else None
        return passed + data[sent:start]

    def finish(self) -> None:
        """The body is over. Raises ProviderError: what the provider said in an error event, NOT_THE_FORMAT, DISCONNECTED for a cut."""
        if self._rest and not self.ended:  # a last event without its blank line
            rest, self._rest = bytes(self._rest), None
            if self._passes(rest):
                self.last = rest
        if self.error:
            raise self.error
        if not self._recognized:
            message = "The response is no stream of events, though a streamed answer was asked for."
            raise ProviderError(ErrorKind.NOT_THE_FORMAT, message, "Check that the model can stream, and the endpoint URL.")
        if not self.ended and not self.stopped:
            raise cut_off()

    def _passes(self, event: bytes) -> bool:
        """Read one event, and say whether it goes on at once."""
        if self._unread:
            self._unread = False
            return True
        data = _data_of(event)
        if not data:
            return True
        self._recognized = True
        passes = self._read(data)
        if self.ended:
            self.last = event
            return False
        return passes

    @abstractmethod
    def _read(self, data: bytes) -> bool:
        """Take what one event says; False for one that is kept from the caller. Sets `ended` at the last one."""

    def _fail(self, said: object) -> None:
        """The provider broke off, with this in its event's `error`."""
        try:
            raise_error_in({"error": said})  # type: ignore[dict-item]  # it is decoded JSON
        except ProviderError as error:
            self.error = error
            self.ended = True

    def _start_call(self, index: int, call_id: str, name: str) -> None:
        if len(self._calls) < MAX_CALLS:
            self._calls.setdefault(index, (call_id, name, Kept(MAX_ARGUMENTS)))

    def _add_arguments(self, index: int, text: str) -> None:
        if index in self._calls:
            self._calls[index][2].add(text)


def _ends(data: bytes | bytearray) -> Iterator[int]:
    """Where each event in the data ends, behind its blank line."""
    if b"\r" in data:
        yield from (found.end() for found in _END.finditer(data))
        return
    end = data.find(b"\n\n") + 2
    while end >= 2:
        yield end
        end = data.find(b"\n\n", end) + 2


def _data_of(event: bytes) -> bytes:
    """The data of an event: mostly one line, and the last before the blank one."""
    start = event.find(b"data: {")
    begins_line = start == 0 or (start > 0 and event[start - 1 : start] == b"\n")
    if begins_line and event.find(b"\n", start) >= len(event) - 3:
        return event[start + 6 :]
    lines = (line for line in _LINE_END.split(event) if line.startswith(b"data:"))
    return b"\n".join(line[5:] for line in lines).strip()
