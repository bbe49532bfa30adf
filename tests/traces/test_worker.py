"""The process that brings the journal in: one of a machine, started by a server, and started again whatever dies (spec 07 F5)."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import override_settings

from apps.traces import seat
from apps.traces.journal import Journal
from apps.traces.models import Trace
from apps.traces.own_worker import OwnWorker
from apps.traces.store import encoded
from apps.traces.worker import Life, work
from tests.support.cast import Cast
from tests.support.process import Product, process_of, running_product
from tests.support.records import a_record
from tests.support.site import ROOT

PATIENCE = 120.0  # seconds, on a machine that is busy


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_has_the_seat_and_a_child_that_it_was_handed_to_keeps_it(tmp_path: Path) -> None:
    held = seat.take(tmp_path)
    assert held is not None
    assert seat.take(tmp_path) is None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[held]):
        os.close(held)
        assert seat.take(tmp_path) is None
    after = seat.take(tmp_path)
    assert after is not None
    os.close(after)


def test_how_far_behind_it_is_can_be_told_by_anybody(tmp_path: Path) -> None:
    assert seat.behind(tmp_path) is None
    held = seat.take(tmp_path)
    assert held is not None
    seat.mark(held, time.time() - 50)
    os.close(held)
    assert 50 <= (seat.behind(tmp_path) or 0) < 50 + PATIENCE


@pytest.mark.django_db(transaction=True)
def test_when_its_life_is_over_it_brings_in_what_is_there(transactional_cast: Cast, tmp_path: Path) -> None:
    held = seat.take(tmp_path)
    assert held is not None
    seat.mark(held, 0)
    Journal(tmp_path).append(encoded(a_record(transactional_cast.harbor.pk)))
    reading, writing = os.pipe()
    os.close(writing)
    work(tmp_path, held, Life(reading))
    os.close(reading)
    os.close(held)
    assert Trace.objects.count() == 1
    assert (seat.behind(tmp_path) or 0) < PATIENCE  # and not since the beginning of time


def test_a_server_starts_none_where_there_is_one(tmp_path: Path) -> None:
    held = seat.take(tmp_path)
    assert held is not None
    own = OwnWorker(tmp_path)
    own._look_at = 0
    own.look()
    assert own._child is None
    own.stop()
    os.close(held)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    own = OwnWorker(tmp_path / "file" / "journal")
    own._look_at = 0
    with pytest.raises(NotADirectoryError):
        own.look()


def test_the_command_says_when_a_worker_is_at_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    held = seat.take(tmp_path)
    assert held is not None
    with override_settings(PATCHBAY_JOURNAL_DIR=tmp_path):
        call_command("ingest_traces")
    os.close(held)
    assert "A worker is at it already." in capsys.readouterr().out


class Deployment:
    """A data folder with servers that come and go, and the journal of another process beside theirs."""

    def __init__(self, data_dir: Path) -> None:
        self.journal = Journal(data_dir / "journal")
        self.database = data_dir / "patchbay.sqlite3"
        ((self.workspace_id,),) = self.ask("SELECT id FROM accounts_workspace")
        self.recorded: set[str] = set()

    def ask(self, query: str) -> list[tuple[str]]:
        with sqlite3.connect(self.database, timeout=PATIENCE) as database:
            return database.execute(query).fetchall()

    def record(self, count: int = 20) -> None:
        for _ in range(count):
            entry = a_record(UUID(self.workspace_id))
            self.journal.append(encoded(entry))
            self.recorded.add(entry.id.hex)

    def has_all(self) -> bool:
        """Each once: the database would refuse the second."""
        return {key for (key,) in self.ask("SELECT id FROM traces_trace")} == self.recorded

    def worker_of(self, product: Product) -> int:
        """Its process ID, once there is one that has brought something in."""
        self.record()
        wait_for(self.has_all)
        (found,) = subprocess.run(["pgrep", "-P", str(product.server.pid)], capture_output=True, text=True).stdout.split()
        return int(found)


def is_gone(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or ") Z " in stat.read_text()


def test_workers_and_servers_die_and_each_record_becomes_one_row(tmp_path: Path) -> None:
    """kill -9 of a worker, SIGTERM of its server, kill -9 of another server, and a worker as a service that is told to stop."""
    with running_product(tmp_path) as product:
        all_of_it = Deployment(tmp_path)
        killed = all_of_it.worker_of(product)
        os.kill(killed, signal.SIGKILL)
        all_of_it.record()
        worker = all_of_it.worker_of(product)
        assert worker != killed
        all_of_it.record()
        product.terminate()
        product.server.wait(PATIENCE)
        assert is_gone(worker)
        assert all_of_it.has_all()
        assert product.log.read_text().count("traces.worker_ended") == 1

    with process_of(product.environment, tmp_path / "second.log") as second:
        worker = all_of_it.worker_of(second)
        all_of_it.record()
        second.server.kill()
        wait_for(lambda: is_gone(worker))
        assert all_of_it.has_all()

    service = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=product.environment)
    all_of_it.record()
    wait_for(all_of_it.has_all)
    all_of_it.record()
    all_of_it.journal.close()
    service.terminate()
    assert service.wait(PATIENCE) == 0
    assert all_of_it.has_all()
    assert list(all_of_it.journal.directory.glob("*.journal")) == []
