"""AWS's event-stream framing: how Bedrock streams. Each message has two lengths, two checksums and typed headers."""

import struct
import zlib

from apps.demo.provider.messages import JsonObject, compact

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def event(name: str, payload: JsonObject) -> bytes:
    return message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, compact(payload).encode())


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One framed message: total length, length of the headers, checksum of both, headers, payload, checksum of everything."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    framed = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return framed + struct.pack("!I", zlib.crc32(framed))
