"""Whether the gateway stays quick and small as it fills: memory, 10,000 models in 1,000 workspaces against one, two processes against one.

    uv run benchmarks/growth.py

Requests per CPU second of the process under test, in interleaved rounds against an instant provider on loopback.
"""

import asyncio
import random
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import load_client
import patchbay_site
from django.db import transaction
from gateway import AT_ONCE, body_of, free_port
from load_client import cpu_of, memory_mib, request_of

MODELS, CONNECTIONS, KEYS = 1_000, 5, 5_000
WORKSPACES, MODELS_EACH = 1_000, 10
ROUNDS, SECONDS = 5, 3.0
PATH = "/v1/chat/completions"


def request(port: int, model: str, key: str) -> bytes:
    return request_of(port, PATH, body_of(model), {"Authorization": f"Bearer {key}"})


def ask(server: "subprocess.Popen[bytes]", port: int, requests: list[bytes], seconds: float) -> float:
    """Requests per CPU second of the server: the three share one worker, whosever child it is."""
    before = cpu_of(server.pid, with_worker=False)
    load = asyncio.run(load_client.run(port, requests, connections=AT_ONCE, seconds=seconds))
    assert not load.failures, load.failures[:1]
    patchbay_site.catch_up()
    return load.answers / cpu_of(server.pid, with_worker=False).since(before).total


def ask_each(port: int, requests: list[bytes]) -> None:
    """Every request at least once, so that all of it is in memory."""
    seen = 0
    while seen < len(requests):
        load = asyncio.run(load_client.run(port, requests[seen : seen + 500], connections=50, seconds=0.5))
        assert not load.failures, load.failures[:1]
        seen += min(500, load.answers)


def memory(url: str, user: patchbay_site.User) -> None:
    workspace = patchbay_site.make_workspace(user, "memory")
    with transaction.atomic():
        for number in range(MODELS):
            patchbay_site.make_model(workspace, user, url, f"model {number}", connections=CONNECTIONS)
        keys = [patchbay_site.make_key(workspace, user, f"app {number}") for number in range(KEYS)]
    port = free_port()
    server = patchbay_site.start(port)
    start = memory_mib(server.pid)
    ask_each(port, [request(port, f"model {number % MODELS}", key) for number, key in enumerate(keys)])
    full = memory_mib(server.pid)
    print(
        f"memory: {start:.0f} MiB at the start, {full:.0f} MiB with {MODELS:,} models, {MODELS * CONNECTIONS:,} connections, {KEYS:,} keys"
    )
    server.terminate()
    server.wait()


def growth(url: str, user: patchbay_site.User) -> None:
    requests: list[tuple[str, str]] = []
    for number in range(WORKSPACES):
        with transaction.atomic():
            workspace = patchbay_site.make_workspace(user, f"w{number}")
            for each in range(MODELS_EACH):
                patchbay_site.make_model(workspace, user, url, f"model {number} {each}")
            key = patchbay_site.make_key(workspace, user, f"app {number}")
        requests += [(f"model {number} {each}", key) for each in range(MODELS_EACH)]
    ports = [free_port(), free_port()]
    one, two = patchbay_site.start(ports[0]), patchbay_site.start(ports[1], workers=2)
    alone = [request(ports[0], *requests[0])]
    many = [request(ports[0], *each) for each in requests]
    random.Random(1).shuffle(many)  # as calls of many programs come, not workspace by workspace
    ask_each(ports[0], many)
    shared = [request(ports[1], *requests[0])]
    ask(two, ports[1], shared, 2.0)
    rates: dict[str, list[float]] = {"one model": [], "10,000 models": [], "two processes": []}
    for _ in range(ROUNDS):
        rates["one model"].append(ask(one, ports[0], alone, SECONDS))
        rates["10,000 models"].append(ask(one, ports[0], many, SECONDS))
        rates["two processes"].append(ask(two, ports[1], shared, SECONDS))
    base = statistics.median(rates["one model"])
    for name, each in rates.items():
        print(f"{name:16} {statistics.median(each):>8,.0f} requests per CPU second, {statistics.median(each) / base:.2f} x")
    for server in (one, two):
        server.terminate()
        server.wait()


def main() -> None:
    upstream_port = free_port()
    upstream = subprocess.Popen([sys.executable, str(Path(__file__).with_name("mock_upstream.py")), str(upstream_port)])
    try:
        user = patchbay_site.make_database()
        patchbay_site.allow(upstream_port)
        url = f"http://127.0.0.1:{upstream_port}/fast/v1/chat/completions"
        memory(url, user)
        growth(url, user)
    finally:
        upstream.terminate()
        upstream.wait(timeout=10)


if __name__ == "__main__":
    main()
