"""The signal path of a model: who has called it, through which connection, and what serves it (design: model-detail).

The lists are the text version; the cables between them are drawn from the same numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Max, Prefetch, Sum, prefetch_related_objects
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit.models import AuditEvent
from apps.audit.record import Event, chain_of
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from apps.traces.figures import HOUR, floored
from apps.traces.models import SourceType, TraceHour

DAYS = 7
MOST = 6  # nodes of a column; the rest is one node
HEIGHT = 220  # of the drawing, which is stretched to the lists
ICONS = {SourceType.API_KEY: "key", SourceType.PLAYGROUND: "terminal", SourceType.PROMPT: "scroll-text", SourceType.TEST: "plug-zap"}
TOGETHER = (SourceType.PLAYGROUND, SourceType.TEST)  # of many people, who are one caller here
BY_NAME = (SourceType.API_KEY,)  # a source is a key; those of one app have its name, which no other app of the workspace has


@dataclass
class Caller:
    name: str
    icon: str
    requests: int = 0
    through: set[UUID] = field(default_factory=set)  # connections


@dataclass
class Line:
    """One connection. `off_since` is None where that is not known."""

    id: UUID | None
    name: str
    state: str
    requests: int = 0
    cost: Decimal = Decimal(0)
    cost_unknown: int = 0
    off_since: datetime | None = None

    @property
    def is_off(self) -> bool:
        return self.state == "off"

    @property
    def spent(self) -> Decimal | None:
        """What is known of it; None where calls were made at no known price only."""
        return None if self.cost_unknown and not self.cost else self.cost


@dataclass(frozen=True, slots=True)
class Cable:
    d: str
    off: bool = False


@dataclass(frozen=True)
class SignalPath:
    callers: list[Caller]
    lines: list[Line]
    shown: list[Line]

    @property
    def requests(self) -> int:
        return sum(caller.requests for caller in self.callers)

    @property
    def to_lines(self) -> list[Cable]:
        places = {line.id: number for number, line in enumerate(self.shown)}
        rest = len(self.shown) - 1  # the last node stands for those that are not shown
        return [
            cable(number, len(self.callers), place, len(self.shown))
            for number, caller in enumerate(self.callers)
            for place in sorted({places.get(each, rest) for each in caller.through})
        ]

    @property
    def to_host(self) -> list[Cable]:
        return [cable(number, len(self.shown), 0, 1, off=line.is_off) for number, line in enumerate(self.shown)]


def cable(start: int, starts: int, end: int, ends: int, *, off: bool = False) -> Cable:
    y1, y2 = (round(HEIGHT * (place + 0.5) / count, 1) for place, count in ((start, starts), (end, ends)))
    return Cable(f"M2 {y1}C60 {y1} 52 {y2} 110 {y2}", off)


def signal_path(workspace: Workspace, model: ExternalModel) -> SignalPath:
    """Five queries: the sums, the connections, their secrets and profiles, and since when some of them are off.

    The connections stay with the model, for the tabs of its page.
    """
    connections = Connection.objects.select_related("authorization_profile").order_by("created_at", "id")
    secrets = connections.prefetch_related("secrets", "authorization_profile__secrets")
    prefetch_related_objects([model], Prefetch("connections", secrets))
    sums = sums_of(workspace, model)
    lines = lines_of(workspace, list(model.connections.all()), sums)
    known = {line.id for line in lines}
    callers = callers_of(sums, known)
    shown = folded(lines)
    return SignalPath(callers, lines, shown)


@dataclass(frozen=True, slots=True)
class SumRow:
    source_type: str
    source_id: str
    connection_id: UUID
    name: str
    requests: int
    cost: Decimal
    cost_unknown: int


def sums_of(workspace: Workspace, model: ExternalModel) -> list[SumRow]:
    since = floored(timezone.now(), HOUR) - timedelta(days=DAYS)
    rows = TraceHour.objects.filter(workspace=workspace, model_id=model.pk, hour__gte=since)
    grouped = rows.values_list("source_type", "source_id", "connection_id")
    return [SumRow(*row) for row in grouped.annotate(Max("source_name"), Sum("requests"), Sum("cost"), Sum("cost_unknown")).order_by()]


def programs_of(workspace: Workspace, model: ExternalModel) -> list[Caller]:
    """The API apps that have called the model, most calls first; those beyond MOST are one."""
    return callers_of((row for row in sums_of(workspace, model) if row.source_type == SourceType.API_KEY), set())


def callers_of(sums: Iterable[SumRow], known: set[UUID | None]) -> list[Caller]:
    """Most calls first; those beyond MOST are one."""
    found: dict[tuple[str, str], Caller] = {}
    for row in sums:
        kind = SourceType(row.source_type)
        name = kind.label if kind in TOGETHER else row.name or kind.label
        key = (row.source_type, name if kind in TOGETHER + BY_NAME else row.source_id)
        add(found.setdefault(key, Caller(name, ICONS[kind])), row.requests, {row.connection_id} & known)
    ordered = sorted(found.values(), key=lambda caller: (-caller.requests, caller.name))
    if len(ordered) <= MOST:
        return ordered
    rest = Caller(f"{len(ordered) - MOST + 1} others", "users")
    for caller in ordered[MOST - 1 :]:
        add(rest, caller.requests, caller.through)
    return [*ordered[: MOST - 1], rest]


def add(caller: Caller, requests: int, through: Iterable[UUID | None]) -> None:
    caller.requests += requests
    caller.through |= {each for each in through if each}


def lines_of(workspace: Workspace, connections: Sequence[Connection], sums: Iterable[SumRow]) -> list[Line]:
    lines = {each.pk: Line(each.pk, each.name, str(each.state)) for each in connections}
    for row in sums:
        if line := lines.get(row.connection_id):
            line.requests += row.requests
            line.cost += row.cost
            line.cost_unknown += row.cost_unknown
    since = off_since(workspace, [line for line in lines.values() if line.is_off])
    for line in lines.values():
        line.off_since = since.get(str(line.id))
    return list(lines.values())


def off_since(workspace: Workspace, lines: Sequence[Line]) -> Mapping[str, datetime]:
    """When these connections were switched off, as the audit log knows it."""
    if not lines:
        return {}
    events = AuditEvent.objects.filter(
        chain=chain_of(workspace.pk),
        target_type="connections.connection",
        target_id__in=[str(line.id) for line in lines],
        event=Event.CONNECTION_INFERENCING_SWITCHED,
    )
    return dict(events.values_list("target_id").annotate(Max("created_at")))


def folded(lines: list[Line]) -> list[Line]:
    """At most MOST lines, in their order: those with the fewest calls are one."""
    if len(lines) <= MOST:
        return lines
    busiest = sorted(lines, key=lambda line: -line.requests)[: MOST - 1]
    kept = [line for line in lines if line in busiest]
    others = [line for line in lines if line not in busiest]
    state = "on" if any(not line.is_off for line in others) else "off"
    return [*kept, Line(None, f"{len(others)} others", state, sum(line.requests for line in others))]
