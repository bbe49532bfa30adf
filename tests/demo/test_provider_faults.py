"""Every way of misbehaving is what its name says, seen through a raw socket or a client that notices."""

import asyncio
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from apps.demo.provider.faults import FAULTS, gzip_bomb
from tests.demo.test_provider_dialects import CASES, pick
from tests.support.provider import DEMO_KEYS, RunningProvider, running_provider

TRIAGE = CASES["triage"]
MIB = 1024 * 1024


def call(provider: RunningProvider, fault: str, *, name: str = "triage", timeout: float = 60.0, **extra: object) -> httpx.Response:
    case = CASES[name]
    headers = case.headers(DEMO_KEYS[name].accepted)
    url = f"{provider.url}/fault/{fault}{case.path}"
    return httpx.post(url, headers=headers, json={**case.body, **extra}, timeout=timeout, trust_env=False)


def raw(provider: RunningProvider, path: str) -> bytes:
    """Everything the server sends for a GET of that path until it closes the connection."""
    with socket.create_connection(("127.0.0.1", provider.port), timeout=60) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_any_error_status_in_the_dialects_shape(provider: RunningProvider, name: str, status: int) -> None:
    answer = call(provider, str(status), name=name)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("2" if status == 429 else None)
    assert set(answer.json()) & {"error", "message", "fault"}


def test_slow_answers_after_so_many_seconds(provider: RunningProvider) -> None:
    began = time.monotonic()
    assert call(provider, "slow/0.2").status_code == 200
    assert time.monotonic() - began >= 0.2
    with pytest.raises(httpx.ReadTimeout):
        call(provider, "slow", timeout=0.1)


def test_a_client_that_leaves_is_noticed(provider: RunningProvider) -> None:
    with pytest.raises(httpx.ReadTimeout):
        call(provider, "hang", timeout=0.1)
    provider.wait_for_outcome("cut")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("hangup", httpx.RemoteProtocolError),
        ("reset", httpx.ReadError),
        ("truncated", httpx.RemoteProtocolError),
        ("garbage", httpx.RemoteProtocolError),
        ("badgzip", httpx.DecodingError),
        ("stall", httpx.ReadTimeout),
    ],
)
def test_broken_connections_and_bodies(provider: RunningProvider, fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(provider, fault, timeout=0.3 if error is httpx.ReadTimeout else 60)


def test_a_drip_arrives_whole_piece_by_piece(provider: RunningProvider) -> None:
    """B6: a read timeout does not end a drip, as no single read takes long; all of them together do."""
    began = time.monotonic()
    url, headers = f"{provider.url}/fault/drip/0.005{TRIAGE.path}", TRIAGE.headers(DEMO_KEYS["triage"].accepted)
    with httpx.stream("POST", url, headers=headers, json=TRIAGE.body, timeout=60, trust_env=False) as answer:
        pieces = list(answer.iter_raw())
    assert json.loads(b"".join(pieces))["outcome"]["status"] == "done"
    assert len(pieces) > 3
    assert time.monotonic() - began > 0.005 * len(b"".join(pieces))


def test_a_truncated_stream_ends_without_its_last_chunk(provider: RunningProvider) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        call(provider, "truncated", name="openai", stream=True)


def test_truncated_promises_more_than_it_sends(provider: RunningProvider) -> None:
    head, _, body = raw(provider, "/fault/truncated/echo").partition(b"\r\n\r\n")
    promised = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < promised


@pytest.mark.parametrize(
    ("fault", "content_type", "body"),
    [
        ("notjson", "application/json", b"The claim looks fine to me."),
        ("html", "text/html; charset=utf-8", b"<!doctype html>"),
        ("empty", "application/json", b""),
        ("badutf8", "application/json", b"caf\xe9"),
        ("deep", "application/json", b"[" * 100_000),
        ("nan", "application/json", b"NaN"),
        ("nul", "application/json", rb"\u0000"),
    ],
)
def test_bodies_that_are_not_what_they_say(provider: RunningProvider, fault: str, content_type: str, body: bytes) -> None:
    answer = call(provider, fault)
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert body in answer.content


def test_huge_is_forty_mebibytes_and_endless_does_not_end(provider: RunningProvider) -> None:
    with httpx.stream("GET", f"{provider.url}/fault/huge/echo", trust_env=False, timeout=60) as answer:
        assert int(answer.headers["content-length"]) == 40 * MIB + 2
    assert len(raw(provider, "/fault/huge/2/echo").partition(b"\r\n\r\n")[2]) == 2 * MIB + 2
    with httpx.stream("GET", f"{provider.url}/fault/endless/echo", trust_env=False, timeout=60) as answer:
        received = 0
        for part in answer.iter_raw():
            received += len(part)
            if received > 5 * MIB:
                break
    provider.wait_for_outcome("cut")


def test_gzip_good_cut_and_as_a_bomb(provider: RunningProvider) -> None:
    assert call(provider, "gzip").json()["outcome"]["status"] == "done"
    cut = raw(provider, "/fault/cutgzip/echo").partition(b"\r\n\r\n")[2]
    with pytest.raises(EOFError):
        gzip.decompress(cut)
    bomb = raw(provider, "/fault/gzipbomb/8/echo").partition(b"\r\n\r\n")[2]
    assert bomb == gzip_bomb(8)
    assert len(bomb) < 10_000
    assert len(gzip.decompress(bomb)) == 8 * MIB


def test_big_headers_are_over_the_limit_of_b6(provider: RunningProvider) -> None:
    head = raw(provider, "/fault/bigheaders/echo").partition(b"\r\n\r\n")[0]
    assert len(head) > 2 * 65536


def test_a_redirect_goes_to_another_host_name(provider: RunningProvider) -> None:
    answer = call(provider, "redirect")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://localhost:{provider.port}/echo"


def test_leak_quotes_the_key(provider: RunningProvider) -> None:
    key = DEMO_KEYS["openai"].accepted
    answer = call(provider, "leak", name="openai")
    assert answer.status_code == 401
    assert key in answer.text
    assert answer.headers["x-debug-key"] == key


def test_an_unknown_fault_is_said_to_be_one(provider: RunningProvider) -> None:
    answer = call(provider, "sparkle")
    assert (answer.status_code, answer.json()) == (404, {"error": "no fault called sparkle"})
    assert "sparkle" not in FAULTS


def test_many_requests_on_one_connection_and_large_bodies(provider: RunningProvider) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=60)
    for size in (0, 10, 3 * MIB):
        connection.request("POST", "/echo", body=b"x" * size, headers={"Expect": "100-continue"} if size > MIB else {})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read().count(b"x") >= size
    connection.close()


def test_pipelined_requests_are_answered_in_order(provider: RunningProvider) -> None:
    requests = b"".join(f"GET /echo/{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in range(3))
    with socket.create_connection(("127.0.0.1", provider.port), timeout=60) as sock:
        sock.sendall(requests + b"GET /echo/last HTTP/1.1\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: sock.recv(65536), b""))
    places = [answers.index(f'"/echo/{name}"'.encode()) for name in ("0", "1", "2", "last")]
    assert places == sorted(places)


def test_what_is_not_http_is_refused(provider: RunningProvider) -> None:
    with socket.create_connection(("127.0.0.1", provider.port), timeout=60) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00 not http\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400")


async def test_sixty_four_at_once(provider: RunningProvider) -> None:
    began = time.monotonic()
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=provider.url, trust_env=False, limits=limits, timeout=60) as client:
        headers = TRIAGE.headers(DEMO_KEYS["triage"].accepted)
        bodies = [{"task": {"ask": f"claim {n}"}} for n in range(64)]
        posts = (client.post(f"/fault/slow/1{TRIAGE.path}", headers=headers, json=body) for body in bodies)
        answers = await asyncio.gather(*posts)
    for n, answer in enumerate(answers):
        assert f'"claim {n}"' in str(pick(answer.json(), TRIAGE.text))
    assert time.monotonic() - began < 64 * 1 / 2  # one after the other they take twice that


def test_stopping_cuts_what_is_under_way() -> None:
    with running_provider() as provider:
        sock = socket.create_connection(("127.0.0.1", provider.port), timeout=60)
        sock.sendall(b"GET /fault/hang HTTP/1.1\r\nHost: x\r\n\r\n")
        deadline = time.monotonic() + 60
        while not provider.recorded and time.monotonic() < deadline:
            time.sleep(0.005)
    assert provider.recorded[0].outcome == "cut"
    with pytest.raises(ConnectionResetError):
        sock.recv(1)
    sock.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", provider.port), timeout=1)


def test_it_runs_on_its_own_without_django_and_stops_on_sigterm() -> None:
    """The provider is stand-alone: no product module and no Django is imported by `python -m apps.demo.provider`."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-X", "importtime", "-m", "apps.demo.provider", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]}
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    assert httpx.get(f"{url}/", trust_env=False, timeout=60).status_code == 200
    process.send_signal(signal.SIGTERM)
    _, imports = process.communicate(timeout=120)
    assert process.returncode == 0
    modules = {line.rpartition("|")[2].strip() for line in imports.splitlines() if line.startswith("import time:")}
    assert not [name for name in modules if name.startswith(("django", "config", "httpx"))]
    assert all(name in ("apps", "apps.demo") or name.startswith("apps.demo.provider") for name in modules if name.split(".")[0] == "apps")


def test_a_taken_port_is_said_plainly(provider: RunningProvider) -> None:
    command = [sys.executable, "-m", "apps.demo.provider", "--port", str(provider.port)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{provider.port}" in done.stderr
    assert "Traceback" not in done.stderr
