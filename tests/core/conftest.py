"""Fixtures for tests of calls out: a watcher that sees every connect and look-up of the process, and calls to loopback servers."""

import ipaddress
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from apps.core.addresses import Address
from apps.core.egress import EgressRule
from apps.core.outbound import Failure, OutboundError


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


@dataclass
class Answers:
    """A resolver that gives scripted answers, one list per look-up; the last one stays."""

    script: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answer = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        if not answer:
            raise OutboundError(Failure.NAME_NOT_RESOLVED, f"The name {host} could not be resolved.")
        return [ipaddress.ip_address(text) for text in answer]


def loopback_rule(port: int, *, address: str = "127.0.0.1", scheme: str = "any") -> EgressRule:
    """The exact address and port, which is what loopback needs (spec 07 B7)."""
    return EgressRule(id="test", host=address, ports=(port,), scheme=scheme)
