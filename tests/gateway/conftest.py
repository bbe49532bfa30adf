"""One gateway for each module: its tests share a server, a workspace and the models that the module makes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateway import Gateway, running_gateway
from tests.support.provider import RunningProvider, provider_server

__all__ = ["provider_server"]


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database as it is, without a transaction around each test: the server has threads and connections of its own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def running(db: None, provider_server: RunningProvider) -> Iterator[Gateway]:
    with running_gateway(provider_server) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The module's gateway, with no traces and nothing recorded by the provider."""
    running.forget()
    return running
