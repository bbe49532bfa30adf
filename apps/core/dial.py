"""Opening connections for calls out (spec 07 B2, B6).

This module is the only one that opens sockets. It resolves a name once, lets the egress check see every answer, and connects to exactly
those addresses. Errors leave it as OutboundError.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence

from apps.core import tls
from apps.core.addresses import Address
from apps.core.dns import Resolver, not_resolved
from apps.core.egress import EgressRule, check_addresses, check_name
from apps.core.endpoint import Endpoint
from apps.core.outbound import Failure, Limits, OutboundError


async def dial(
    endpoint: Endpoint,
    protocol: asyncio.Protocol,
    *,
    rules: Sequence[EgressRule],
    limits: Limits,
    resolver: Resolver,
    context: ssl.SSLContext | None,
) -> Address:
    """Connect `protocol` with the endpoint, after a TLS handshake where there is a context, and say which address it is.

    Resolves once, checks every answer, connects to one of exactly these, all within `limits.connect`. Raises OutboundError.
    """
    deadline = asyncio.get_running_loop().time() + limits.connect
    addresses = await _resolve(endpoint, rules, resolver, deadline)
    check_addresses(endpoint, addresses, rules)
    connected, address = await _connect_any(endpoint, addresses, deadline)
    await _open(connected, endpoint, protocol, limits, context, deadline)
    return address


async def _resolve(endpoint: Endpoint, rules: Sequence[EgressRule], resolver: Resolver, deadline: float) -> Sequence[Address]:
    if endpoint.address is not None:
        return [endpoint.address]
    check_name(endpoint, rules)
    try:
        async with asyncio.timeout_at(deadline):
            addresses = await resolver(endpoint.host)
    except TimeoutError:
        raise not_resolved(endpoint.host, retryable=True) from None
    if not addresses:
        raise not_resolved(endpoint.host)
    return addresses


async def _open(
    connected: socket.socket,
    endpoint: Endpoint,
    protocol: asyncio.Protocol,
    limits: Limits,
    context: ssl.SSLContext | None,
    deadline: float,
) -> None:
    """Let `protocol` read and write. It stays a bare socket until then: nothing sent before a handshake can be read as an answer."""
    done = False
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.get_running_loop().create_connection(
                lambda: protocol, sock=connected, ssl=context, server_hostname=endpoint.host if context else None
            )
        done = True
    except TimeoutError:
        raise handshake_timeout(endpoint.host, limits) from None
    except ssl.SSLError as error:
        raise tls.explain(error, endpoint.host) from None
    except OSError:
        raise tls.interrupted(endpoint.host) from None
    finally:
        if not done:  # also when cancelled
            connected.close()


async def _connect_any(endpoint: Endpoint, addresses: Sequence[Address], deadline: float) -> tuple[socket.socket, Address]:
    """A socket connected to the first address that answers, and which; each gets an equal share of the time that is left."""
    loop = asyncio.get_running_loop()
    failures: list[OSError] = []
    for index, address in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - index)
        try:
            async with asyncio.timeout(share):
                return await _connect(address, endpoint.port), address
        except OSError as error:
            failures.append(error)
    raise _explain_connect(endpoint, failures)


async def _connect(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, (str(address), port))
    except BaseException:
        opened.close()
        raise
    return opened


def _explain_connect(endpoint: Endpoint, failures: Sequence[OSError]) -> OutboundError:
    """The most telling of the failures: a refusal means that the server is there."""
    place = f"{endpoint.host}, port {endpoint.port}"
    if any(isinstance(error, ConnectionRefusedError) for error in failures):
        return OutboundError(
            Failure.CONNECTION_REFUSED,
            f"{place} refused the connection.",
            "Nothing listens there, or a firewall says no. Check host and port.",
            retryable=True,
        )
    if any(isinstance(error, TimeoutError) for error in failures):
        return OutboundError(
            Failure.CONNECT_TIMEOUT, f"{place} did not accept a connection in time.", "Check host, port and firewall.", retryable=True
        )
    return OutboundError(
        Failure.CONNECT_FAILED,
        f"{place} could not be reached.",
        "There is no route from this server to it. Check host and network.",
        retryable=True,
    )


def handshake_timeout(host: str, limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.CONNECT_TIMEOUT,
        f"{host} did not finish the TLS handshake within {limits.connect:g} seconds.",
        "Try again later.",
        retryable=True,
    )
