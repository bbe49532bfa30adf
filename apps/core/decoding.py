"""Answer bodies, read and decompressed under a cap (spec 07 B6).

httpx inflates gzip without a bound (1 MB became 2 GB), so the compressed bytes are taken raw and decoded here.
"""

import zlib
from collections.abc import Iterator

from apps.core.outbound import Failure, OutboundError

SLICE = 256 * 1024  # bytes decoded in one go; the event loop gets a turn between slices
GZIP_WINDOW = 31  # zlib's number for "a gzip header and trailer, checked"


class BodyReader:
    """Collects an answer's body of at most `limit` bytes, before and after decoding."""

    def __init__(self, content_encoding: str, limit: int) -> None:
        """`content_encoding` is the header's value. Raises OutboundError(decode_failed) for anything but gzip."""
        encoding = content_encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _broken(f"The answer is encoded as {encoding[:40]!r}, though only gzip was offered.")
        self._limit = limit
        self._taken = 0
        self._body = bytearray()
        self._compressed = encoding in {"gzip", "x-gzip"}
        self._member = zlib.decompressobj(GZIP_WINDOW)

    def feed(self, data: bytes) -> Iterator[None]:
        """Take the next bytes; yields after each decoded slice. Raises OutboundError response_too_large or decode_failed."""
        self._taken += len(data)
        if self._taken > self._limit:  # also for gzip, which can be endless and yet decode to nothing
            raise too_large(self._limit)
        if self._compressed:
            yield from self._inflate(data)
        else:
            self._body += data

    def finish(self) -> bytes:
        """The whole body. Raises OutboundError(decode_failed) where a gzip stream was cut off."""
        if self._compressed and self._taken and not self._member.eof:
            raise _broken("The answer's gzip data was cut off.")
        return bytes(self._body)

    def _inflate(self, data: bytes) -> Iterator[None]:
        while data:  # zlib takes the trailer's bytes only after the last output, so nothing is left behind when the input is used up
            if self._member.eof:  # RFC 1952: a gzip file may have several members
                self._member = zlib.decompressobj(GZIP_WINDOW)
            try:
                piece = self._member.decompress(data, SLICE)
            except zlib.error:
                raise _broken("The answer says it is gzip, but it cannot be decompressed.") from None
            if len(self._body) + len(piece) > self._limit:
                raise too_large(self._limit)
            self._body += piece
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            yield


def too_large(limit: int) -> OutboundError:
    return OutboundError(
        Failure.RESPONSE_TOO_LARGE,
        f"The answer is larger than {limit / 2**20:g} MiB, the most that is read.",
        "Ask the model for less, for example with a lower token limit.",
    )


def _broken(message: str) -> OutboundError:
    return OutboundError(Failure.DECODE_FAILED, message, "The server, or a proxy before it, compresses its answers wrongly.")
