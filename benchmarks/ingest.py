"""What it costs to bring records of calls from the journal into the database: processor time of one process that does nothing else.

    uv run benchmarks/ingest.py [--records 20000] [--rounds 5] [--profile]                  SQLite
    DATABASE_URL=postgres://... uv run benchmarks/ingest.py ...                              PostgreSQL

Records as the gateway's benchmark leaves them (a prompt of 900 characters, an answer of 1 KB), of a few models, connections and keys, with
a price for each; response times spread as real ones are. With PostgreSQL the user must be allowed to create a database.
"""

import argparse
import cProfile
import gc
import os
import pstats
import random
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent))

from own_database import own_database

DATABASE = own_database()  # before Django reads DATABASE_URL

import patchbay_site
from django.db import connection as database
from django.utils import timezone
from gateway import body_of

from apps.catalog.models import CatalogModel, Price
from apps.core.ids import uuid7
from apps.traces.management.commands.worker import OBJECTS
from apps.traces.models import Trace, TraceHour
from apps.traces.record import Api, Attempt, TraceRecord
from apps.traces.store import encoded, flush, journal

CONNECTIONS, KEYS = 4, 8
ANSWER = "The claim is covered by section 4.2, with an excess of 150 euros; the police report is missing. " * 10


def record_of(workspace_id: UUID, chance: random.Random, at: float) -> TraceRecord:
    number, key = chance.randrange(CONNECTIONS), chance.randrange(KEYS)
    took = chance.lognormvariate(6.0, 0.8)
    connection_id, name = UUID(int=number + 1), f"Connection {number}"
    return TraceRecord(
        id=uuid7(),
        workspace_id=workspace_id,
        started_at=at,
        status="success",
        source_type="api_key",
        source_id=UUID(int=key + 100).hex[:16],
        source_name=f"service-{key}",
        user_id=None,
        user_name="",
        api=Api.OPENAI.value,
        model_name="gpt-bench",
        model_id=UUID(int=number // 2 + 50),
        connection_id=connection_id,
        connection_name=name,
        attempts=(Attempt(connection_id, name, took, "", 200, 0.1),),
        response_ms=took,
        first_token_ms=took / 4,
        input_tokens=chance.randrange(50, 4000),
        output_tokens=chance.randrange(10, 800),
        cached_tokens=chance.choice((0, 0, 512)),
        provider="openai",
        provider_model="gpt-bench",
        input=body_of("gpt-bench").decode(),
        output=ANSWER,
    )


def make_price() -> None:
    model = CatalogModel.objects.create(provider="openai", model_id="gpt-bench", name="Bench", position=0)
    rates = {"input": Decimal("2.5"), "output": Decimal(10), "cached_read": Decimal("1.25")}
    Price.objects.create(model=model, valid_from=timezone.now().replace(year=2020), currency="USD", **rates)


def one_round(records: Sequence[bytes]) -> float:
    """Processor time for each of them, in microseconds."""
    for record in records:
        journal().append(record)
    before = resource.getrusage(resource.RUSAGE_SELF)
    brought = flush()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert brought == len(records), (brought, len(records))
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / brought * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="where the time of the last round goes; slows it down")
    options = parser.parse_args()
    chance = random.Random(1)
    try:
        user = patchbay_site.make_database()
        workspace = patchbay_site.make_workspace(user, "ingest")
        make_price()
        gc.freeze()  # as the worker does
        gc.set_threshold(OBJECTS)
        print(f"{database.vendor}, {os.cpu_count()} cores, rounds of {options.records:,}")
        figures = []
        for number in range(options.rounds):
            at = time.time()
            records = [encoded(record_of(workspace.pk, chance, at + place / 3000)) for place in range(options.records)]
            profile = cProfile.Profile() if options.profile and number == options.rounds - 1 else None
            if profile:
                profile.enable()
            figures.append(one_round(records))
            if profile:
                profile.disable()
                pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            print(f"  {figures[-1]:.1f} us a record, {Trace.objects.count():,} rows", flush=True)
        print(f"median {statistics.median(figures):.1f} us, least {min(figures):.1f} us of processor time a record")
        assert sum(TraceHour.objects.values_list("requests", flat=True)) == Trace.objects.count()
    finally:
        database.close()
        DATABASE.drop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
