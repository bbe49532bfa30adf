"""AWS's binary event stream: cut anywhere, checked, bounded, and read as AWS's own reader reads it."""

import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.eventstream import MAX_FRAME, EventStreamDecoder, Frame
from tests.providers.chat_support import cut, event_frame, frame

NAMES = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=20)


def decoded(*pieces: bytes) -> list[Frame]:
    decoder = EventStreamDecoder()
    return [found for piece in pieces for found in decoder.feed(piece)]


@given(
    st.lists(st.tuples(st.dictionaries(NAMES, st.text(max_size=50), max_size=4), st.binary(max_size=100)), min_size=1, max_size=4),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_as_awss_own_reader_wherever_it_is_cut(messages: list[tuple[dict[str, str], bytes]], places: list[int]) -> None:
    stream = b"".join(frame(headers, payload) for headers, payload in messages)
    found = [(message.headers, message.payload) for message in decoded(*cut(stream, places))]
    theirs = EventStreamBuffer()
    theirs.add_data(stream)
    assert found == [(message.headers, message.payload) for message in theirs] == messages


def test_headers_of_other_types_are_passed_over() -> None:
    values = [b"\x00", b"\x01", b"\x02\x01", b"\x03\x00\x01", b"\x04" + bytes(4), b"\x05" + bytes(8), b"\x06\x00\x02ab", b"\x08" + bytes(8)]
    head = b"".join(b"\x01x" + value for value in [*values, b"\x09" + bytes(16), b"\x07\x00\x02hi"])
    assert decoded(_framed(head, b"{}")) == [Frame({"x": "hi"}, b"{}")]


@pytest.mark.parametrize("place", [0, 5, 9, 14, 40, -1])
def test_a_changed_byte_is_found(place: int) -> None:
    data = bytearray(event_frame("messageStart", b'{"role":"assistant"}'))
    data[place] ^= 1
    with pytest.raises(ProviderError) as raised:
        decoded(bytes(data))
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"message": "The security token is invalid."}', ErrorKind.NOT_THE_FORMAT),
        (struct.pack(">II", MAX_FRAME + 1, 0), ErrorKind.RESPONSE_TOO_LARGE),
        (struct.pack(">II", 2**32 - 1, 2**32 - 1), ErrorKind.RESPONSE_TOO_LARGE),
        (struct.pack(">II", 12, 0), ErrorKind.NOT_THE_FORMAT),
        (struct.pack(">II", 20, 100), ErrorKind.NOT_THE_FORMAT),
    ],
)
def test_hostile_lengths(data: bytes, kind: ErrorKind) -> None:
    """Refused as soon as the lengths are read, before anything of the frame is waited for."""
    data = data if data.startswith(b"{") else data + zlib.crc32(data).to_bytes(4)
    with pytest.raises(ProviderError) as raised:
        decoded(data)
    assert raised.value.kind is kind


@pytest.mark.parametrize("head", [b"\x05ab", b"\x01x", b"\x01x\x07\x00", b"\x01x\x07\x00\x09ab", b"\x01x\x0a", b"\x01x\x04\x00"])
def test_broken_headers(head: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        decoded(_framed(head, b""))
    assert raised.value.kind is ErrorKind.NOT_THE_FORMAT


def _framed(head: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + zlib.crc32(prelude).to_bytes(4) + head + payload
    return message + zlib.crc32(message).to_bytes(4)
