"""AWS's binary event stream (application/vnd.amazon.eventstream) out of bytes that arrive cut anywhere.

A frame: total length, length of the headers, CRC-32 of these eight bytes (4 bytes each, big endian); headers; payload; CRC-32 of all
before it. A header: length of its name (1 byte), name, type (1 byte), value.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from apps.providers.errors import ErrorKind, ProviderError

MAX_FRAME: Final = 1024 * 1024  # bytes; AWS allows 24 MB, a model's answer comes in pieces of some hundred
MAX_HEADERS: Final = 128 * 1024  # bytes, as AWS has it
_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">H")
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # bytes that a value of the type has: true, false, numbers, time, UUID
_BYTES, _STRING = 6, 7  # types whose value has its length before it


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its headers that hold text, and its payload."""

    headers: dict[str, str]
    payload: bytes = field(repr=False)

    def text(self, name: str) -> str:
        return self.headers.get(name, "")


class EventStreamDecoder:
    """Feeds on bytes and gives frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete. Raises ProviderError: NOT_THE_FORMAT for what is no such stream, RESPONSE_TOO_LARGE."""
        self._rest += data
        frames = []
        while len(self._rest) >= _PRELUDE.size:
            length, headers_length = self._prelude()
            if len(self._rest) < length:
                break
            frames.append(_read_frame(bytes(self._rest[:length]), headers_length))
            del self._rest[:length]
        return frames

    def _prelude(self) -> tuple[int, int]:
        """The frame's length and that of its headers, once their checksum has vouched for them."""
        length, headers_length, checksum = _PRELUDE.unpack_from(self._rest)
        if zlib.crc32(self._rest[:8]) != checksum:
            raise _broken("the checksum of a frame's beginning is wrong")
        if length > MAX_FRAME or headers_length > MAX_HEADERS:
            message = f"The provider streams a frame of more than {MAX_FRAME:,} bytes."
            raise ProviderError(ErrorKind.RESPONSE_TOO_LARGE, message, "Ask for the answer in one piece, without streaming.")
        if length < _PRELUDE.size + headers_length + _CRC.size:
            raise _broken("a frame is shorter than its headers")
        return length, headers_length


def _read_frame(frame: bytes, headers_length: int) -> Frame:
    if zlib.crc32(frame[: -_CRC.size]) != _CRC.unpack_from(frame, len(frame) - _CRC.size)[0]:
        raise _broken("the checksum of a frame is wrong")
    start = _PRELUDE.size
    end = start + headers_length
    return Frame(_read_headers(frame[start:end]), frame[end : -_CRC.size])


def _read_headers(data: bytes) -> dict[str, str]:
    """The headers of the type string; those of other types are checked and passed over."""
    headers = {}
    position = 0
    while position < len(data):
        name, position = _take(data, position + 1, data[position])
        kind, position = _take(data, position, 1)
        size = _SIZES.get(kind[0])
        if kind[0] in (_BYTES, _STRING):
            raw, position = _take(data, position, _LENGTH.size)
            size = _LENGTH.unpack(raw)[0]
        if size is None:
            raise _broken(f"a header has the unknown type {kind[0]}")
        value, position = _take(data, position, size)
        if kind[0] == _STRING:
            headers[name.decode("utf-8", errors="replace")] = value.decode("utf-8", errors="replace")
    return headers


def _take(data: bytes, position: int, size: int) -> tuple[bytes, int]:
    if position + size > len(data):
        raise _broken("a header is cut short")
    return data[position : position + size], position + size


def _broken(reason: str) -> ProviderError:
    message = f"The response is no event stream of Amazon Bedrock: {reason}."
    return ProviderError(ErrorKind.NOT_THE_FORMAT, message, "Check the endpoint URL, and that nothing on the way changes the response.")
