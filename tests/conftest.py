"""What every test has: the cast, a client for each of them, and no network beyond this machine."""

import gc
import ipaddress
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import settings

from apps.accounts.models import User
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.core import redaction
from tests.support.cast import Cast, make_cast

# The same examples in every run: a red build is the change's fault, never the dice's.
settings.register_profile("patchbay", derandomize=True, deadline=None)
settings.load_profile("patchbay")

type ClientFor = Callable[[User | None], Client]


class NetworkSealed(Exception):
    """A test tried to leave the machine. Not an OSError: no code under test may take it for an ordinary failure."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    try:
        return ipaddress.ip_address(str(address[0]).split("%")[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"


def _seal(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _is_local(args[1]):
        raise NetworkSealed(f"tests may connect to this machine only, not to {args[1]!r}")


# An audit hook sees every connect of every library in this process, and cannot be taken away again.
sys.addaudithook(_seal)


def pytest_collection_finish() -> None:
    """The collected tests live as long as the run: the garbage collector need not walk through them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """Rate limits of one test must not stop the next."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_copies() -> Iterator[None]:
    """What a process keeps of the database must not outlive the test; nor must the thread that watches for changes."""
    yield
    watch.stop()
    watch.announce(PLATFORM)
    redaction._revealed.set(None)  # the test was a context of its own; every key of the whole run would be looked for in every text


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def transactional_cast(transactional_db: None) -> Cast:
    """For tests with threads or an event loop, which do not share a test's transaction."""
    return make_cast()


@pytest.fixture
def client_for() -> ClientFor:
    """A browser in which this person is signed in; None for nobody."""

    def make(person: User | None) -> Client:
        client = Client()
        if person is not None:
            client.force_login(person)
        return client

    return make
