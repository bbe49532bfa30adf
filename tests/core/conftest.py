"""Fixtures of the core tests: a watcher that sees every connect and look-up of the process."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Watcher:
    """What the process asked the operating system for. Python raises these audit events under every library, so nothing gets past."""

    watching: bool = False
    connects: list[tuple[object, ...]] = field(default_factory=list)
    lookups: list[object] = field(default_factory=list)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        if not self.watching:
            return
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            address = args[1]
            self.connects.append(address if isinstance(address, tuple) else (address,))
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self.lookups.append(args[0])


_watcher = Watcher()
sys.addaudithook(_watcher.hook)  # an audit hook cannot be taken away again, hence the switch


@pytest.fixture
def network() -> Iterator[Watcher]:
    """Sees every connect and look-up while the test runs."""
    _watcher.connects.clear()
    _watcher.lookups.clear()
    _watcher.watching = True
    yield _watcher
    _watcher.watching = False
