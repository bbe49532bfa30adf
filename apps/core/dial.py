"""Opening connections: the network backend under every call out (spec 07 B2, B6).

This module is the only one that opens sockets. It resolves a name once, lets the egress check see every answer, connects to exactly those
addresses, and watches sizes and times on the way in. Errors leave it as OutboundError; httpcore passes them through.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import httpcore

from apps.core import tls
from apps.core.addresses import Address
from apps.core.dns import Resolver, not_resolved
from apps.core.egress import EgressRule, check_addresses, check_name
from apps.core.endpoint import Endpoint
from apps.core.outbound import Failure, OutboundError

HTTP = b"HTTP/"
READ_BUFFER = 64 * 1024  # bytes that asyncio holds back for us before it stops reading from the socket


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take. Times in seconds, sizes in bytes; `body_bytes` counts before and after decompression."""

    connect: float = 5.0  # look-up, TCP and TLS together
    first_byte: float = 60.0  # from the open connection to the first byte of the answer
    total: float = 300.0
    header_bytes: int = 64 * 1024
    body_bytes: int = 32 * 1024 * 1024


@dataclass(slots=True)
class Meter:
    """What came in on one connection, for limits, times and error messages."""

    received: int = 0  # bytes after TLS
    first_byte_at: float | None = None  # time.perf_counter()
    head: bytes = b""  # the first bytes, as many as it takes to tell what is not HTTP
    ended: bool = False  # the server closed its side
    in_headers: bool = True

    def count(self, data: bytes) -> None:
        if not data:
            self.ended = True
            return
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()
        self.head = (self.head + data[: len(HTTP)])[: len(HTTP)]
        self.received += len(data)

    @property
    def is_http(self) -> bool:
        """Whether what came so far can be the beginning of an HTTP answer."""
        return HTTP.startswith(self.head)


@dataclass(slots=True)
class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects one endpoint under the rules. One backend serves one call: a connection never crosses calls, so never workspaces (B4)."""

    endpoint: Endpoint
    rules: Sequence[EgressRule]
    limits: Limits
    resolver: Resolver
    meter: Meter = field(default_factory=Meter)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, check every answer, connect to one of exactly these. Raises OutboundError."""
        deadline = asyncio.get_running_loop().time() + self.limits.connect
        addresses = await self._resolve(deadline)
        check_addresses(self.endpoint, addresses, self.rules)
        connected = await _connect_any(self.endpoint, addresses, deadline)
        stream = GuardedStream(connected, self.endpoint.host, self.limits, self.meter, deadline)
        if self.endpoint.scheme == "http":
            await stream.open()
        return stream

    async def _resolve(self, deadline: float) -> Sequence[Address]:
        if self.endpoint.address is not None:
            return [self.endpoint.address]
        check_name(self.endpoint, self.rules)
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self.resolver(self.endpoint.host)
        except TimeoutError:
            raise not_resolved(self.endpoint.host, retryable=True) from None
        if not addresses:
            raise not_resolved(self.endpoint.host)
        return addresses


class GuardedStream(httpcore.AsyncNetworkStream):
    """One connection, which keeps its own deadlines: the timeouts in httpcore's signatures are not used.

    For https it stays a bare socket until the TLS handshake, so that nothing that was sent before it can be read as an answer.
    """

    def __init__(self, connected: socket.socket, host: str, limits: Limits, meter: Meter, deadline: float) -> None:
        self._socket = connected
        self._host = host
        self._limits = limits
        self._meter = meter
        self._deadline = deadline  # of the loop's clock; for connecting first, then for the first byte
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, context: ssl.SSLContext | None = None) -> None:
        """Start reading and writing, with a TLS handshake where there is a context. From here the first-byte limit runs."""
        try:
            async with asyncio.timeout_at(self._deadline):
                self._reader, self._writer = await asyncio.open_connection(
                    sock=self._socket, ssl=context, server_hostname=self._host if context else None, limit=READ_BUFFER
                )
        except TimeoutError:
            raise handshake_timeout(self._host, self._limits) from None
        except ssl.SSLError as error:
            raise tls.explain(error, self._host) from None
        except OSError:
            raise tls.interrupted(self._host) from None
        finally:
            if self._writer is None:  # also when cancelled
                self._socket.close()
        self._deadline = asyncio.get_running_loop().time() + self._limits.first_byte

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        await self.open(ssl_context)
        return self

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._writer is None:
            raise httpcore.WriteError("not open")
        try:
            async with asyncio.timeout_at(self._deadline):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError:
            raise first_byte_timeout(self._limits) from None
        except OSError as error:  # the server may have answered and hung up before it read everything: httpcore goes on to read that
            raise httpcore.WriteError("closed") from error

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._reader is None:
            raise httpcore.ReadError("not open")
        if self._meter.in_headers:
            max_bytes = min(max_bytes, self._limits.header_bytes - self._meter.received)
            if max_bytes <= 0:
                raise headers_too_large(self._limits)
        waiting = self._meter.first_byte_at is None
        try:
            async with asyncio.timeout_at(self._deadline if waiting else None):
                data = await self._reader.read(max_bytes)
        except TimeoutError:
            raise first_byte_timeout(self._limits) from None
        except ssl.SSLError as error:  # TLS 1.3 reports a missing client certificate only now
            raise tls.explain(error, self._host) from None
        except OSError:
            raise disconnected(self._meter) from None
        self._meter.count(data)
        if not self._meter.is_http:  # at once: h11 would wait for an empty line, which another protocol need not send
            raise not_http(self._meter)
        return data

    async def aclose(self) -> None:
        """Close at once: a connection is never used again, and a server that does not answer the goodbye must not keep it."""
        if self._writer is not None:
            self._writer.transport.abort()
        else:
            self._socket.close()

    def get_extra_info(self, info: str) -> object:
        return self._writer.get_extra_info(info) if self._writer is not None else None


async def _connect_any(endpoint: Endpoint, addresses: Sequence[Address], deadline: float) -> socket.socket:
    """A socket connected to the first address that answers; each gets an equal share of the time that is left."""
    loop = asyncio.get_running_loop()
    failures: list[OSError] = []
    for index, address in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - index)
        try:
            async with asyncio.timeout(share):
                return await _connect(address, endpoint.port)
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


def first_byte_timeout(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.FIRST_BYTE_TIMEOUT,
        f"The server took the call but sent nothing within {limits.first_byte:g} seconds.",
        "The model may be slow: raise the connection's time limit, or ask for less.",
    )


def headers_too_large(limits: Limits) -> OutboundError:
    return OutboundError(
        Failure.HEADERS_TOO_LARGE,
        f"The headers of the answer are larger than {limits.header_bytes / 1024:g} KiB.",
        "Check that the address is the API's own, not a proxy's or a login page's.",
    )


def not_http(meter: Meter) -> OutboundError:
    """In our words: httpcore's own text repeats what the server sent, which can be anything."""
    speaks_tls = meter.head.startswith((b"\x15\x03", b"\x16\x03"))
    hint = "This port speaks TLS: use https://." if speaks_tls else "Check scheme and port."
    return OutboundError(Failure.PROTOCOL_ERROR, "The server's answer is not valid HTTP.", hint)


def disconnected(meter: Meter) -> OutboundError:
    """Only a close before any byte may be tried again (spec 07 F1)."""
    if not meter.received:
        return OutboundError(Failure.DISCONNECTED, "The server closed the connection without answering.", "Try again.", retryable=True)
    return OutboundError(
        Failure.DISCONNECTED,
        f"The server closed the connection in the middle of its answer, after {meter.received:,} bytes.",
        "The server, or a proxy before it, gave up. Try again.",
    )
