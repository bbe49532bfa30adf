"""From the journal into the database, in slices (spec 08): rows, sums and how far the file has come, all in one transaction.

So a record becomes a row once, wherever a process dies and whoever takes over its file.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.traces import capture, rows
from apps.traces.cost import PriceBook
from apps.traces.journal import File, files, framed
from apps.traces.models import JournalFile, Trace
from apps.traces.record import TraceRecord

log = structlog.get_logger(__name__)

SLICE = 1000
SET_ASIDE = "set-aside.records"
# What a record can be at fault for. Anything else (no database, no table) is not its fault, and it is tried again.
POISONED = (IntegrityError, DataError, ValueError, OverflowError, TypeError)

_decoder = msgspec.msgpack.Decoder(TraceRecord)
_listeners: list[Callable[[Sequence[TraceRecord]], None]] = []


def on_committed(listener: Callable[[Sequence[TraceRecord]], None]) -> None:
    """Call `listener` with calls that have become rows, in slices, after the commit; not at all where the process dies in between.

    Bringing in waits for it: be quick.
    """
    _listeners.append(listener)


class Moved(Exception):
    """Another process has brought this part of the file in."""


def never() -> bool:
    return False


class Ingester:
    """Brings a journal in. Not for several threads at once, and `run` only for who has the seat (seat.py)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.prices = PriceBook()
        self._offsets: dict[str, int] = {}
        self._aside: deque[bytes] = deque(maxlen=SLICE)  # digests of records that were set aside

    def run(self, is_over: Callable[[], bool] = never) -> int:
        """What all processes have written until now; how many rows. Raises DatabaseError; what is not in is brought in the next time.

        Ends early, after a slice, when it `is_over`.
        """
        count = 0
        with closing(files(self.directory)) as found:
            for file in found:
                try:
                    for number in self._bring_in(file):
                        count += number
                        if is_over():
                            return count
                except Moved:
                    log.warning("journal.moved_by_another", file=file.name)
                    continue
                if file.is_final:
                    file.remove()
                    self._forget(file.name)
        return count

    def _forget(self, name: str) -> None:
        """Only after the file is gone: without its offset it would be brought in again."""
        JournalFile.objects.filter(pk=name).delete()
        self._offsets.pop(name, None)

    def _bring_in(self, file: File) -> Iterator[int]:
        """The number of rows of each slice. Idle, nothing is asked of the database."""
        size = file.length()
        if size == self._offsets.get(file.name, 0):
            return
        offset = offset_of(file.name)
        for records, end in file.slices(offset, SLICE):
            yield self.insert(records, partial(moving, file.name, offset, end))
            offset = self._offsets[file.name] = end

    def insert(self, records: list[bytes], within: Callable[[], AbstractContextManager[object]] = transaction.atomic) -> int:
        """One slice, in that transaction; how many rows."""
        try:
            entries = self._entries(records)
            part = self._slice(entries)
            with within():
                self._insert(part)
        except POISONED as problem:
            # Or a workspace was deleted in the middle of it: looked at again, one by one.
            log.warning("journal.slice_refused", records=len(records), problem=str(problem))
        else:
            announce(entries)
            return len(entries)
        with within():
            kept = [entry for entry in self._entries(records) if self._alone(entry)]
        announce(kept)
        return len(kept)

    def _alone(self, entry: TraceRecord) -> bool:
        """Keep one record, or set it aside."""
        if Trace.objects.filter(pk=entry.id).exists():
            log.warning("journal.record_known", request_id=entry.id.hex)
            return False
        try:
            with transaction.atomic():
                self._insert(self._slice([entry]))
        except POISONED as problem:
            self._set_aside(msgspec.msgpack.encode(entry), str(problem))
            return False
        return True

    def _slice(self, entries: list[TraceRecord]) -> rows.Slice:
        return rows.Slice([(entry, self.prices.cost_of(entry)) for entry in entries])

    def _insert(self, part: rows.Slice) -> None:
        part.insert()

    def _entries(self, records: list[bytes]) -> list[TraceRecord]:
        """Those of workspaces that are still there, and priced; a record that cannot be read is set aside."""
        entries = []
        for record in records:
            try:
                entries.append(_decoder.decode(record))
            except msgspec.MsgspecError as problem:
                self._set_aside(record, str(problem))
        wanted = {entry.workspace_id for entry in entries}
        known = set(Workspace.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        kept = [recaptured(entry) for entry in entries if entry.workspace_id in known]
        self.prices.look_up(kept)
        return kept

    def _set_aside(self, record: bytes, problem: str) -> None:
        """Kept in a file beside the journal, framed like there, for somebody to look at; once, however often its slice is tried."""
        digest = sha256(record).digest()
        if digest in self._aside:
            return
        log.error("journal.record_set_aside", problem=problem, bytes=len(record))
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self.directory / SET_ASIDE
            path.touch(mode=0o600)
            with path.open("ab") as file:
                file.write(framed(record))
        except OSError:
            log.exception("journal.record_lost")
        else:
            self._aside.append(digest)


def announce(entries: Sequence[TraceRecord]) -> None:
    """Never raises: they are in."""
    for listener in _listeners:
        try:
            listener(entries)
        except Exception:
            log.exception("journal.listener_failed")


def offset_of(name: str) -> int:
    found = JournalFile.objects.filter(pk=name).values_list("offset", flat=True).first()
    if found is None:
        JournalFile.objects.create(name=name)
    return found or 0


@contextmanager
def moving(name: str, offset: int, end: int) -> Iterator[None]:
    """A transaction that takes the file from `offset` to `end`, or raises Moved: whoever is first holds the row to the commit."""
    with transaction.atomic():
        moved = JournalFile.objects.filter(pk=name, offset=offset).update(offset=end, updated_at=timezone.now())
        if not moved:
            raise Moved
        yield


def recaptured(entry: TraceRecord) -> TraceRecord:
    """By the workspace's own choice, where that was not known when the call ended: its texts are gone, its own patterns mask the rest."""
    if not entry.captured_by_default:
        return entry
    capture.preload(entry.workspace_id)
    policy = capture.policy_for(entry.workspace_id) or capture.UNKNOWN
    return policy.apply(entry)
