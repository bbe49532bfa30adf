"""How long it takes until the first page: the server from a cold start, and `manage.py demo` on an empty folder.

    uv run benchmarks/start.py

Uses loopback and throw-away folders only. Every measurement is a new process; the median of several.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GIVE_UP = 60.0  # seconds
SIGN_IN = "/account/sign-in/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def seconds_to_first_page(command: Sequence[str], port: int, environment: dict[str, str]) -> float:
    """From starting the process to the whole sign-in page."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - start < GIVE_UP:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{SIGN_IN}", timeout=GIVE_UP) as answer:
                    answer.read()
                return time.perf_counter() - start
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.01)
        raise TimeoutError("no page within a minute")
    finally:
        process.terminate()
        process.wait(timeout=40)


def environment_for(folder: str) -> dict[str, str]:
    return {**os.environ, "PATCHBAY_DATA_DIR": folder, "PATCHBAY_LOG_LEVEL": "WARNING", "DJANGO_SETTINGS_MODULE": "config.settings"}


def server(rounds: int) -> list[float]:
    """A migrated database, then uvicorn as in production."""
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_for(folder)
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
        times = []
        for _ in range(rounds):
            port = free_port()
            command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
            times.append(seconds_to_first_page(command, port, environment))
    return times


def demo(rounds: int) -> list[float]:
    """Database, keys, people, workspaces and models are made on the way."""
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = [sys.executable, "manage.py", "demo", "--port", str(port)]
            times.append(seconds_to_first_page(command, port, environment_for(folder)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="new processes for each figure (default: 5)")
    rounds = parser.parse_args().rounds
    for name, measure, goal in (("server, cold start to first page", server, 2), ("manage.py demo, empty folder to first page", demo, 10)):
        times = measure(rounds)
        print(f"{name:45} {statistics.median(times):5.2f} s  (slowest {max(times):.2f} s; goal: under {goal} s)")


if __name__ == "__main__":
    main()
