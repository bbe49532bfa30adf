"""What calls and their traces survive: kill -9 of server and worker and SIGTERM under load, a database that is away, a model switched off.

    uv run benchmarks/survival.py [kill] [sigterm] [away] [off] [--kills 20]          SQLite
    DATABASE_URL=postgres://... uv run benchmarks/survival.py ...                      PostgreSQL

Servers are real processes on loopback, started as the image starts them. Ends with 1 when something was lost, doubled or cut. With
PostgreSQL the user must be allowed to create a database; the program makes one of its own and drops it.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from own_database import own_database, pass_through

DATABASE = own_database()  # before Django reads DATABASE_URL

import load_client
import patchbay_site
from django.db import connection as database
from gateway import body_of, free_port
from load_client import Load, request_of

from apps.external_models.actions import switch_inferencing
from apps.external_models.models import ExternalModel
from apps.traces.models import Trace, TraceBody, TraceHour

AT_ONCE = 16
CATCH_UP_SECONDS = 60.0


class Site:
    """The product's data, a provider, and servers that come and go."""

    def __init__(self) -> None:
        self.upstream_port = free_port()
        self.upstream = subprocess.Popen([sys.executable, str(Path(__file__).with_name("mock_upstream.py")), str(self.upstream_port)])
        user = patchbay_site.make_database()
        self.workspace = patchbay_site.make_workspace(user, "survival")
        patchbay_site.allow(self.upstream_port)
        base = f"http://127.0.0.1:{self.upstream_port}"
        patchbay_site.make_model(self.workspace, user, f"{base}/fast/v1/chat/completions")
        patchbay_site.make_model(self.workspace, user, f"{base}/paced/v1/chat/completions", "paced")
        self.key = patchbay_site.make_key(self.workspace, user)
        self.acknowledged: list[bytes] = []

    def request(self, port: int, model: str = "gpt-bench", *, stream: bool = False) -> bytes:
        headers = {"Authorization": f"Bearer {self.key}"}
        return request_of(port, "/v1/chat/completions", body_of(model, stream=stream), headers)

    def traced(self) -> Counter[str]:
        """Request IDs in the database."""
        database.close()
        return Counter(f"req_{pk.hex}" for pk in Trace.objects.values_list("id", flat=True).iterator())

    def missing(self) -> set[str]:
        return {each.decode() for each in self.acknowledged} - set(self.traced())

    def wait_for_all(self) -> set[str]:
        """The acknowledged calls without a trace, once they are none or a minute is over."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while (missing := self.missing()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return missing


def check(problems: list[str], holds: bool, words: str) -> None:
    print(f"  {'ok  ' if holds else 'FAIL'} {words}")
    if not holds:
        problems.append(words)


def agree(site: Site, problems: list[str]) -> None:
    """Every call once, with its body, and once in the hourly sums."""
    traces, bodies = Trace.objects.count(), TraceBody.objects.count()
    sums = sum(TraceHour.objects.values_list("requests", flat=True))
    check(problems, traces == bodies == sums, f"{traces} traces, {bodies} bodies, {sums} in the hourly sums")
    check(problems, max(site.traced().values(), default=1) == 1, "no call is there twice")


def kill(site: Site, problems: list[str], kills: int) -> None:
    """Of the server, of its worker and some time later of the server, of both at once; the worker runs already, or is just starting."""
    chance, counts = random.Random(4), Counter[str]()
    for number in range(kills):
        port = free_port()
        server = patchbay_site.start(port, with_worker=number % 2 == 0)

        async def under_load(port: int = port, server: "subprocess.Popen[bytes]" = server, number: int = number) -> Load:
            load = asyncio.create_task(load_client.run(port, site.request(port), connections=AT_ONCE, seconds=30))
            await asyncio.sleep(chance.uniform(0.3, 2.0))
            if number % 3:
                counts["worker"] += kill_workers()
            if number % 3 == 1:
                await asyncio.sleep(chance.uniform(0.3, 4.0))
            server.kill()
            counts["server"] += 1
            return await load

        load = asyncio.run(under_load())
        server.wait()
        site.acknowledged += load.ids
    port = free_port()
    server = patchbay_site.start(port)
    missing = site.wait_for_all()
    server.terminate()
    server.wait(timeout=60)
    what = f"{counts['server']} kills of servers and {counts['worker']} of workers"
    check(problems, not missing, f"{what}: {len(site.acknowledged):,} acknowledged calls, {len(missing)} of them without a trace")
    agree(site, problems)


def kill_workers() -> int:
    found = load_client.workers()
    for each in found:
        os.kill(each, signal.SIGKILL)
    return len(found)


def sigterm(site: Site, problems: list[str]) -> None:
    """Streams of ten seconds, and SIGTERM after one second: all of them end well."""
    port = free_port()
    server = patchbay_site.start(port)

    async def under_load() -> Load:
        load = asyncio.create_task(load_client.run(port, site.request(port, "paced", stream=True), connections=20, seconds=0))
        await asyncio.sleep(1.0)
        server.send_signal(signal.SIGTERM)
        return await load

    load = asyncio.run(under_load())
    server.wait(timeout=60)
    check(problems, len(load.ids) == 20 and not load.failures, f"SIGTERM: {len(load.ids)} of 20 streams ended well {load.failures[:1]}")
    site.acknowledged += load.ids
    check(problems, not site.missing(), "each with its trace when the process has ended")


def away(site: Site, problems: list[str], take_away: Callable[[], object]) -> None:
    """Ten seconds without a database under load."""
    port = free_port()
    server = patchbay_site.start(port)

    async def under_load() -> Load:
        load = asyncio.create_task(load_client.run(port, site.request(port), connections=4, seconds=14))
        await asyncio.sleep(2.0)
        with take_away():  # type: ignore[attr-defined]
            await asyncio.sleep(10.0)
        return await load

    load = asyncio.run(under_load())
    site.acknowledged += load.ids
    check(problems, not load.failures, f"database away for 10 s: {load.answers:,} calls, failed: {load.failures[:1]}")
    started = time.monotonic()
    missing = site.wait_for_all()
    check(problems, not missing, f"all traces are there {time.monotonic() - started:.1f} s after the load; {len(missing)} missing")
    server.terminate()
    server.wait(timeout=60)
    agree(site, problems)


@contextmanager
def sqlite_locked() -> Iterator[None]:
    """Nobody else can write: the nearest thing to a database that is away."""
    holder = sqlite3.connect(database.settings_dict["NAME"], isolation_level=None, timeout=30)
    holder.execute("BEGIN EXCLUSIVE")
    yield
    holder.execute("ROLLBACK")
    holder.close()


def off(site: Site, problems: list[str]) -> None:
    """Two processes; how long after the commit both refuse, and after the next commit both answer again."""
    ports = [free_port(), free_port()]
    servers = [patchbay_site.start(port) for port in ports]
    model = ExternalModel.objects.get(name="gpt-bench")
    worst = 0.0
    for on in (False, True) * 5:
        for port in ports:
            status(site, port)
        switch_inferencing(model, on=on, actor=patchbay_site.SYSTEM)
        committed = time.monotonic()
        wanted = 200 if on else 409
        for port in ports:
            while status(site, port) != wanted and time.monotonic() - committed < 5:
                time.sleep(0.01)
        worst = max(worst, time.monotonic() - committed)
    check(problems, worst < 1.0, f"switched off and on ten times through two processes: {worst:.2f} s at most until both follow")
    for server in servers:
        server.terminate()
        server.wait(timeout=60)


def status(site: Site, port: int) -> int:
    headers = {"Authorization": f"Bearer {site.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", data=body_of("gpt-bench"), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        said = json.loads(error.read())
        assert "This model is not active" in said["error"]["message"], said
        return error.code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["kill", "sigterm", "away", "off"])
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    problems: list[str] = []
    site = Site()
    try:
        print(f"{database.vendor}, {os.cpu_count()} cores")
        if "kill" in options.what:
            kill(site, problems, options.kills)
        if "sigterm" in options.what:
            sigterm(site, problems)
        if "away" in options.what:
            away(site, problems, sqlite_locked if database.vendor == "sqlite" else pass_through(DATABASE).closed)
        if "off" in options.what:
            off(site, problems)
    finally:
        site.upstream.terminate()
        site.upstream.wait(timeout=10)
        database.close()
        DATABASE.drop()
    print("nothing lost, doubled or cut" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
