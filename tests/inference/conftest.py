"""A model of Adam's that calls the demo provider, with the egress rule that it needs."""

import os
from collections.abc import Callable
from uuid import uuid4

import pytest
import redis
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache

from apps.accounts.models import User, Workspace
from apps.audit.record import SYSTEM, Actor
from apps.connections.actions import add_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.egress.actions import allow_egress
from apps.external_models.actions import Author, activate_model, add_model
from apps.external_models.definition import Definition, Header, Paths
from apps.providers.types import Variable
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider, provider, provider_server

__all__ = ["provider", "provider_server"]

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
KEY = DEMO_KEYS["triage"].accepted

type Connect = Callable[..., Connection]


def triage_definition(base: str, *, paths: Paths | None = None, variables: tuple[Variable, ...] = (), body: str = "") -> Definition:
    return Definition(
        url=f"{base}/triage/v3/assess",
        headers=(Header("Content-Type", "application/json"), Header("X-Harbor-Key", secret=True)),
        custom_variables=variables,
        body=body or '{"task": {"ask": "{{prompt}}"}}',
        paths=paths or Paths("outcome.verdicts[1].body", "meter.in", "meter.out"),
    )


def connect(workspace: Workspace, person: User, definition: Definition, *, key: str = KEY, draft: bool = False) -> Connection:
    """A model with this definition, and its connection with this key for every secret header."""
    by = Author(person, Actor("user", str(person.pk), person.name))
    connection = Connection()
    model = add_model(workspace, name="Claims triage", definition=definition, by=by, creation_key=connection.pk, as_draft=draft)
    secrets = {name: Secret(key) for name in definition.secret_headers}
    connection = add_connection(model, name="production", secrets=secrets, parameters={}, by=by)
    if not draft:
        activate_model(model, tested_digest="a test that passed", by=by)
    return connection


def allow(provider: RunningProvider) -> None:
    allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[provider.port], scheme="http", reason="The demo provider of this test")


@pytest.fixture
def connected(cast: Cast, provider: RunningProvider) -> Connection:
    allow(provider)
    return connect(cast.harbor, cast.adam, triage_definition(provider.url))


@pytest.fixture
def shared() -> BaseCache:
    """A real Redis; each test counts under names of its own."""
    patient = {"socket_connect_timeout": 60, "socket_timeout": 60}  # seconds: on a busy machine it is slow, and not away
    cache = RedisCache(REDIS, {"KEY_PREFIX": f"test-{uuid4().hex}", "OPTIONS": patient})
    try:
        cache.get("there")
    except redis.exceptions.RedisError:
        pytest.skip("needs a Redis")
    return cache
