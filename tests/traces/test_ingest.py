"""From the journal into rows: once each, whatever dies when (spec 07 F5, spec 08)."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.test import override_settings
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.traces.agree import disagreements
from apps.traces.capture import preload
from apps.traces.ingest import SET_ASIDE, SLICE, Ingester
from apps.traces.journal import Journal
from apps.traces.models import JournalFile, Trace, TraceBody, TraceFigure, TraceHour
from apps.traces.record import Attempt, TraceRecord
from apps.traces.rows import Slice
from apps.traces.store import encoded, flush, insert_waiting, record
from apps.traces.store import journal as own_journal
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.records import a_record


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def ingester(journal: Journal) -> Ingester:
    return Ingester(journal.directory)


def keep(journal: Journal, *entries: TraceRecord) -> None:
    for entry in entries:
        journal.append(encoded(entry))


def test_a_record_becomes_a_row_with_its_body_and_sums(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    entry = a_record(
        cast.harbor.pk, error_code="upstream_error", error_message="No \0 luck", status="failed", user_id=cast.bob.pk, streamed=True
    )
    keep(journal, entry)
    assert ingester.run() == 1
    trace = Trace.objects.select_related("body").get()
    assert (trace.pk, trace.user_id, trace.streamed, trace.input_tokens) == (entry.id, cast.bob.pk, True, 1000)
    assert abs(trace.started_at.timestamp() - entry.started_at) < 1e-5
    assert (trace.input_preview, trace.output_preview) == ("Summarize claim 4711", "A broken window.")
    assert trace.body.input == entry.input
    assert trace.body.error["message"] == "No \ufffd luck"
    assert TraceHour.objects.values_list("requests", "failed", "input_tokens").get() == (1, 1, 1000)
    assert set(TraceFigure.objects.values_list("span", "requests")) == {("h", 1), ("d", 1)}
    assert ingester.run() == 0
    assert Trace.objects.count() == 1


def test_more_than_a_slice_is_brought_in_by_slices_and_agrees(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    keep(
        journal,
        *(
            a_record(cast.harbor.pk, model_id=UUID(int=number % 3 + 5), started_at=time.time() - number * 7)
            for number in range(SLICE + 200)
        ),
    )
    journal.retire()
    assert ingester.run() == SLICE + 200
    assert list(journal.directory.iterdir()) == []
    assert not JournalFile.objects.exists()
    assert list(disagreements(cast.harbor.pk)) == []
    TraceHour.objects.filter(pk=TraceHour.objects.order_by("-hour")[1].pk).update(input_tokens=7)
    assert "7 in sums" in str(next(disagreements(cast.harbor.pk)))


def test_records_of_a_workspace_that_is_gone_are_dropped(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    keep(journal, a_record(uuid4()), a_record(cast.harbor.pk), a_record(uuid4()))
    assert ingester.run() == 1
    assert Trace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_poisoned_record_is_set_aside_and_the_rest_kept(transactional_cast: Cast, journal: Journal, ingester: Ingester) -> None:
    harbor = transactional_cast.harbor.pk
    good = [a_record(harbor) for _ in range(3)]
    keep(journal, good[0], a_record(harbor, input_tokens=2**63), good[1], good[1])
    journal.append(b"\x93no record")
    keep(journal, good[2])
    ingester.run()
    assert set(Trace.objects.values_list("pk", flat=True)) == {entry.id for entry in good}
    assert list(disagreements(harbor)) == []
    aside = journal.directory / SET_ASIDE
    assert aside.stat().st_mode & 0o777 == 0o600
    assert aside.read_bytes().count(b"no record") == 1


class Killed(BaseException):
    """The process ends here."""


class Dying(Ingester):
    """Dies at the n-th of the steps between reading and forgetting."""

    step = 0

    def _die(self, step: int) -> None:
        if step == self.step:
            raise Killed

    def _entries(self, records: list[bytes]) -> list[TraceRecord]:
        self._die(1)
        return super()._entries(records)

    def _insert(self, part: Slice) -> None:
        self._die(2)
        super()._insert(part)
        self._die(3)

    def insert(self, *args: Any) -> int:
        count = super().insert(*args)
        self._die(4)
        return count

    def _forget(self, name: str) -> None:
        self._die(5)
        super()._forget(name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_a_death_between_any_two_steps_neither_loses_nor_doubles(transactional_cast: Cast, tmp_path: Path, step: int) -> None:
    journal, dying = Journal(tmp_path), Dying(tmp_path)
    entries = [a_record(transactional_cast.harbor.pk) for _ in range(5)]
    keep(journal, *entries)
    journal.retire()
    dying.step = step
    with pytest.raises(Killed):
        dying.run()
    after = Ingester(tmp_path)
    after.run()
    assert sorted(Trace.objects.values_list("pk", flat=True)) == sorted(entry.id for entry in entries)
    assert list(disagreements(transactional_cast.harbor.pk)) == []
    assert after.run() == 0


def test_a_file_is_brought_in_while_its_process_lives_and_removed_after(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    """Whoever brings it in next goes on where the one before had come to."""
    keep(journal, a_record(cast.harbor.pk))
    assert ingester.run() == 1
    keep(journal, a_record(cast.harbor.pk), a_record(cast.harbor.pk))
    assert Ingester(journal.directory).run() == 2
    assert len(list(journal.directory.iterdir())) == JournalFile.objects.count() == 1
    journal.close()
    assert Ingester(journal.directory).run() == 0
    assert not list(journal.directory.iterdir())
    assert (Trace.objects.count(), JournalFile.objects.count()) == (3, 0)


def test_a_process_that_is_told_to_end_stops_after_a_slice(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    keep(journal, *(a_record(cast.harbor.pk) for _ in range(SLICE + 1)))
    journal.retire()
    assert ingester.run(lambda: True) == SLICE
    assert ingester.run() == 1


def test_a_torn_tail_is_waited_for_while_the_writer_lives_and_dropped_after(cast: Cast, journal: Journal, ingester: Ingester) -> None:
    keep(journal, a_record(cast.harbor.pk), a_record(cast.harbor.pk))
    file = journal.current
    assert file is not None
    whole = file.length()
    os.ftruncate(file.descriptor, whole - 10)
    assert ingester.run() == 1
    assert ingester.run() == 0
    os.write(file.descriptor, b"garbage " * 5)
    file.size = file.length()
    keep(journal, a_record(cast.harbor.pk))
    assert ingester.run() == 0
    journal.retire()
    assert ingester.run() == 1  # the one behind the broken part
    assert list(journal.directory.iterdir()) == []


@pytest.fixture
def blocked(tmp_path: Path) -> Iterator[Path]:
    """A file where the journal's folder should be."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with override_settings(PATCHBAY_JOURNAL_DIR=blocked / "journal"):
        yield blocked


def test_what_cannot_be_written_is_kept_in_memory_and_brought_in(cast: Cast, blocked: Path) -> None:
    keep(own_journal(), *(a_record(cast.harbor.pk) for _ in range(SLICE + 2)))
    assert not own_journal().is_writable
    assert len(own_journal().waiting) == SLICE + 2
    insert_waiting()
    assert (Trace.objects.count(), len(own_journal().waiting)) == (SLICE + 2, 0)


@pytest.mark.django_db(transaction=True)
def test_what_neither_file_nor_database_takes_waits_for_either(transactional_cast: Cast, blocked: Path) -> None:
    keep(own_journal(), a_record(transactional_cast.harbor.pk), a_record(transactional_cast.harbor.pk))
    with bodies_away(), pytest.raises(DatabaseError):
        insert_waiting()
    assert len(own_journal().waiting) == 2
    blocked.unlink()
    own_journal()._retry_at = 1e-9  # its second is over
    own_journal().tend()
    assert flush() == Trace.objects.count() == 2


@contextmanager
def bodies_away() -> Iterator[None]:
    table, away = TraceBody._meta.db_table, "traces_away"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {away}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {away} RENAME TO {table}")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_refuses_loses_nothing(transactional_cast: Cast, journal: Journal, ingester: Ingester) -> None:
    keep(journal, *(a_record(transactional_cast.harbor.pk) for _ in range(3)))
    journal.append(b"\x93no record")
    journal.retire()
    for _ in range(3):
        with bodies_away(), pytest.raises(DatabaseError):
            ingester.run()
    assert not Trace.objects.exists()
    assert (journal.directory / SET_ASIDE).read_bytes().count(b"no record") == 1
    assert ingester.run() == 3
    assert TraceBody.objects.count() == 3


WRITER = """
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID
import django
django.setup()
from apps.traces.journal import Journal
from apps.traces.store import encoded
from tests.support.records import a_record
journal, workspace_id = Journal(Path(sys.argv[1])), UUID(sys.argv[2])
while True:
    entry = a_record(workspace_id, input="x" * 3000)
    journal.append(encoded(entry))
    sys.stdout.write(entry.id.hex + "\\n")  # acknowledged
    sys.stdout.flush()
"""


@pytest.mark.django_db(transaction=True)
def test_kill_9_while_recording_loses_nothing_that_was_acknowledged(transactional_cast: Cast, tmp_path: Path) -> None:
    """PATCHBAY_KILLS=20 for the long form."""
    acknowledged: list[str] = []
    for _ in range(int(os.environ.get("PATCHBAY_KILLS", "2"))):
        said = tmp_path / "said"
        with said.open("wb") as output:
            command = [sys.executable, "-c", WRITER, str(tmp_path / "journal"), str(transactional_cast.harbor.pk)]
            writer = subprocess.Popen(command, stdout=output, env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"})
            deadline = time.monotonic() + 120
            while said.stat().st_size < 33 * 50 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(random.random() * 0.05)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        acknowledged += said.read_text().split("\n")[:-1]
    Ingester(tmp_path / "journal").run()
    kept = {key.hex for key in Trace.objects.values_list("pk", flat=True)}
    assert len(acknowledged) >= 100
    assert set(acknowledged) - kept == set()
    assert TraceHour.objects.filter(requests__gt=0).exists()
    assert list(disagreements(transactional_cast.harbor.pk)) == []


def test_flush_brings_in_what_this_process_has_recorded(cast: Cast) -> None:
    preload(cast.harbor.pk)
    record(a_record(cast.harbor.pk, output="lone \ud800 surrogate"))
    assert flush()
    assert Trace.objects.get().output_preview == "lone \ufffd surrogate"


def test_a_connection_knows_when_a_call_last_went_well_through_it(
    cast: Cast, journal: Journal, ingester: Ingester, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """Forward only, at most once a minute, without a version or an event; what failed and foreign IDs change nothing."""
    used, idle = (make_connection(make_model(cast.harbor, cast.alice, name), cast.alice, name) for name in ("One", "Two"))
    events = AuditEvent.objects.count()
    now = time.time()

    def call(connection: Connection, ago: float, code: str = "") -> None:
        attempts = (Attempt(connection.pk, connection.name, 9.0, code, 200),)
        keep(journal, a_record(cast.harbor.pk, connection_id=connection.pk, attempts=attempts, started_at=now - ago))
        with django_capture_on_commit_callbacks(execute=True):
            ingester.run()

    for ago, seen in ((600, 600), (700, 600), (570, 600), (300, 300)):
        call(used, ago)
        used.refresh_from_db()
        assert used.last_used_at is not None
        assert abs(used.last_used_at.timestamp() - (now - seen)) < 1e-3
    call(idle, 10, "upstream_error")
    idle.refresh_from_db()
    assert idle.last_used_at is None
    assert (used.version, AuditEvent.objects.count()) == (1, events)
