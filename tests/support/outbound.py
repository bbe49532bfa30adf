"""What tests of calls out need: scripted DNS, rules for loopback servers, and small limits."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.core.addresses import Address
from apps.core.egress import EgressRule
from apps.core.http import Exchange, Limits, OutboundError, send
from apps.core.outbound import Failure

QUICK = Limits(connect=30.0, first_byte=60.0, total=60.0)


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


async def call(port: int, *, body: bytes = b"", limits: Limits = QUICK) -> Exchange:
    """A plain call to a loopback server, with the rule that it needs."""
    return await send("POST", f"http://127.0.0.1:{port}/", [], body, rules=[loopback_rule(port)], limits=limits)


async def failure_of(port: int, *, body: bytes = b"", limits: Limits = QUICK) -> OutboundError:
    """The error of such a call."""
    try:
        answer = await call(port, body=body, limits=limits)
    except OutboundError as error:
        return error
    raise AssertionError(f"The call was answered with {answer.status}.")
