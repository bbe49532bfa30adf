"""Spec 07 F4 and F6 on a running server process; spec 04, what a change means for another process."""

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.support.process import EMAIL, Proxy, draft, manage, post, process_of, running_product, same_person
from tests.support.servers import Connection, json_answer
from tests.support.site import ROOT
from tests.support.threaded import serving

WRITERS = 16
POOL = 8  # connections of a process
SLOW_SECONDS = 3
SAVES = 4
SLACK = 45  # seconds for a busy machine: what goes wrong takes minutes
SECONDS_AWAY = float(os.environ.get("SECONDS_AWAY", "3"))
POSTGRES = os.environ.get("DATABASE_URL", "")


def test_sixteen_writers_lock_nobody_out(tmp_path: Path) -> None:
    """F4: every save of 16 people at once is kept and audited; SQLite never says that it is locked."""
    with running_product(tmp_path) as product:
        first = product.signed_in()
        gate = Barrier(WRITERS)

        def write(writer: int) -> list[int]:
            with same_person(first) as browser:
                gate.wait(120)
                return [post(browser, "/w/claims/models/custom/save/", **draft(f"W{writer} N{n}")).status_code for n in range(SAVES)]

        with ThreadPoolExecutor(WRITERS) as pool:
            answers = [status for statuses in pool.map(write, range(WRITERS)) for status in statuses]
        assert answers == [302] * (WRITERS * SAVES)
        assert f"{WRITERS * SAVES} models" in first.get("/w/claims/models/").text
        assert "locked" not in product.log.read_text()


def database_url(host: str, port: int, name: str) -> str:
    return urlsplit(POSTGRES)._replace(netloc=f"{urlsplit(POSTGRES).netloc.rpartition('@')[0]}@{host}:{port}", path=f"/{name}").geturl()


@pytest.fixture
def postgres() -> Iterator[tuple[str, int, str]]:
    """A database of this test's own on the server of DATABASE_URL: host, port, name."""
    parts = urlsplit(POSTGRES)
    name = f"away_{uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        yield parts.hostname or "127.0.0.1", parts.port or 5432, name
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.skipif(not POSTGRES.startswith("postgres"), reason="needs DATABASE_URL with PostgreSQL")
def test_a_database_that_was_away_is_used_again_within_five_seconds(tmp_path: Path, postgres: tuple[str, int, str]) -> None:
    """F4: 503 while it is away, /health/live unmoved; full service within 5 s of its return."""
    host, port, name = postgres
    proxy = Proxy((host, port))
    proxy.mend()
    with running_product(tmp_path, database_url=database_url("127.0.0.1", proxy.port, name)) as product:
        browser = product.signed_in()
        assert browser.get("/w/claims/models/").status_code == 200
        proxy.cut()
        began = time.monotonic()
        while time.monotonic() - began < SECONDS_AWAY:
            at = time.monotonic()
            answer = browser.get("/w/claims/models/")
            assert time.monotonic() - at < 5 + SLACK
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert browser.get("/health/live").status_code == 200
            assert browser.get("/health/ready").status_code == 503
        proxy.mend()
        back = time.monotonic()
        while (statuses := {browser.get(path).status_code for path in ("/w/claims/models/", "/health/ready")}) != {200}:
            assert time.monotonic() - back < 5 + SLACK, statuses
            time.sleep(0.1)
        assert post(browser, "/w/claims/models/custom/save/", **draft("After the outage")).status_code == 302
        assert time.monotonic() - back < 5 + SLACK


@pytest.mark.skipif(not POSTGRES.startswith("postgres"), reason="needs DATABASE_URL with PostgreSQL")
def test_slow_providers_do_not_hold_the_database(tmp_path: Path, postgres: tuple[str, int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """F4: more calls under way than the pool has connections; pages are served meanwhile."""
    host, port, name = postgres
    monkeypatch.setenv("PATCHBAY_DATABASE_POOL", str(POOL))
    answered = threading.Event()

    async def once_all_are_there(connection: Connection) -> None:
        await connection.read_request()
        while not answered.is_set():
            await asyncio.sleep(0.02)
        await connection.send(json_answer(b'{"answer": "after all"}'))

    with (
        serving(once_all_are_there) as provider,
        running_product(tmp_path, database_url=database_url(host, port, name), allow_port=provider.port) as product,
    ):
        browser = product.signed_in()
        page = draft("Slow", f"http://127.0.0.1:{provider.port}/x") | {"output_path": "answer", "s-prompt": "Hello"}

        def call(_: int) -> int:
            with same_person(browser) as window:
                return post(window, "/w/claims/models/custom/test/", **page).status_code

        with ThreadPoolExecutor(POOL + 4) as pool:
            calls = [pool.submit(call, number) for number in range(POOL + 4)]
            while provider.connections < POOL + 4:
                assert not any(each.done() for each in calls)
                time.sleep(0.02)
            assert browser.get("/w/claims/models/").status_code == 200
            answered.set()
            assert {each.result(60) for each in calls} == {200}


async def quick(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(json_answer(b'{"answer": "It is covered."}'))


async def slow(connection: Connection) -> None:
    await connection.read_request()
    await asyncio.sleep(SLOW_SECONDS)
    await connection.send(json_answer(b'{"answer": "after the signal"}'))


def test_sigterm_finishes_what_runs_and_takes_nothing_new(tmp_path: Path) -> None:
    """F6: not ready at once; a call under way gets its answer; then the process ends by itself."""
    with serving(slow) as provider, running_product(tmp_path, allow_port=provider.port) as product, ThreadPoolExecutor(1) as pool:
        browser = product.signed_in()
        page = draft("Slow", f"http://127.0.0.1:{provider.port}/x") | {"output_path": "answer", "s-prompt": "Hello"}
        running = pool.submit(lambda: post(browser, "/w/claims/models/custom/test/", **page))
        while not provider.requests:
            assert not running.done()
            time.sleep(0.01)
        product.terminate()
        ready: list[int] = []
        while product.server.poll() is None:
            try:
                ready.append(httpx.get(f"{product.url}/health/ready", timeout=5, trust_env=False).status_code)
            except httpx.TransportError:
                ready.append(0)
            time.sleep(0.05)
        answer = running.result(60)
        assert answer.status_code == 200
        assert "after the signal" in answer.text
        assert 200 not in ready
        assert "Traceback" not in product.log.read_text()


def test_signals_in_quick_succession_do_not_lock_the_process_up() -> None:
    """F6: a supervisor that signals the whole group and a parent that passes its signal on make two, one inside the other's handler."""
    program = """
import os, signal, django
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()
from apps.core.health import stopping as flag
signal.signal(signal.SIGALRM, lambda number, frame: flag.set())
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for _ in range(300_000):
    flag.set()
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


@pytest.fixture
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database that two processes may share; "" for SQLite in the test's own folder."""
    return database_url(*request.getfixturevalue("postgres")) if POSTGRES.startswith("postgres") else ""


def test_a_switch_counts_in_another_process_within_a_second(tmp_path: Path, shared_url: str) -> None:
    """Spec 04: neither route nor key is asked for again meanwhile, and both are dropped there although nobody tells that process."""
    with serving(quick) as provider, running_product(tmp_path, database_url=shared_url, allow_port=provider.port) as one:
        key = manage(one.environment, *f"create_api_key --workspace claims --name intake --user {EMAIL}".split()).strip()
        own_journal = one.environment | {"PATCHBAY_JOURNAL_DIR": str(tmp_path / "journal-2")}
        with process_of(own_journal, tmp_path / "second.log") as other, httpx.Client(trust_env=False, timeout=60) as program:

            def call() -> str:
                asked = {"model": "Claims triage", "messages": [{"role": "user", "content": "Hail?"}]}
                answer = program.post(f"{other.url}/v1/chat/completions", json=asked, headers={"x-api-key": key}).json()
                return str(answer["error"]["code"] if "error" in answer else answer["choices"][0]["message"]["content"])

            browser = one.signed_in()
            made = draft("Claims triage", f"http://127.0.0.1:{provider.port}/x") | {"output_path": "answer", "action": "untested"}
            saved = post(browser, "/w/claims/models/custom/save/", **made, connection_name="production")
            assert saved.status_code == 302, re.findall(r'data-error-for="[^"]+">[^<]*(?:<svg.*?</svg>)?[^<]*', saved.text)
            assert call() == "It is covered."
            found = re.search(r"/w/claims/models/[0-9a-f-]{36}/", browser.get("/w/claims/models/").text)
            assert found
            for on, said in (("0", "model_inactive"), ("1", "It is covered.")):
                assert post(browser, f"{found[0]}inferencing/", on=on).status_code == 302
                switched = time.monotonic()
                while call() != said:
                    assert time.monotonic() - switched < 1 + SLACK, on
                    time.sleep(0.02)
