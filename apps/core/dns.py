"""Name look-ups for calls out: the system's resolver, in threads of its own so that slow names hold up nobody else."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from apps.core.addresses import Address
from apps.core.outbound import Failure, OutboundError

# The seam for tests and for other resolvers: host in, its addresses out, in the order to try; raises OutboundError(name_not_resolved).
type Resolver = Callable[[str], Awaitable[Sequence[Address]]]

# getaddrinfo() cannot be interrupted: a hanging name keeps one of these threads, and leaves the event loop's own few threads free.
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="dns")


async def system_resolver(host: str) -> Sequence[Address]:
    """The addresses of `host` as getaddrinfo() orders them. Raises OutboundError(name_not_resolved). The caller sets the deadline."""
    try:
        answers = await asyncio.get_running_loop().run_in_executor(_threads, _look_up, host)
    except socket.gaierror as error:
        raise not_resolved(host, retryable=error.errno == socket.EAI_AGAIN) from None
    return list(dict.fromkeys(ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers))


def _look_up(host: str) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)  # type: ignore[return-value]


def not_resolved(host: str, *, retryable: bool = False) -> OutboundError:
    return OutboundError(
        Failure.NAME_NOT_RESOLVED,
        f"The name {host} could not be resolved.",
        "Check the spelling. A name of an internal network must be known to the DNS server that this product uses.",
        retryable=retryable,
    )
