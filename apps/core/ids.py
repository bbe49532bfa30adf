"""IDs in the order of time."""

import os
import time
from uuid import UUID, SafeUUID


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds since 1970, then random bits. Python has its own from 3.14 on."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    # Past UUID's own constructor, whose checks take 2 us of a call.
    made = object.__new__(UUID)
    object.__setattr__(made, "int", value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made
