"""Spec 07 B5, and spec 02: every way in which TLS fails is told apart."""

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.core.http import Exchange, Limits, OutboundError, send
from apps.core.outbound import Failure
from apps.core.tls import client_context
from tests.core.conftest import Watcher
from tests.support.certificates import Authority, make_authority, self_signed_context
from tests.support.outbound import QUICK, Answers, loopback_rule
from tests.support.servers import Connection, answering, json_answer, serve

NAME = "models.example"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path, settings: Settings) -> Authority:
    """The deployment trusts this CA."""
    settings.PATCHBAY_CA_FILE = str(authority.write(tmp_path))
    return authority


async def get(port: int, *, host: str = NAME, limits: Limits = QUICK) -> Exchange:
    url = f"https://{host}:{port}/"
    return await send("GET", url, [], b"", rules=[loopback_rule(port)], limits=limits, resolver=Answers([["127.0.0.1"]]))


async def failure(port: int, *, host: str = NAME, limits: Limits = QUICK) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        await get(port, host=host, limits=limits)
    return caught.value


@contextmanager
def blocking_server(context: ssl.SSLContext) -> Iterator[int]:
    """A server whose handshake fails and says why; asyncio's own servers hang up without the alert that others send."""

    def take_one() -> None:
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(ssl.SSLError):
                secured.do_handshake()
            while os.read(secured.fileno(), 65536):  # closing with something unread would reset the connection, and lose the alert
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take_one)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
async def test_a_good_certificate_of_the_deployments_ca(host: str, trusted: Authority, tmp_path: Path, network: Watcher) -> None:
    """B2, B5: name or address is checked against the certificate, and asked for by SNI."""
    context = trusted.server_context(tmp_path, host)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with serve(answering(json_answer(b"[1]")), tls=context) as server:
        answer = await get(server.port, host=host)
    assert answer.body == b"[1]"
    assert asked == [NAME if host == NAME else None]
    assert network.connects == [("127.0.0.1", server.port)]


async def test_without_the_ca_file_its_certificates_are_refused(authority: Authority, tmp_path: Path) -> None:
    """B5: a private CA is added by platform staff."""
    async with serve(answering(json_answer()), tls=authority.server_context(tmp_path, NAME)) as server:
        error = await failure(server.port)
    assert error.code == Failure.TLS_FAILED
    assert "CA that is not known" in error.message
    assert "PATCHBAY_CA_FILE" in error.hint
    assert server.requests == []


async def test_an_expired_certificate(trusted: Authority, tmp_path: Path) -> None:
    """B5."""
    async with serve(answering(json_answer()), tls=trusted.server_context(tmp_path, NAME, days=-1)) as server:
        error = await failure(server.port)
    assert (error.code, error.retryable) == (Failure.TLS_FAILED, False)
    assert "expired" in error.message
    assert server.requests == []


@pytest.mark.parametrize(("issued_for", "host"), [("other.example", NAME), ("*.other.example", NAME), ("10.0.0.1", "127.0.0.1")])
async def test_a_certificate_for_another_host(issued_for: str, host: str, trusted: Authority, tmp_path: Path) -> None:
    """B2: the certificate check keeps the name, whatever address was connected to."""
    async with serve(answering(json_answer()), tls=trusted.server_context(tmp_path, issued_for)) as server:
        error = await failure(server.port, host=host)
    assert error.code == Failure.TLS_FAILED
    assert "another name" in error.message
    assert server.requests == []


async def test_a_self_signed_certificate(tmp_path: Path) -> None:
    """B5."""
    async with serve(answering(json_answer()), tls=self_signed_context(tmp_path, NAME)) as server:
        error = await failure(server.port)
    assert error.code == Failure.TLS_FAILED
    assert "self-signed" in error.message
    assert server.requests == []


async def test_old_tls_is_refused(trusted: Authority, tmp_path: Path) -> None:
    """B5: TLS 1.2 or newer."""
    context = trusted.server_context(tmp_path, NAME)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with blocking_server(context) as port:
        error = await failure(port)
    assert error.code == Failure.TLS_FAILED
    assert "1.2" in error.message


async def test_plain_http_on_the_port() -> None:
    """Spec 02: says what to try."""

    async def plain(connection: Connection) -> None:
        await connection.reader.read(10)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with serve(plain) as server:
        error = await failure(server.port)
    assert error.code == Failure.TLS_FAILED
    assert "does not speak TLS" in error.message


async def test_what_is_sent_before_the_handshake_is_not_an_answer() -> None:
    """B5: plain text put in front of the TLS stream never becomes part of an answer."""

    async def inject(connection: Connection) -> None:
        await connection.send(json_answer(b'{"injected": true}'))
        await connection.wait_until_client_leaves()

    async with serve(inject) as server:
        assert (await failure(server.port)).code == Failure.TLS_FAILED


async def test_a_server_that_hangs_up_in_the_handshake() -> None:
    """Spec 02."""

    async def hang_up(connection: Connection) -> None:
        await connection.reader.read(10)

    async with serve(hang_up) as server:
        assert (await failure(server.port)).code == Failure.TLS_FAILED


async def test_a_server_that_says_nothing_in_the_handshake() -> None:
    """B6: the connect limit covers the handshake, and the connection is closed."""

    async def silence(connection: Connection) -> None:
        await connection.wait_until_client_leaves()

    async with serve(silence) as server:
        error = await failure(server.port, limits=Limits(connect=0.2))
        assert (error.code, error.retryable) == (Failure.CONNECT_TIMEOUT, True)
        await server.client_left.wait()


async def test_a_server_that_wants_a_client_certificate(trusted: Authority, tmp_path: Path) -> None:
    """TLS 1.3 tells only after the handshake."""
    context = trusted.server_context(tmp_path, NAME)
    context.verify_mode = ssl.CERT_REQUIRED
    with blocking_server(context) as port:
        error = await failure(port)
    assert error.code == Failure.TLS_FAILED
    assert "client certificate" in error.message


async def test_a_cut_answer_over_tls(trusted: Authority, tmp_path: Path) -> None:
    """B6."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    async with serve(answering(answer), tls=trusted.server_context(tmp_path, NAME)) as server:
        assert (await failure(server.port)).code == Failure.DISCONNECTED


async def test_an_unreadable_ca_file_stops_calls_instead_of_being_ignored(settings: Settings, tmp_path: Path) -> None:
    """B5."""
    settings.PATCHBAY_CA_FILE = str(tmp_path / "missing.pem")
    error = await failure(1)
    assert error.code == Failure.TLS_FAILED
    assert "PATCHBAY_CA_FILE" in error.hint


def test_verification_cannot_be_switched_off() -> None:
    """B5."""
    context = client_context("")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
