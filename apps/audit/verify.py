"""Checking a chain (spec 06 "Provable"): every link, the end, and every signed checkpoint. Memory stays flat at any length."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Max, OuterRef, Subquery

from apps.audit.chain import GENESIS, HASHED_FIELDS, event_hash, timestamp
from apps.audit.checkpoints import signature_problem
from apps.audit.models import AuditCheckpoint, AuditEvent, ChainHead

type Progress = Callable[[int], None]

BATCH = 2_000
COLUMNS = (*HASHED_FIELDS, "hash")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `first_bad` is the sequence number of the first event that is wrong or missing."""

    chain: str
    ok: bool
    checked: int
    last_hash: str
    first_bad: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a chain as one statement saw it, so that events written meanwhile make no difference."""

    head: int
    head_hash: str
    last: int


class _Broken(Exception):
    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence


def chains() -> list[str]:
    """Every chain that has left any mark: events, a head or a checkpoint."""
    found: set[str] = set()
    for rows in (AuditEvent.objects, ChainHead.objects, AuditCheckpoint.objects):
        found |= set(rows.order_by().values_list("chain", flat=True).distinct())
    return sorted(found)


def silent(checked: int) -> None:
    """No progress shown."""


def verify_chain(chain: str, progress: Progress = silent) -> Verdict:
    """Check a chain from its first event to its end. `progress` is called with the number of events checked, once per batch."""
    checked, last_hash = 0, GENESIS
    end = _end_of(chain)
    checkpoints = {point.sequence: point for point in AuditCheckpoint.objects.filter(chain=chain).order_by("sequence")}
    try:
        for row in _rows(chain, end.last, progress):
            _check_link(row, checked + 1, last_hash)
            _check_point(checkpoints.get(checked + 1), str(row["hash"]))
            checked, last_hash = checked + 1, str(row["hash"])
        _check_end(checked, last_hash, end)
        _check_nothing_cut(checked, checkpoints)
    except _Broken as broken:
        return Verdict(chain, False, checked, last_hash, broken.sequence, str(broken))
    return Verdict(chain, True, checked, last_hash)


def _end_of(chain: str) -> _End:
    newest = AuditEvent.objects.filter(chain=OuterRef("chain")).order_by("-sequence").values("sequence")[:1]
    head = ChainHead.objects.filter(chain=chain).annotate(last=Subquery(newest)).first()
    if head is not None:
        return _End(head.sequence, head.hash, head.last or 0)
    last = AuditEvent.objects.filter(chain=chain).aggregate(last=Max("sequence"))["last"] or 0
    return _End(0, GENESIS, last)


def _rows(chain: str, last: int, progress: Progress) -> Iterator[dict[str, object]]:
    """Events up to `last` in order, fetched by key in batches: no long transaction, no server-side cursor, no large result."""
    sequence, count = -1, 0  # a forged event 0 is to be seen as well
    while True:
        events = AuditEvent.objects.filter(chain=chain, sequence__gt=sequence, sequence__lte=last).order_by("sequence")
        batch = list(events.values(*COLUMNS)[:BATCH])
        yield from batch
        if not batch:
            return
        sequence, count = batch[-1]["sequence"], count + len(batch)
        progress(count)


def _check_link(row: dict[str, object], expected: int, previous_hash: str) -> None:
    sequence = row["sequence"]
    if sequence != expected:
        raise _Broken(expected, f"Event {expected} is missing; the next one there is {sequence}.")
    computed = event_hash({**row, "created_at": timestamp(row["created_at"])})  # type: ignore[dict-item, arg-type]
    if computed != row["hash"]:
        raise _Broken(expected, f"Event {expected} was changed: its content does not give its hash.")
    if row["previous_hash"] != previous_hash:
        raise _Broken(expected, f"Event {expected} does not follow the event before it: events were replaced, reordered or removed.")


def _check_point(checkpoint: AuditCheckpoint | None, found: str) -> None:
    if checkpoint is None:
        return
    if problem := signature_problem(checkpoint):
        raise _Broken(checkpoint.sequence, problem)
    if checkpoint.hash != found:
        raise _Broken(checkpoint.sequence, f"Event {checkpoint.sequence} is not what a signed checkpoint names: rewritten.")


def _check_end(checked: int, last_hash: str, end: _End) -> None:
    if checked < end.head:
        raise _Broken(checked + 1, f"The chain was cut off: it ends at event {checked}, but had reached {end.head}.")
    if checked > end.head:
        raise _Broken(end.head + 1, f"The chain's head was set back to {end.head}; events go on to {checked}.")
    if last_hash != end.head_hash:
        raise _Broken(max(checked, 1), "The chain's head does not have the hash of its last event.")


def _check_nothing_cut(checked: int, checkpoints: dict[int, AuditCheckpoint]) -> None:
    latest = max(checkpoints, default=0)
    if latest > checked:
        raise _Broken(checked + 1, f"The chain was cut off: it ends at event {checked}, but a signed checkpoint names event {latest}.")
