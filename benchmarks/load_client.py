"""Load from one process on loopback: requests one after the other on a fixed number of connections, for a bounded time."""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httptools

TICKS = 100.0  # of /proc/<pid>/stat a second


@dataclass(slots=True)
class Load:
    """What came of it. Times in seconds."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)
    events: int = 0
    times: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)  # x-patchbay-request-id of every complete answer


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it has an answer, until the time is over."""

    def __init__(self, requests: Iterator[bytes], load: Load, until: float) -> None:
        self.requests, self.load, self.until = requests, load, until
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.body: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.parser = httptools.HttpResponseParser(self)  # a new one: nothing of the last answer is left
        self.body.clear()
        self.id = b""
        self.first = 0.0
        self.started = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-patchbay-request-id":
            self.id = value

    def on_body(self, body: bytes) -> None:
        if not self.first:
            self.first = time.perf_counter() - self.started
        self.body.append(body)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        body = b"".join(self.body)
        self.load.answers += 1
        self.load.times.append(now - self.started)
        self.load.first_bytes.append(self.first)
        self.load.events += body.count(b"\n\n")
        if self.parser.get_status_code() != 200 or (b'"usage"' not in body and b"[DONE]" not in body):
            self.load.failures.append(f"{self.parser.get_status_code()}: {body[:300]!r}")
            self.finish()
            return
        self.load.ids.append(self.id)
        if now < self.until:
            self.ask()
        else:
            self.finish()

    def finish(self) -> None:
        self.transport.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.load.failures.append(f"the connection was lost: {error}")
            self.ended.set_result(None)


def request_of(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + body


async def run(port: int, request: bytes | Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Ask on so many connections for so long, with each of the requests in turn. With `seconds` 0 each connection asks once."""
    load, loop = Load(), asyncio.get_running_loop()
    requests = itertools.cycle([request] if isinstance(request, bytes) else request)
    until = time.perf_counter() + seconds
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(requests, load, until), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.ended for client in clients))
    return load


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of user and system time."""

    server: float
    worker: float = 0.0

    @property
    def total(self) -> float:
        return self.server + self.worker

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(self.server - before.server, self.worker - before.worker)


def cpu_of(pid: int, *, with_worker: bool = True) -> Cpu:
    """Of a process and all its children that run; and of the product's worker, whichever process of this benchmark has started it."""
    return Cpu(sum(map(cpu_seconds, tree(pid))), sum(map(cpu_seconds, workers())) if with_worker else 0.0)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int) -> float:
    """Resident memory of a process and its children, without workers."""
    return sum(map(resident_mib, tree(pid)))


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0) / 1024


def tree(pid: int) -> list[int]:
    """A process and all below it, without workers and what is below them."""
    return [] if is_worker(pid) else [pid, *(each for child in children(pid) for each in tree(child))]


def workers() -> list[int]:
    """Of the servers that this process has started."""

    def below(pid: int) -> list[int]:
        return [each for child in children(pid) for each in ([child] if is_worker(child) else below(child))]

    return below(os.getpid())


def is_worker(pid: int) -> bool:
    try:
        return b"manage.py\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
