"""Calls out per second of processor time: our client against a server that answers at once, in a process of its own.

    uv run benchmarks/client.py            # figures
    uv run benchmarks/client.py --profile  # where the time goes

Loopback only. The calls are POSTs of 300 bytes with a key in a header; the answers have 1 KB and ten headers; connections are kept. What is
counted is the processor time of the client's process: the event loop (uvloop), the calls into the system, and our steps.
"""

import argparse
import asyncio
import cProfile
import multiprocessing
import os
import pstats
import resource
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
import uvloop

django.setup()

from apps.core.egress import EgressRule
from apps.core.http import Prepared, open_prepared, prepare
from apps.core.secrets import Secret, call_secrets

BODY = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "' + b"x" * 230 + b'"}]}'
ANSWER_BODY = b'{"id": "chatcmpl-1", "choices": [{"message": {"content": "' + b"y" * 950 + b'"}}]}'
HEADERS = [
    "Content-Type: application/json", f"Content-Length: {len(ANSWER_BODY)}", "Date: Sat, 21 Nov 2026 10:00:00 GMT", "Server: mock",
    "X-Request-ID: 0123456789abcdef", "Connection: keep-alive", "X-RateLimit-Limit: 10000", "X-RateLimit-Remaining: 9999",
    "Cache-Control: no-store", "Vary: Origin",
]  # fmt: skip
ANSWER = "\r\n".join(["HTTP/1.1 200 OK", *HEADERS]).encode() + b"\r\n\r\n" + ANSWER_BODY


class Instant(asyncio.Protocol):
    """Answers each read that ends a request; the requests here come in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


def serve(ready: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


async def one_after_the_other(prepared: Prepared, calls: int) -> None:
    for _ in range(calls):
        with call_secrets():
            async with await open_prepared(prepared, BODY) as incoming:
                assert len(await incoming.read()) == len(ANSWER_BODY)


async def bare(port: int, calls: int) -> None:
    """What the event loop and the system take by themselves: the same bytes both ways, nothing read or checked."""
    loop = asyncio.get_running_loop()

    class Echo(asyncio.Protocol):
        waiter: asyncio.Future[None]

        def data_received(self, data: bytes) -> None:
            self.waiter.set_result(None)

    transport, protocol = await loop.create_connection(Echo, "127.0.0.1", port)
    request = b"POST / HTTP/1.1\r\n" + b"x" * 200 + b"\r\n\r\n" + BODY
    for _ in range(calls):
        protocol.waiter = loop.create_future()
        transport.write(request)
        await protocol.waiter
    transport.close()


def processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(port: int, calls: int, at_once: int, *, ours: bool) -> tuple[float, float]:
    """Calls a second of processor time, and of the clock."""
    prepared = prepare(
        "POST",
        f"http://127.0.0.1:{port}/v1/chat/completions",
        [("Authorization", Secret("Bearer sk-0123456789abcdef0123456789abcdef")), ("Content-Type", "application/json")],
        rules=[EgressRule(id="benchmark", host="127.0.0.1", ports=(port,), scheme="http")],
        pool="benchmark",
    )
    before, started = processor_seconds(), time.perf_counter()
    share = calls // at_once
    await asyncio.gather(*(one_after_the_other(prepared, share) if ours else bare(port, share) for _ in range(at_once)))
    return calls / (processor_seconds() - before), calls / (time.perf_counter() - started)


async def main(port: int, options: argparse.Namespace) -> None:
    await measure(port, options.calls // 4, options.at_once, ours=True)
    if options.profile:
        with cProfile.Profile() as profile:
            await measure(port, options.calls, options.at_once, ours=True)
        pstats.Stats(profile).sort_stats("tottime").print_stats(22)
        return
    rounds = [
        (await measure(port, options.calls, options.at_once, ours=True), await measure(port, options.calls, options.at_once, ours=False))
        for _ in range(options.rounds)
    ]
    for name, figures in (("our client", [pair[0] for pair in rounds]), ("bare event loop", [pair[1] for pair in rounds])):
        processor = statistics.median(figure[0] for figure in figures)
        clock = statistics.median(figure[1] for figure in figures)
        print(f"{name:16} {processor:8,.0f} calls per processor second ({1e6 / processor:.1f} us each), {clock:8,.0f} a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=40_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    uvloop.run(main(here.recv(), parser.parse_args()))
    server.terminate()
