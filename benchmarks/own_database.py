"""A PostgreSQL database of the benchmark's own, behind a door that can be closed: for what happens while the database is away."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

SLICE = 64 * 1024


@dataclass
class Door:
    """Passes TCP connections on to the real server; closed, it cuts those that are open and refuses new ones."""

    host: str
    port: int
    listener: socket.socket = field(default_factory=socket.socket)
    is_open: bool = True
    pairs: list[socket.socket] = field(default_factory=list)

    def start(self) -> int:
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()
        port: int = self.listener.getsockname()[1]
        return port

    def accept(self) -> None:
        while True:
            try:
                inside, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_open:
                inside.close()
                continue
            outside = socket.create_connection((self.host, self.port))
            self.pairs += [inside, outside]
            for source, target in ((inside, outside), (outside, inside)):
                threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(SLICE):
                target.sendall(data)
        except OSError:
            pass
        cut(source, target)

    @contextmanager
    def closed(self) -> Iterator[None]:
        self.is_open = False
        cut(*self.pairs)
        self.pairs.clear()
        yield
        self.is_open = True


def cut(*sockets: socket.socket) -> None:
    """Both directions at once: a thread that waits to read from one of them goes on, which closing alone would not make it do."""
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@dataclass
class OwnDatabase:
    """`url` "" is SQLite, which lives in the benchmark's data folder."""

    url: str = ""
    name: str = ""
    door: Door | None = None

    def drop(self) -> None:
        if self.door is None:
            return
        self.door.listener.close()
        with psycopg.connect(self.url, autocommit=True) as administration:
            administration.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')  # type: ignore[arg-type]


def own_database() -> OwnDatabase:
    """With DATABASE_URL, make a database on that server and let DATABASE_URL name it, through a door. Before Django is set up."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        os.environ.pop("DATABASE_URL", None)
        return OwnDatabase()
    parts = urlsplit(url)
    name = f"patchbay_benchmark_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as administration:
        administration.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    door = Door(parts.hostname or "127.0.0.1", parts.port or 5432)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    os.environ["DATABASE_URL"] = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{door.start()}", path=f"/{name}"))
    return OwnDatabase(url, name, door)


def pass_through(database: OwnDatabase) -> Door:
    assert database.door is not None
    return database.door
