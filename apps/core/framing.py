"""Where an HTTP/1.1 answer begins and ends (RFC 9112): heads, bodies, and what must not be read as either.

httptools (llhttp) does the reading and refuses what is malformed; this module keeps to what it leaves open: interim answers, answers that
end with the connection, the limit of the head, framing that two readers could understand differently, and bytes after the end. It knows
neither sockets nor clocks.
"""

from httptools import HttpParserError, HttpResponseParser

from apps.core.answer_failures import headers_too_large, not_http, too_much_framing

NO_BODY = frozenset({204, 304})
# One content byte in a chunk of its own has five bytes around it. Whoever sends more than this has something else in mind (chunk
# extensions without end), which no other limit would see: it is neither head nor body.
FRAMING_PER_BYTE = 16

type RawHeaders = list[tuple[bytes, bytes]]


class _Refused(Exception):
    """Raised inside a callback of the parser to stop it; comes out of it as an HttpParserError."""


class AnswerParser:
    """Reads the answers of one connection, one after the other: `expect` each, then `feed` what comes, or tell of the `end`.

    Body bytes gather in `pieces` (`buffered` bytes in all), still encoded, until somebody takes them.
    """

    __slots__ = (
        "_fields",
        "_head_only",
        "_header_limit",
        "_parser",
        "_quiet",
        "body_bytes",
        "buffered",
        "complete",
        "content_encoding",
        "content_length",
        "headers",
        "in_head",
        "keep_alive",
        "pieces",
        "received",
        "status",
        "surplus",
        "until_close",
    )

    def __init__(self, header_limit: int, *, head_only: bool) -> None:
        self._parser = HttpResponseParser(self)
        self.expect(header_limit, head_only=head_only)

    def expect(self, header_limit: int, *, head_only: bool) -> None:
        """Begin with the next answer. `head_only`: it answers HEAD, so that no body follows whatever its headers say."""
        self._header_limit = header_limit
        self._head_only = head_only
        self.received = 0
        self._quiet = 0  # bytes since the head or content last came
        self.in_head = True
        self.status = 0
        self.headers: RawHeaders = []
        self._fields: RawHeaders = []
        self.content_encoding = b""
        self.content_length: int | None = None
        self.until_close = False
        self.pieces: list[bytes] = []
        self.buffered = 0
        self.body_bytes = 0
        self.complete = False
        self.keep_alive = False
        self.surplus = False

    def feed(self, data: bytes) -> None:
        """Take what came in. Raises OutboundError for what is not an answer, or has no end to its head."""
        before, content = self.received, self.body_bytes
        self.received = before + len(data)
        try:
            if self.in_head and self.received > self._header_limit:
                self._feed_across_limit(data, self._header_limit - before)
            else:
                self._parser.feed_data(data)
        except HttpParserError:
            if not self.complete:
                raise not_http(b"" if before else data) from None
            self.surplus = True  # what comes after the end is not part of the answer, and spoils the connection only
        if not (self.complete or self.in_head):
            self._quiet = 0 if self.body_bytes > content else self._quiet + len(data)
            if self._quiet > self._header_limit or self.received > 2 * self._header_limit + FRAMING_PER_BYTE * self.body_bytes:
                raise too_much_framing()

    def _feed_across_limit(self, data: bytes, left: int) -> None:
        """The limit is exact, and counts the head only: a body that comes along is not held against it."""
        self._parser.feed_data(data[:left])
        if self.in_head:
            raise headers_too_large(self._header_limit)
        self._parser.feed_data(data[left:])

    def end(self) -> bool:
        """The server closed its side. Whether the answer is complete with that."""
        if self.until_close and not self.in_head:
            self.complete = True
        return self.complete

    # Called by httptools.

    def on_message_begin(self) -> None:
        if self.complete:
            raise _Refused  # a second answer, to a question that nobody asked

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # what comes later are trailers, which nobody asked for
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete:
            raise _Refused
        status = self.status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise _Refused  # another protocol, which was not offered
            self._fields.clear()
            return
        self.in_head = False
        self.headers, self._fields = self._fields, []
        self._read_framing()
        if self._head_only:
            self.complete = True  # without keep_alive: the parser waits for the body, so it cannot go on with the next answer

    def on_body(self, data: bytes) -> None:
        if self.complete:
            return
        self.pieces.append(data)
        size = len(data)
        self.buffered += size
        self.body_bytes += size

    def on_message_complete(self) -> None:
        if not self.in_head:  # an interim answer is complete, too
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()

    def _read_framing(self) -> None:
        """Content-Length beside Transfer-Encoding, or twice, is refused by the parser; other unclear framing here (RFC 9112, 6.3)."""
        chunked = False
        for name, value in self.headers:
            size = len(name)  # tells most headers apart without a copy in lower case
            if size == 14 and name.lower() == b"content-length":
                self.content_length = int(value)
            elif size == 16 and name.lower() == b"content-encoding":
                self.content_encoding += b", " + value if self.content_encoding else value
            elif size == 17 and name.lower() == b"transfer-encoding":
                if chunked or value.strip().lower() != b"chunked" or self._parser.get_http_version() != "1.1":
                    raise _Refused
                chunked = True
        self.until_close = not chunked and self.content_length is None and self.status not in NO_BODY
