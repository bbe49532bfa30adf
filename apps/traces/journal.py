"""The journal: where what is known of a call is safe before its caller has the answer (spec 08). One `write` a record.

Each process appends to a file of its own, which it holds locked (flock) as long as it may write to it. One process of the machine (seat.py)
reads the files of all: of those that are held as far as they have come, and a file that nobody holds to its end, whereupon it goes. How
far a file has been brought into the database stands there (models.JournalFile), written with the rows: so nothing is lost or doubled
wherever a process dies. What was written survives the end of the process, not the loss of power.

A record is framed: MARK, length and CRC-32 of what follows. The end of a write that did not get through is recognized by that.
"""

import contextlib
import fcntl
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from apps.core.ids import uuid7

log = structlog.get_logger(__name__)

MARK = b"\xc1\xb1"  # 0xC1 begins nothing in msgpack
HEAD = struct.Struct("<2sII")
SUFFIX = ".journal"
MAX_RECORD = 16 * 2**20
MAX_FILE = 32 * 2**20
MAX_SECONDS = 60.0
MAX_WAITING = 64 * 2**20  # bytes kept in memory while no file can be written
RETRY_SECONDS = 1.0
READ, READ_MOST = 4 * 2**20, 40 * 2**20  # bytes; the second holds any record


def framed(record: bytes) -> bytes:
    return HEAD.pack(MARK, len(record), zlib.crc32(record)) + record


def unframed(data: bytes, *, final: bool) -> Iterator[tuple[bytes, int]]:
    """The whole records in `data`, each with where it ends. `final`: nothing will be written behind; what is broken is passed over."""
    position = 0
    while position + HEAD.size <= len(data):
        mark, length, checksum = HEAD.unpack_from(data, position)
        end = position + HEAD.size + length
        if mark == MARK and length <= MAX_RECORD and end <= len(data):
            record = data[position + HEAD.size : end]
            if zlib.crc32(record) == checksum:
                yield record, end
                position = end
                continue
        if not final:
            return
        position = data.find(MARK, position + 1)
        if position < 0:
            return


@dataclass(slots=True)
class File:
    """A file of the journal, open in this process. Closing it lets it go."""

    path: Path
    descriptor: int
    size: int = 0
    opened_at: float = 0.0
    is_final: bool = False  # to its reader: nobody writes to it any more

    @property
    def name(self) -> str:
        return self.path.stem

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.descriptor, length, offset)

    def length(self) -> int:
        return os.fstat(self.descriptor).st_size

    def slices(self, offset: int, most: int) -> Iterator[tuple[list[bytes], int]]:
        """The records from `offset` to where the file ends now, so many at a time, each time with where they end."""
        size = self.length()
        while offset < size:
            data = self.read(offset, READ)
            found = list(unframed(data, final=False))
            if not found:
                data = self.read(offset, READ_MOST)
                found = list(unframed(data, final=self.is_final))
                if not found and not self.is_final:
                    return  # somebody is writing just now
                end = found[-1][1] if found else len(data)
                broken = end - sum(HEAD.size + len(record) for record, _ in found)
                if broken:
                    log.warning("journal.broken_part", file=self.name, offset=offset, bytes=broken)
                if not found:
                    yield [], offset + end
            for number in range(0, len(found), most):
                part = found[number : number + most]
                yield [record for record, _ in part], offset + part[-1][1]
            offset += found[-1][1] if found else len(data)

    def remove(self) -> None:
        """For good: the directory is synced, so that the file does not come back after its offset has gone from the database."""
        self.path.unlink(missing_ok=True)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        os.close(self.descriptor)


class Journal:
    """The writing side of one process. From any thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.current: File | None = None
        self.waiting: deque[bytes] = deque()
        self.dropped = 0
        self._waiting_bytes = 0
        self._retry_at = 0.0
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    @property
    def is_writable(self) -> bool:
        """False from a write that failed until one that did not."""
        return not self._retry_at

    def open(self) -> None:
        """Begin a file ahead of the first record, to know whether that can be done."""
        with self._lock:
            try:
                self.current = self.current or open_new(self.directory)
            except OSError as problem:
                self._failed(problem)

    def append(self, record: bytes) -> None:
        """Keep a record. Never raises: while no file can be written it is kept in memory, the oldest ones giving way."""
        frame = framed(record)
        with self._lock:
            if self._retry_at:
                self._wait(frame)
                self._retry()
                return
            try:
                self._write(frame)
            except OSError as problem:
                self._wait(frame)
                self._failed(problem)

    def tend(self) -> None:
        """Once in a while: write what waits, and retire a file that has become old."""
        with self._lock:
            if self._retry_at:
                self._retry()
            current = self.current
            if current and current.size and time.monotonic() - current.opened_at >= MAX_SECONDS:
                self._retire()

    def retire(self) -> None:
        """Let the file go, for its reader to bring in to the end and remove. The next record begins another one."""
        with self._lock:
            if self.current and self.current.size:
                self._retire()

    def take_waiting(self) -> list[bytes]:
        """The records that no file took, which from here on are the caller's to keep (or to give back by `append`)."""
        with self._lock:
            taken = [frame[HEAD.size :] for frame in self.waiting]
            self.waiting.clear()
            self._waiting_bytes = 0
            return taken

    def close(self) -> None:
        """Let the file go. A record that comes after all begins another one."""
        with self._lock:
            if self.current and not self.current.length():
                self.current.remove()
            self._retire()

    def _write(self, frame: bytes) -> None:
        file = self.current
        if file is None:
            file = self.current = open_new(self.directory)
        written = os.write(file.descriptor, frame)
        if written != len(frame):  # the disk is full: take the piece back, so that the next record stands where it can be read
            os.ftruncate(file.descriptor, file.size)
            raise OSError(f"{written} of {len(frame)} bytes could be written")
        file.size += written
        if file.size >= MAX_FILE:
            self._retire()

    def _retire(self) -> None:
        if self.current:
            self.current.close()
            self.current = None

    def _retry(self) -> None:
        if time.monotonic() < self._retry_at:
            return
        try:
            while self.waiting:
                self._write(self.waiting[0])
                self._waiting_bytes -= len(self.waiting.popleft())
            if self.current is None:
                self.current = open_new(self.directory)
        except OSError:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return
        log.info("journal.writable_again", dropped=self.dropped)
        self._retry_at, self.dropped = 0.0, 0

    def _failed(self, problem: OSError) -> None:
        log.error("journal.not_writable", directory=str(self.directory), problem=str(problem))
        self._retire()  # whatever is wrong with the file, it is read to its last whole record
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def _wait(self, frame: bytes) -> None:
        self.waiting.append(frame)
        self._waiting_bytes += len(frame)
        while self._waiting_bytes > MAX_WAITING:
            self._waiting_bytes -= len(self.waiting.popleft())
            self.dropped += 1

    def _forget(self) -> None:
        """In the child of a fork: the file is the parent's, and stays locked as long as the parent holds it."""
        if self.current:
            with contextlib.suppress(OSError):
                self.current.close()
        self.current, self.waiting = None, deque()
        self._waiting_bytes, self._lock = 0, threading.Lock()


def open_new(directory: Path) -> File:
    """A file of its own for this process. It gets its name only when it is locked: nobody can take it for a leftover."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{uuid7().hex}{SUFFIX}"
    unnamed = path.with_suffix(".new")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
    except OSError:
        os.close(descriptor)
        unnamed.unlink(missing_ok=True)
        raise
    return File(path, descriptor, 0, time.monotonic())


def files(directory: Path) -> Generator[File]:
    """All there are, for their one reader, oldest first; each until the next is asked for."""
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # empty, and its process has ended meanwhile
        try:
            file = File(path, descriptor, is_final=is_let_go(descriptor))
            if os.fstat(descriptor).st_nlink:
                yield file
        finally:
            os.close(descriptor)


def is_let_go(descriptor: int) -> bool:
    """Whether nobody writes to the file any more. Then it is this process's until it is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
