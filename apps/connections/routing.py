"""Which calls go through a connection, and how many: what its page calls *Routing and limits* (spec 04)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django import forms

from apps.connections.models import Connection
from apps.core.forms import number_input

MOST_PRIORITY = MOST_WEIGHT = 100
MOST_REQUESTS, MOST_TOKENS, MOST_AT_ONCE = 1_000_000, 1_000_000_000, 10_000


@dataclass(frozen=True, slots=True)
class Routing:
    """A connection's settings. None: no limit."""

    priority: int = 1
    weight: int = 1
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    calls_at_once: int | None = None

    @classmethod
    def of(cls, connection: Connection) -> "Routing":
        return cls(*(getattr(connection, name) for name in cls.__slots__))

    def write(self, connection: Connection) -> dict[str, tuple[object, object]]:
        """Set it on the connection, which is not saved. What is different now, before and after, as the audit log names it."""
        before, after = asdict(Routing.of(connection)), asdict(self)
        for name, value in after.items():
            setattr(connection, name, value)
        return {name.replace("_", " "): (before[name], after[name]) for name in after if before[name] != after[name]}


DEFAULT_ROUTING = Routing()


def routing_fields() -> dict[str, forms.IntegerField]:
    return {
        "priority": _number(
            "Priority", 1, MOST_PRIORITY, "Calls take the lowest number that can answer; the others wait for it to fail. 1 unless set."
        ),
        "weight": _number("Weight", 0, MOST_WEIGHT, "Share of the calls among connections of the same priority. 0 is asked last."),
        "requests_per_minute": _number("Requests per minute", 1, MOST_REQUESTS, "Empty: no limit."),
        "tokens_per_minute": _number("Tokens per minute", 1, MOST_TOKENS, "Counted after each call. Empty: no limit."),
        "calls_at_once": _number("Calls at once", 1, MOST_AT_ONCE, "Under way at the same time, in each server process. Empty: no limit."),
    }


def routing_of(data: Mapping[str, Any]) -> Routing:
    """The settings out of a form's cleaned data. An empty priority or weight is 1."""
    chosen: dict[str, Any] = {name: data.get(name) for name in Routing.__slots__}
    return Routing(**chosen | {name: 1 for name in ("priority", "weight") if chosen[name] is None})


def _number(label: str, least: int, most: int, help_text: str) -> forms.IntegerField:
    widget = number_input("numeric")
    return forms.IntegerField(label=label, required=False, min_value=least, max_value=most, help_text=help_text, widget=widget)
