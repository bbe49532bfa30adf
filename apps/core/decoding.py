"""Answer bodies, decompressed as they come and under a cap (spec 07 B6).

Other clients inflate gzip without a bound (1 MB became 2 GB), so the compressed bytes are taken raw and decoded here.
"""

import zlib
from collections.abc import Iterator

from apps.core.outbound import Failure, OutboundError

SLICE = 256 * 1024  # bytes decoded in one go; the event loop gets a turn between slices
BITE = 16 * 1024  # compressed bytes in one go: zlib copies the rest for each member, and a member can be as short as 20 bytes
GZIP_WINDOW = 31  # zlib's number for "a gzip header and trailer, checked"


class BodyDecoder:
    """Watches and decodes an answer's body of at most `limit` bytes, before and after decoding."""

    __slots__ = ("_given", "_limit", "_member", "_taken")

    def __init__(self, content_encoding: str, limit: int) -> None:
        """`content_encoding` is the header's value. Raises OutboundError(decode_failed) for anything but gzip."""
        encoding = content_encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _broken(f"The answer is encoded as {encoding[:40]!r}, though only gzip was offered.")
        self._limit = limit
        self._taken = 0
        self._given = 0
        self._member = zlib.decompressobj(GZIP_WINDOW) if encoding in {"gzip", "x-gzip"} else None

    @property
    def is_plain(self) -> bool:
        """Whether `count` is all there is to do for each piece."""
        return self._member is None

    def count(self, size: int) -> None:
        """So many more bytes came. Raises OutboundError(response_too_large)."""
        self._taken += size
        if self._taken > self._limit:  # also for gzip, which can be endless and yet decode to nothing
            raise too_large(self._limit)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes of gzip decode to, in slices; some are empty. Raises OutboundError response_too_large or decode_failed."""
        self.count(len(data))
        if self._member is None:
            raise ValueError("A plain body needs no decoding.")
        for start in range(0, len(data), BITE):
            yield from self._inflate(data[start : start + BITE], self._member)

    def finish(self) -> None:
        """The body is complete. Raises OutboundError(decode_failed) where a gzip stream was cut off."""
        if self._member is not None and self._taken and not self._member.eof:
            raise _broken("The answer's gzip data was cut off.")

    def _inflate(self, data: bytes, member: "zlib._Decompress") -> Iterator[bytes]:
        while data:  # zlib takes the trailer's bytes only after the last output, so nothing is left behind when the input is used up
            if member.eof:  # RFC 1952: a gzip file may have several members
                member = self._member = zlib.decompressobj(GZIP_WINDOW)
            try:
                piece = member.decompress(data, SLICE)
            except zlib.error:
                raise _broken("The answer says it is gzip, but it cannot be decompressed.") from None
            self._given += len(piece)
            if self._given > self._limit:
                raise too_large(self._limit)
            data = member.unused_data if member.eof else member.unconsumed_tail
            yield piece


def too_large(limit: int) -> OutboundError:
    return OutboundError(
        Failure.RESPONSE_TOO_LARGE,
        f"The answer is larger than {limit / 2**20:g} MiB, the most that is read.",
        "Ask the model for less, for example with a lower token limit.",
    )


def _broken(message: str) -> OutboundError:
    return OutboundError(Failure.DECODE_FAILED, message, "The server, or a proxy before it, compresses its answers wrongly.")
