"""What an event says about changed fields, in a form that two databases and an outside verifier read alike."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from apps.audit.chain import timestamp
from apps.core.redaction import redact
from apps.core.secrets import Secret
from apps.providers.jsonread import storable
from apps.providers.types import JsonValue

MAX_TEXT = 10_000  # characters of one value; a longer one is cut and says so
SAFE_INTEGER = 2**53  # beyond it JSON readers in other languages round
CHANGED = "changed"


def describe_changes(changes: Mapping[str, object]) -> dict[str, JsonValue]:
    """{field: (before, after)} or {field: value} as {field: {"before": ..., "after": ...}}. A secret on either side is only *changed*."""
    return {text(name): _describe(value) for name, value in changes.items()}


def text(value: str, limit: int = MAX_TEXT) -> str:
    """As stored: without values revealed in this call, without what databases refuse, at most `limit` characters."""
    clean = storable(redact(value))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _describe(value: object) -> JsonValue:
    if not isinstance(value, tuple):
        return {"after": _plain(value)}
    before, after = value
    if isinstance(before, Secret) or isinstance(after, Secret):
        return {"after": CHANGED}
    return {"before": _plain(before), "after": _plain(after)}


def _plain(value: object) -> JsonValue:
    """JSON without fractions: their text form differs between databases and languages, so they become texts."""
    match value:
        case None | bool():
            return value
        case Secret():
            return CHANGED
        case Enum():
            return _plain(value.value)
        case str():
            return text(value)
        case int():
            return value if abs(value) < SAFE_INTEGER else str(value)
        case datetime():
            return timestamp(value)
        case float() | Decimal() | UUID() | date():
            return str(value)
        case Mapping():
            return {text(str(key)): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"An audit event cannot hold a {type(value).__name__}; give its text or its fields.")
