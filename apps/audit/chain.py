"""The canonical form of an event and its hash: the rule of docs/audit-format.md, and nothing else."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from apps.providers.types import JsonValue

FORMAT = "patchbay-audit-1"
GENESIS = "0" * 64
PLATFORM = "platform"

# What an event's hash covers, besides the format's name. `hash` itself and the database's row number are left out.
HASHED_FIELDS = (
    "chain",
    "sequence",
    "event",
    "category",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_name",
    "target_type",
    "target_id",
    "target_name",
    "changes",
    "description",
    "ip",
    "user_agent",
    "request_id",
    "created_at",
    "previous_hash",
)


def canonical(value: JsonValue) -> bytes:
    """JSON with sorted keys, no blanks and no needless escapes, as UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def timestamp(moment: datetime) -> str:
    """The one text form of a time: UTC, always six decimals, "2026-11-20T09:30:00.000000Z"."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def event_hash(values: Mapping[str, JsonValue]) -> str:
    """SHA-256 over the canonical form of HASHED_FIELDS, as 64 hex digits. `created_at` is given as timestamp() writes it."""
    content: dict[str, JsonValue] = {name: values[name] for name in HASHED_FIELDS}
    return hashlib.sha256(canonical({"format": FORMAT, **content})).hexdigest()
