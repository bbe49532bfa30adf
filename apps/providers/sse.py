"""Server-sent events out of bytes that arrive cut anywhere (WHATWG HTML, 9.2.6)."""

import re
from dataclasses import dataclass
from typing import Final

from apps.providers.errors import ErrorKind, ProviderError

MAX_LINE: Final = 1024 * 1024  # bytes; also of one event's data altogether
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: its name, "" where it has none, and its data, lines joined by a line feed."""

    name: str
    data: str


class SseDecoder:
    """Feeds on bytes and gives events. One that the body ends within is dropped, as the standard says."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0  # bytes of the rest that hold no line end
        self._began = False
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self.recognized = False  # whether any line was one of this format

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes complete. Raises ProviderError(RESPONSE_TOO_LARGE)."""
        self._rest += data
        if not self._skip_bom():
            return []
        if self._after_cr and self._rest:
            self._after_cr = False
            if self._rest.startswith(b"\n"):
                del self._rest[:1]
        return [event for line in self._lines() if (event := self._read(line))]

    def looks_wrong(self) -> bool:
        """Whether what came so far is something else than such a stream, a web page for example."""
        start = bytes(self._rest[:5])
        return not self.recognized and bool(start) and not any(start.startswith(name) or name.startswith(start) for name in _FIELDS)

    def _skip_bom(self) -> bool:
        """Take a byte order mark from the beginning. False while it may still be incomplete."""
        if not self._began:
            if len(self._rest) < len(_BOM) and _BOM.startswith(self._rest):
                return False
            self._began = True
            if self._rest.startswith(_BOM):
                del self._rest[: len(_BOM)]
        return True

    def _lines(self) -> list[bytes]:
        lines = []
        start = 0
        while end := _LINE_END.search(self._rest, max(start, self._searched)):
            lines.append(bytes(self._rest[start : end.start()]))
            start = end.end()
        # A line ends at once with CR, so that its event need not wait; an LF that comes later belongs to it.
        self._after_cr = bool(start) and start == len(self._rest) and self._rest.endswith(b"\r")
        del self._rest[:start]
        self._searched = len(self._rest)
        if max(map(len, [*lines, self._rest])) > MAX_LINE:
            raise _too_long()
        return lines

    def _read(self, line: bytes) -> SseEvent | None:
        """Take one line; a blank one completes the event."""
        if not line:
            return self._complete()
        name, _, value = line.decode("utf-8", errors="replace").partition(":")
        value = value.removeprefix(" ")
        self.recognized = self.recognized or name in ("", "data", "event", "id", "retry")
        if name == "event":
            self._name = value
        elif name == "data":
            self._size += len(line)
            if self._size > MAX_LINE:
                raise _too_long()
            self._data.append(value)
        return None

    def _complete(self) -> SseEvent | None:
        event = SseEvent(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event


def _too_long() -> ProviderError:
    message = f"The provider streams an event of more than {MAX_LINE:,} bytes."
    return ProviderError(ErrorKind.RESPONSE_TOO_LARGE, message, "Ask for the answer in one piece, without streaming.")
