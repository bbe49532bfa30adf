"""The list of external models with 100 and with 10,000 models in a workspace: queries and server time, in one interleaved run.

    uv run benchmarks/model_list.py                                   SQLite
    DATABASE_URL=postgres://... uv run benchmarks/model_list.py       PostgreSQL

Makes a database of its own and takes it away again. Ends with 1 when a page of the list misses a goal; searches are shown beside it and
held to the number of queries only (benchmarks/README.md says why).
"""

import argparse
import random
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pages import measure, scratch_database

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.permissions import Role
from apps.connections.models import Connection, ConnectionSecret
from apps.connections.origin import origin_of
from apps.core.secrets import Secret, fingerprint, hint, seal
from apps.external_models.definition import Definition, Header, Paths
from apps.external_models.models import ExternalModel, IntegrationType, Status
from apps.external_models.names import name_key
from apps.providers.types import Variable

SIZES = (100, 10_000)
MAX_QUERIES = 8
MAX_RATIO = 1.5
TASKS = (
    "Claims triage",
    "Policy summary",
    "Fraud notes",
    "Letter drafts",
    "Invoice reading",
    "Call minutes",
    "Risk scoring",
    "FAQ answers",
)
REGIONS = ("north", "south", "east", "west", "central")
NEXT = re.compile(r'href="(\?[^"]*\bafter=[^"]*)"')
BODY = '{"task": {"ask": "{{prompt}}", "line": "{{line_of_business}}"}, "knobs": {"max_words": 60}}'


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list: a name for the report, and its query string in each workspace."""

    name: str
    queries: tuple[str, str]

    @property
    def is_search(self) -> bool:
        return "q=" in self.queries[0]


def make_workspace(size: int, user: User) -> Workspace:
    """`size` models with 0 to 4 connections each, a secret in nearly every connection; three of them are called "needle"."""
    workspace = Workspace.objects.create(name=f"{size} models", slug=f"models-{size}")
    Membership.objects.create(workspace=workspace, user=user, role=Role.ADMIN)
    chance = random.Random(size)
    models = [make_model(workspace, number, needle=number in (3, size // 2, size - 5), chance=chance) for number in range(size)]
    connections = [make_connection(model, number, chance) for model in models for number in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4)))]
    secrets = [make_secret(connection, chance) for connection in connections if chance.random() < 0.95]
    with transaction.atomic():
        for rows in batched(models, 500, strict=False):
            ExternalModel.objects.bulk_create(rows)
        for rows in batched(connections, 500, strict=False):
            Connection.objects.bulk_create(rows)
        for rows in batched(secrets, 500, strict=False):
            ConnectionSecret.objects.bulk_create(rows)
    return workspace


def make_model(workspace: Workspace, number: int, *, needle: bool, chance: random.Random) -> ExternalModel:
    active = chance.random() < 0.9
    model = ExternalModel(
        workspace=workspace,
        integration_type=IntegrationType.API,
        model_id=f"{chance.choice(REGIONS)}-{number % 97}",
        status=Status.ACTIVE if active else Status.DRAFT,
        inferencing_enabled=active and chance.random() < 0.8,
        updated_at=timezone.now() - timedelta(minutes=chance.randrange(500_000)),
    )
    task = "Needle" if needle else chance.choice(TASKS)
    model.rename(f"{task} {chance.choice(REGIONS)} {number:05}")
    model.definition = Definition(
        url=f"https://api-{number % 40}.models.example/v3/assess",
        headers=(Header("X-Api-Key", secret=True), Header("Accept", "application/json")),
        use_system_prompt=True,
        custom_variables=(Variable("line_of_business", "Line of business"), Variable("heat", "Heat")),
        body=BODY,
        paths=Paths("outcome.verdicts[1].body", "meter.in", "meter.out"),
    )
    return model


def make_connection(model: ExternalModel, number: int, chance: random.Random) -> Connection:
    name = f"{model.name} key {number}"
    return Connection(
        workspace=model.workspace,
        model=model,
        name=name,
        name_key=name_key(name),
        inferencing_enabled=chance.random() < 0.85,
        last_error="upstream_auth" if chance.random() < 0.05 else "",
    )


def make_secret(connection: Connection, chance: random.Random) -> ConnectionSecret:
    secret = Secret(f"sk-{chance.getrandbits(160):040x}")
    connection.key_fingerprint = fingerprint(secret, f"model:{connection.model_id}", workspace=connection.scope)
    origin = origin_of(connection.model.definition.url, connection.parameters)
    row = ConnectionSecret(connection=connection, name="x-api-key", origin=origin, hint=hint(secret))
    row.value = seal(secret, row.place(connection))
    return row


def last_page(client: Client, path: str, sort: str, size: int) -> str:
    """The query string of the last page, reached as a reader would, by Next; every model must have been shown once on the way."""
    query, seen = f"?sort={sort}", set[str]()
    while True:
        text = client.get(path + query).content.decode()
        rows = re.findall(r'<tr id="model-([0-9a-f-]+)"', text)
        assert not seen.intersection(rows), f"a model is on two pages of {path}{query}"
        seen.update(rows)
        following = NEXT.search(text)
        if following is None:
            break
        query = following[1].replace("&amp;", "&")
    assert len(seen) == size, f"{len(seen)} of {size} models are on the pages of {path}"
    return query


def pages(client: Client, paths: tuple[str, str]) -> list[Page]:
    """Everything that is measured."""
    same = {
        "first page": "",
        "by name": "?sort=name",
        "by name, descending": "?sort=-name",
        "by source": "?sort=source",
        "oldest first": "?sort=added",
        "search with three hits": "?q=needle",
        "search by connection name, most hits": "?q=key",
        "search by host, every model": "?q=models.example",
        "search without a hit": "?q=zeppelin",
        "active only": "?status=active",
    }
    ends = {
        f"last page, {label}": tuple(last_page(client, path, sort, size) for path, size in zip(paths, SIZES, strict=True))
        for sort, label in (("-added", "newest first"), ("name", "by name"))
    }
    return [Page(name, (query, query)) for name, query in same.items()] + [
        Page(name, (small, large)) for name, (small, large) in ends.items()
    ]


def report(client: Client, paths: tuple[str, str], rounds: int) -> bool:
    """Print the table; whether every page is within the goals."""
    print(f"{'page':38} {'queries':>9} {'p50 ms':>7} {'p50 ms':>7} {'ratio':>6}")
    print(f"{'':38} {'':>9} {SIZES[0]:>7,} {SIZES[1]:>7,}")
    good = True
    for page in pages(client, paths):
        first, second = (path + query for path, query in zip(paths, page.queries, strict=True))
        (small, large), counts = measure(client, (first, second), rounds)
        slower = large > MAX_RATIO * small
        missed = max(counts) > MAX_QUERIES or (slower and not page.is_search)
        good = good and not missed
        numbers = f"{counts[0]:>4},{counts[1]:>4} {small:>7.1f} {large:>7.1f} {large / small:>6.2f}"
        print(f"{page.name:38} {numbers}{'  MISSED' if missed else '  looks at every model' if slower else ''}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60, help="times that each page is fetched at each size (default: 60)")
    rounds = parser.parse_args().rounds
    with scratch_database():
        user = User.objects.create(email="bench@patchbay.example", name="Bench")
        workspaces = [make_workspace(size, user) for size in SIZES]
        with database.cursor() as cursor:
            cursor.execute("ANALYZE")
        client = Client()
        client.force_login(user)
        print(f"{database.vendor}, {rounds} rounds; goals: at most {MAX_QUERIES} queries, ratio at most {MAX_RATIO}")
        first, second = (f"/w/{workspace.slug}/models/" for workspace in workspaces)
        good = report(client, (first, second), rounds)
    print("All goals are met." if good else "Goals are missed.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
