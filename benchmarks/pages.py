"""A database of a benchmark's own, and how long pages take in it. Import it before anything of Django: it sets the product up."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
SCRATCH = tempfile.TemporaryDirectory(prefix="patchbay-benchmark-")
os.environ["PATCHBAY_DATA_DIR"] = SCRATCH.name
os.environ.setdefault("PATCHBAY_LOG_LEVEL", "WARNING")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.conf import settings
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext


@contextmanager
def scratch_database() -> Iterator[None]:
    """Migrated, and gone afterwards. With PostgreSQL the user must be allowed to create one."""
    settings.DATABASES["default"].setdefault("TEST", {})
    if database.vendor == "sqlite":
        database.settings_dict["TEST"]["NAME"] = str(Path(SCRATCH.name) / "benchmark.sqlite3")  # a file, as in use
    else:
        database.settings_dict["TEST"]["NAME"] = f"patchbay_benchmark_{os.getpid()}"
    before = database.settings_dict["NAME"]
    database.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        database.creation.destroy_test_db(before, verbosity=0)


def measure(client: Client, urls: tuple[str, str], rounds: int) -> tuple[list[float], list[int]]:
    """p50 in milliseconds and number of queries, for each size. The sizes take turns, so that a busy moment hits both."""
    counts = []
    for url in urls:
        with CaptureQueriesContext(database) as captured:
            assert client.get(url).status_code == 200, url
        counts.append(len(captured))
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for taken, url in zip(times, urls, strict=True):
            start = time.perf_counter()
            client.get(url)
            taken.append((time.perf_counter() - start) * 1000)
    return [statistics.median(taken) for taken in times], counts
