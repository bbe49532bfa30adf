"""What a page of traces is asked for."""

from dataclasses import dataclass
from uuid import UUID

from apps.traces.conditions import Condition
from apps.traces.periods import Period


@dataclass(frozen=True, slots=True)
class TraceFilters:
    """The filter bar and its conditions."""

    period: Period
    q: str = ""
    model: UUID | None = None
    connection: UUID | None = None
    conditions: tuple[Condition, ...] = ()
    match_any: bool = False

    @property
    def any(self) -> bool:
        return bool(self.q or self.model or self.connection or self.conditions)
