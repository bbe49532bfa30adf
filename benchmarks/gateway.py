"""The gateway's speed beside that of other gateways, in one run with interleaved rounds (spec 08).

    uv run benchmarks/gateway.py [--peers FOLDER] [--rounds 5] [--seconds 3] [--only patchbay,nginx] [--growth] [--streams]

Everything on: key check, limits, records with masked bodies, egress rules. 64 connections ask an instant provider on loopback for a 1 KB
answer; what counts is requests per CPU second of the process under test, so that the two cores which load, provider and gateway share do
not decide. `--peers` keeps the other gateways' installations for the next run.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import load_client
import patchbay_site
import peers
from load_client import Cpu, Load, cpu_of, memory_mib, request_of, resident_mib, workers

AT_ONCE = 64
OURS = "Patchbay"
PROMPT = "Rear-end collision on the A4, no injuries, claimant has photos but no police report. " * 10


@dataclass(slots=True)
class Figures:
    """What the rounds gave, one entry each."""

    per_core: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)  # processor time a request
    worker_us: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)
    events_per_core: list[float] = field(default_factory=list)
    first_event_ms: list[float] = field(default_factory=list)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def body_of(model: str, *, stream: bool = False) -> bytes:
    messages = [{"role": "system", "content": "You triage insurance claims."}, {"role": "user", "content": PROMPT}]
    return json.dumps({"model": model, "messages": messages, "temperature": 0.2, **({"stream": True} if stream else {})}).encode()


def ask(system: peers.Running, *, stream: bool = False, connections: int = AT_ONCE, seconds: float) -> tuple[Load, Cpu]:
    """The load, and what the system took for it until the last record was in the database."""
    request = request_of(system.port, system.path, body_of(system.model, stream=stream), system.headers)
    is_ours = system.name == OURS
    before = cpu_of(system.process.pid, with_worker=is_ours)
    load = asyncio.run(load_client.run(system.port, request, connections=connections, seconds=seconds))
    if load.failures:
        raise RuntimeError(f"{system.name}: {len(load.failures)} of {load.answers} calls failed: {load.failures[0]}")
    if is_ours:
        patchbay_site.catch_up()
    return load, cpu_of(system.process.pid, with_worker=is_ours).since(before)


def patchbay(port: int, upstream: int) -> peers.Running:
    user = patchbay_site.make_database()
    workspace = patchbay_site.make_workspace(user, "bench")
    patchbay_site.allow(upstream)
    patchbay_site.make_model(workspace, user, f"http://127.0.0.1:{upstream}/fast/v1/chat/completions")
    patchbay_site.make_model(workspace, user, f"http://127.0.0.1:{upstream}/paced/v1/chat/completions", "paced")
    key = patchbay_site.make_key(workspace, user)
    limit_everything(workspace.slug)
    process = patchbay_site.start(port)
    return peers.Running(OURS, port, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, process)


def limit_everything(slug: str) -> None:
    """Limits that are counted and never reached."""
    most = 2_000_000_000
    workspace = patchbay_site.Workspace.objects.get(slug=slug)
    workspace.connections.update(requests_per_minute=most, tokens_per_minute=most, calls_at_once=10_000)
    for app in workspace.api_apps.all():
        app.keys.update(requests_per_minute=most, tokens_per_minute=most)


def start_all(only: set[str], folder: Path, upstream: int) -> list[peers.Running]:
    makers: dict[str, Callable[[], peers.Running]] = {
        "patchbay": lambda: patchbay(free_port(), upstream),
        "nginx": lambda: peers.nginx(folder, free_port(), upstream),
        "portkey": lambda: peers.portkey(folder, free_port(), upstream),
        "litellm": lambda: peers.litellm(folder, free_port(), upstream),
    }
    running = []
    for name, make in makers.items():
        if only and name not in only:
            continue
        try:
            running.append(make())
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            if name == "patchbay":
                raise
            print(f"{name} is left out: {error}")
    return running


def measure(systems: list[peers.Running], direct: peers.Running, rounds: int, seconds: float, *, streams: bool) -> dict[str, Figures]:
    figures = {system.name: Figures() for system in [*systems, direct]}
    for system in systems:  # warm
        ask(system, seconds=1.0)
    streaming = [system for system in systems if streams and can_stream(system)]
    for _ in range(rounds):
        for system in systems:
            load, cpu = ask(system, seconds=seconds)
            each = figures[system.name]
            each.per_core.append(load.answers / cpu.total)
            each.server_us.append(cpu.server / load.answers * 1e6)
            each.worker_us.append(cpu.worker / load.answers * 1e6)
        for system in [direct, *systems]:
            load, _ = ask(system, connections=1, seconds=min(1.0, seconds))
            figures[system.name].alone_ms.append(statistics.median(load.times) * 1000)
        if streams:
            for system in [direct, *streaming]:
                load, cpu = ask(system, stream=True, seconds=seconds)
                figures[system.name].events_per_core.append(load.events / max(cpu.total, 0.01))
                load, _ = ask(system, stream=True, connections=1, seconds=min(1.0, seconds))
                figures[system.name].first_event_ms.append(statistics.median(load.first_bytes) * 1000)
    return figures


def can_stream(system: peers.Running) -> bool:
    """Portkey's gateway fails at every stream under some versions of Node.js: then it has no figure there."""
    try:
        ask(system, stream=True, connections=1, seconds=0)
    except RuntimeError as error:
        if system.name == OURS:
            raise
        print(f"no streams through {error}")
        return False
    return True


def report(figures: dict[str, Figures], *, streams: bool) -> None:
    ours, direct = figures[OURS], figures["direct"]
    middle = statistics.median
    print(f"\n{'':22}{'requests / core s':>18}{'us / request':>14}{'Patchbay is':>13}{'added p50 ms':>14}")
    for name, each in figures.items():
        if not each.per_core:
            continue
        rate = middle(each.per_core)
        added = middle(each.alone_ms) - middle(direct.alone_ms)
        print(f"{name:22}{rate:>18,.0f}{1e6 / rate:>14,.0f}{middle(ours.per_core) / rate:>12.2f}x{added:>14.3f}")
    print(f"of Patchbay's time a request: {middle(ours.server_us):.0f} us in the server, {middle(ours.worker_us):.0f} us in its worker")
    if not streams:
        return
    print(f"\n{'':22}{'events / core s':>18}{'Patchbay is':>13}{'first event later, p50 ms':>28}")
    for name, each in figures.items():
        if name != "direct" and each.events_per_core:
            rate = middle(each.events_per_core)
            later = middle(each.first_event_ms) - middle(direct.first_event_ms)
            print(f"{name:22}{rate:>18,.0f}{middle(ours.events_per_core) / rate:>12.2f}x{later:>28.3f}")


def open_streams(system: peers.Running, count: int) -> None:
    """So many paced streams at once: whether any fails, and what they take."""
    system.model = "paced"
    before = memory_mib(system.process.pid)
    request = request_of(system.port, system.path, body_of(system.model, stream=True), system.headers)

    async def run() -> tuple[Load, float]:
        under_way = asyncio.create_task(load_client.run(system.port, request, connections=count, seconds=0))
        peak = 0.0
        while not under_way.done():
            await asyncio.sleep(0.5)
            peak = max(peak, memory_mib(system.process.pid))
        return await under_way, peak

    started = cpu_of(system.process.pid)
    load, peak = asyncio.run(run())
    patchbay_site.catch_up()
    system.model = "gpt-bench"
    took, cpu = max(load.times), cpu_of(system.process.pid).since(started)
    print(
        f"\n{count:,} open streams of {took:.1f} s: {len(load.failures)} failed, {before:.0f} MiB before, {peak:.0f} MiB at most, "
        f"{100 * cpu.server / took:.0f} % of a core; its worker {100 * cpu.worker / took:.0f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-streams", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patchbay-peers-") as scratch:
        folder = (options.peers or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        upstream = subprocess.Popen([sys.executable, str(Path(__file__).with_name("mock_upstream.py")), str(port)])
        direct = peers.Running("direct", port, "/fast/v1/chat/completions", {}, upstream)
        systems: list[peers.Running] = []
        try:
            systems = start_all({name for name in options.only.split(",") if name}, folder, port)
            figures = measure(systems, direct, options.rounds, options.seconds, streams=not options.no_streams)
            report(figures, streams=not options.no_streams)
            if not options.no_streams:
                open_streams(systems[0], 1000)
            for system in systems:
                print(f"{system.name}: {memory_mib(system.process.pid):.0f} MiB after all rounds")
            print(f"Patchbay's worker: {sum(map(resident_mib, workers())):.0f} MiB")
        finally:
            for system in systems:
                system.stop()
            upstream.terminate()
            upstream.wait(timeout=10)


if __name__ == "__main__":
    main()
