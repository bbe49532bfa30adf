"""Master keys and data keys (spec 03 "Secrets", spec 07 A1 and A2)."""

import base64
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from pytest_django import Settings

from apps.core.datakeys import check_stored_keys, data_keys
from apps.core.keyring import LocalKeyRing, UnwrapError, associated_data, check_keys, key_ring
from apps.core.models import DataKey
from apps.core.secrets import Place, Secret, SecretUnreadable, seal, sealed_under, unseal


def key(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def made_up(name: str, length: int = 32) -> bytes:
    """Looks random, and is the same in every test process, as parameters must be."""
    return hashlib.shake_256(name.encode()).digest(length)


GOOD, OTHER = key(made_up("good")), key(made_up("other"))
PLACE = Place(scope=str(uuid4()), table="t", row="1", field="f")


@pytest.mark.parametrize(
    ("value", "newest"),
    [
        (f"k1:{GOOD}", "k1"),
        (f"k2:{GOOD},k1:{OTHER}", "k2"),
        (f" 2026-11:{GOOD} , k1:{OTHER} ", "2026-11"),
        (f"k1:{GOOD.rstrip('=')}", "k1"),
        (f"k1:{GOOD.replace('+', '-').replace('/', '_')}", "k1"),
    ],
)
def test_key_list_is_read_newest_first(value: str, newest: str, settings: Settings) -> None:
    settings.PATCHBAY_SECRET_KEYS = value
    check_keys()
    assert key_ring().newest == newest


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        (None, "is empty"),
        (f"k1:{GOOD},", "entry 2 is empty"),
        (GOOD, "not of the form id:base64"),
        (f":{GOOD}", "not of the form id:base64"),
        (f"k.1:{GOOD}", "not of the form id:base64"),
        (f"{'k' * 33}:{GOOD}", "not of the form id:base64"),
        ("k1:", "has 0 bytes"),
        ("k1:not base64!", "not base64"),
        (f"k1:{GOOD}é", "not base64"),
        (f"k1:{key(made_up('short', 31))}", "has 31 bytes"),
        (f"k1:{key(made_up('short', 33))}", "has 33 bytes"),
        (f"k1:{key(made_up('short', 16))}", "has 16 bytes"),
        (f"k1:{GOOD},k1:{OTHER}", "stands twice"),
        (f"k1:{GOOD},k2:{GOOD}", "repeats another entry's key"),
        (f"k1:{key(bytes(32))}", "example or a pattern"),
        (f"k1:{key(bytes(range(32)))}", "example or a pattern"),
        (f"k1:{key(bytes(range(40, 8, -1)))}", "example or a pattern"),
        (f"k1:{key(b'deadbeef' * 4)}", "example or a pattern"),
        (f"k1:{key(b'correct horse battery staple 123')}", "readable text"),
        (f"k1:{key(hashlib.sha256(b'the-django-secret').digest())}", "SECRET_KEY"),
        (f"new:{GOOD},old:{key(bytes(32))}", "'old' is an example"),
    ],
)
def test_unusable_key_list_is_refused_by_name_and_without_showing_it(value: str | None, reason: str, settings: Settings) -> None:
    """A1: empty, short, example; never SECRET_KEY, never a passphrase."""
    settings.SECRET_KEY = "the-django-secret"
    settings.PATCHBAY_SECRET_KEYS = value
    with pytest.raises(ImproperlyConfigured) as refused:
        check_keys()
    message = str(refused.value)
    assert message.startswith("PATCHBAY_SECRET_KEYS")
    assert reason in message
    assert GOOD not in message


def test_system_check_names_the_setting(settings: Settings) -> None:
    assert not [found for found in run_checks() if found.id == "core.E001"]
    settings.PATCHBAY_SECRET_KEYS = "k1:short"
    (error,) = (found for found in run_checks() if found.id == "core.E001")
    assert "PATCHBAY_SECRET_KEYS" in error.msg


def test_wrapped_key_opens_with_its_master_key_and_context_only() -> None:
    """A2: wrapped by the master key with the workspace as context."""
    ring = LocalKeyRing({"k1": os.urandom(32)})
    wrapped = ring.wrap(b"d" * 32, ("workspace", "secrets"))

    assert ring.unwrap(wrapped, ("workspace", "secrets")) == b"d" * 32
    for other, context in [(ring, ("workspace2", "secrets")), (ring, ("workspace", "fingerprints")), (ring, ("workspaces", "ecrets"))]:
        with pytest.raises(UnwrapError):
            other.unwrap(wrapped, context)
    with pytest.raises(UnwrapError, match="not the one that wrapped"):
        LocalKeyRing({"k1": os.urandom(32)}).unwrap(wrapped, ("workspace", "secrets"))
    with pytest.raises(UnwrapError, match="has no key 'k1'"):
        LocalKeyRing({"k2": os.urandom(32)}).unwrap(wrapped, ("workspace", "secrets"))
    assert "keys" not in repr(ring)


@pytest.mark.parametrize("text", ["", "x", "a.b.c.d", "pbw1.k1.AAAA", "pbw1.k1.!.!", "pbw1.k1.AAAAAAAAAAAAAAAA.AAAA"])
def test_damaged_wrapped_key_is_a_typed_error(text: str) -> None:
    with pytest.raises(UnwrapError):
        LocalKeyRing({"k1": os.urandom(32)}).unwrap(text, ())


def test_length_prefixes_keep_parts_apart() -> None:
    assert associated_data("ab", "c") != associated_data("a", "bc")
    assert associated_data("a", "") != associated_data("a")


@pytest.mark.django_db
def test_each_workspace_has_its_own_key() -> None:
    other = Place(str(uuid4()), "t", "1", "f")
    assert sealed_under(seal(Secret("a"), PLACE)) != sealed_under(seal(Secret("a"), other))
    assert sealed_under(seal(Secret("b"), PLACE)) == sealed_under(seal(Secret("c"), PLACE))


@pytest.mark.django_db(transaction=True)
def test_scope_that_is_used_by_many_at_once_gets_one_key() -> None:
    def use(number: int) -> str:
        with transaction.atomic():
            text = seal(Secret(str(number)), PLACE)
        connection.close()
        return text

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(use, range(24)))

    assert DataKey.objects.filter(scope=PLACE.scope).count() == 1
    assert [unseal(text, PLACE) == Secret(str(number)) for number, text in enumerate(texts)] == [True] * 24


@pytest.mark.django_db(transaction=True)
def test_key_of_a_rolled_back_transaction_seals_nothing_afterwards() -> None:
    """Else a value would be stored under a key that nobody has."""
    with transaction.atomic():
        lost = seal(Secret("a"), PLACE)
        transaction.set_rollback(True)
    kept = seal(Secret("b"), PLACE)

    assert sealed_under(kept) != sealed_under(lost)
    data_keys().opened.clear()  # as in another process
    assert unseal(kept, PLACE) == Secret("b")


@pytest.mark.django_db
def test_lost_or_wrong_master_key_is_named_and_opens_nothing(settings: Settings) -> None:
    """Spec 03: it never starts with secrets unreadable."""
    settings.PATCHBAY_SECRET_KEYS = f"k1:{GOOD}"
    text = seal(Secret("a"), PLACE)
    check_stored_keys()

    for ring, reason in [(f"k2:{OTHER}", "has no key 'k1'"), (f"k1:{OTHER}", "'k1' in PATCHBAY_SECRET_KEYS is not the one")]:
        settings.PATCHBAY_SECRET_KEYS = ring
        with pytest.raises(SecretUnreadable):
            unseal(text, PLACE)
        with pytest.raises(ImproperlyConfigured, match=reason):
            check_stored_keys()

    settings.PATCHBAY_SECRET_KEYS = f"k2:{OTHER},k1:{GOOD}"
    check_stored_keys()
    assert unseal(text, PLACE) == Secret("a")


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("", "PATCHBAY_SECRET_KEYS is not set"),
        ("k1:AAAA", "PATCHBAY_SECRET_KEYS: the key 'k1' has 3 bytes"),
        ("k1", "PATCHBAY_SECRET_KEYS: entry 1"),
    ],
)
def test_product_does_not_start_without_usable_keys(variable: str, message: str) -> None:
    """A1, in a process of its own, as in production."""
    environment = {**os.environ, "PATCHBAY_ENV": "production", "PATCHBAY_DJANGO_SECRET_KEY": "x" * 60, "PATCHBAY_SECRET_KEYS": variable}
    program = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; import config.asgi"
    result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert message in result.stderr.splitlines()[-1]
