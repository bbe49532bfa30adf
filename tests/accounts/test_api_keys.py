"""API keys: read from headers, looked up, kept, dropped (spec 07 A11, D4, D10; spec 04 "Gateway")."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts import api_keys
from apps.accounts.actions import change_role, remove_member, update_user
from apps.accounts.api_actions import KeyTerms, delete_api_app, revoke_api_key, update_api_app
from apps.accounts.api_credentials import (
    ApiKeyError,
    ConflictingApiKeys,
    ExpiredApiKey,
    KeyInQuery,
    KeyWithoutRights,
    MalformedApiKey,
    MissingScope,
    NoApiKey,
    RevokedApiKey,
    TooManyFailures,
    UnknownApiKey,
    read_credentials,
    refuse_key_in_query,
)
from apps.accounts.api_keys import ApiKeyRecord, KeptKeys, authenticate, known, look_up, write_uses
from apps.accounts.models import ApiKey, Membership
from apps.accounts.permissions import Role, Scope
from apps.audit.chain import PLATFORM
from apps.audit.watch import announce
from tests.support.api_keys import make_key, make_new_key
from tests.support.cast import Cast
from tests.support.models import actor

KEY = "pb_0123456789abcdef_" + "A" * 43
OTHER = "pb_0123456789abcdef_" + "B" * 43


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    announce(PLATFORM)
    yield
    announce(PLATFORM)


# Reading it from a request


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"authorization", b"Bearer " + KEY.encode())], KEY),
        ([(b"Authorization", b"bearer " + KEY.encode())], KEY),
        ([(b"AUTHORIZATION", b"  BEARER   " + KEY.encode() + b"  ")], KEY),
        ([(b"authorization", b"Bearer\t" + KEY.encode())], KEY),
        ([(b"x-api-key", KEY.encode())], KEY),
        ([(b"X-Api-Key", b" " + KEY.encode() + b"\t")], KEY),
        ([(b"authorization", b"Bearer " + KEY.encode()), (b"x-api-key", KEY.encode())], KEY),
        ([(b"x-api-key", KEY.encode()), (b"authorization", b"Bearer")], KEY),
        ([(b"x-api-key", KEY.encode()), (b"x-api-key", KEY.encode())], KEY),
        ([(b"authorization", b"Bearer ")], None),
        ([(b"authorization", b"")], None),
        ([(b"x-api-key", b"  ")], None),
        ([(b"api-key", KEY.encode()), (b"cookie", KEY.encode())], None),
        ([], None),
    ],
)
def test_every_spelling_of_the_headers(headers: Sequence[tuple[bytes, bytes]], found: str | None) -> None:
    assert read_credentials(headers) == found


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer " + KEY.encode()), (b"x-api-key", OTHER.encode())],
        [(b"x-api-key", KEY.encode()), (b"X-API-KEY", OTHER.encode())],
        [(b"authorization", b"Bearer " + KEY.encode()), (b"Authorization", b"bearer " + OTHER.encode())],
    ],
)
def test_two_different_keys_are_refused(headers: Sequence[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ConflictingApiKeys):
        read_credentials(headers)


@pytest.mark.parametrize("value", [b"Basic dXNlcjpwYXNz", KEY.encode(), b"Token " + KEY.encode()])
def test_another_scheme_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedApiKey):
        read_credentials([(b"authorization", value)])


@pytest.mark.parametrize("query", [f"api_key={KEY}", f"x={KEY}", "api_key=abc", "API-Key=", "a=1&access_token=x", "x-api-key=1", f"{KEY}"])
def test_a_key_in_the_query_is_refused(query: str) -> None:
    with pytest.raises(KeyInQuery):
        refuse_key_in_query(query.encode())


@pytest.mark.parametrize("query", ["", "limit=10&after=gpt-4o", "beta=true", "keys=3"])
def test_other_queries_are_none_of_its_business(query: str) -> None:
    refuse_key_in_query(query.encode())


# Who it is


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "sk-live-4711",
        "pb_",
        KEY[:-1],
        KEY + "A",
        KEY.upper(),
        KEY.replace("_", "-"),
        KEY[:-1] + "\n",
        KEY[:-1] + "é",
        "pb_0123456789ABCDEF_" + "A" * 43,
        "\udcff" * 63,
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(MalformedApiKey):
        look_up(text)


@pytest.mark.django_db
@pytest.mark.parametrize("text", [None, ""])
def test_no_key_at_all(text: str | None) -> None:
    with pytest.raises(NoApiKey):
        look_up(text)


def test_what_a_call_knows_of_its_key(cast: Cast) -> None:
    terms = KeyTerms("Production", requests_per_minute=60, tokens_per_minute=90_000)
    new = make_new_key(cast.harbor, cast.adam, (Scope.MODELS_READ, Scope.INFERENCE_INVOKE), terms)
    found = look_up(new.text.show())
    app = new.key.app
    assert (found.id, found.name, found.app_id, found.app_name) == (new.key.pk, "Production", app.pk, app.name)
    assert (found.workspace_id, found.maker_id, found.maker_name) == (cast.harbor.pk, cast.adam.pk, "Adam Admin")
    assert found.scopes == {Scope.MODELS_READ, Scope.INFERENCE_INVOKE}
    assert (found.requests_per_minute, found.tokens_per_minute, found.expires_at) == (60, 90_000, None)
    with pytest.raises(MissingScope, match="audit:read") as caught:
        found.demand(Scope.AUDIT_READ)
    assert caught.value.status == 403
    found.demand(Scope.MODELS_READ)


def test_only_a_hash_is_stored(cast: Cast) -> None:
    """A11"""
    new = make_new_key(cast.harbor, cast.alice)
    text, stored = new.text.show(), ApiKey.objects.get()
    assert stored.digest == hashlib.sha256(text.split("_", 2)[2].encode()).hexdigest()
    assert text.endswith(stored.hint)
    assert len(stored.hint) == 4
    assert text not in repr(new)
    assert text[20:] not in str(ApiKey.objects.values().get())
    with pytest.raises(TypeError):
        str(new.text)


ALL = tuple(Scope)


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.OWNER, set(Scope)),
        (Role.ADMIN, set(Scope)),
        (Role.MEMBER, set(Scope) - {Scope.MODELS_DELETE, Scope.USAGE_READ, Scope.AUDIT_READ}),
        (
            Role.REVIEWER,
            {Scope.CONNECTIONS_VIEW, Scope.MODELS_READ, Scope.CUSTOM_MODELS_READ, Scope.TRACES_READ, Scope.USAGE_READ, Scope.AUDIT_READ},
        ),
        (Role.VIEWER, {Scope.CONNECTIONS_VIEW, Scope.MODELS_READ, Scope.CUSTOM_MODELS_READ}),
    ],
)
def test_a_key_may_what_its_scopes_and_its_maker_may(role: Role, scopes: set[Scope], cast: Cast) -> None:
    """D4: the intersection, with the maker's role as it is now."""
    text = make_key(cast.harbor, cast.adam, ALL)
    look_up(text)
    change_role(Membership.objects.get(workspace=cast.harbor, user=cast.adam), role=role, actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    assert look_up(text).scopes == scopes


def test_a_maker_who_is_only_a_viewer_now(cast: Cast) -> None:
    text = make_key(cast.harbor, cast.adam)
    assert known_after(text) is not None
    change_role(Membership.objects.get(workspace=cast.harbor, user=cast.adam), role=Role.VIEWER, actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    with pytest.raises(KeyWithoutRights) as caught:
        look_up(text)
    assert caught.value.status == 403
    with pytest.raises(KeyWithoutRights):
        known(text)


def test_a_maker_who_was_removed(cast: Cast) -> None:
    text = make_key(cast.harbor, cast.adam)
    known_after(text)
    remove_member(Membership.objects.get(workspace=cast.harbor, user=cast.adam), actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    with pytest.raises(KeyWithoutRights):
        look_up(text)


def test_a_maker_who_was_switched_off(cast: Cast) -> None:
    """People are the platform's: its chain drops every key."""
    text = make_key(cast.harbor, cast.adam)
    known_after(text)
    update_user(cast.adam, name="Adam Admin", is_active=False, is_staff=False, actor=actor(cast.pat))
    announce(PLATFORM)
    assert known(text) is None
    with pytest.raises(KeyWithoutRights):
        look_up(text)


def test_the_app_loses_a_scope(cast: Cast) -> None:
    new = make_new_key(cast.harbor, cast.alice, (Scope.INFERENCE_INVOKE, Scope.MODELS_READ))
    text, app = new.text.show(), new.key.app
    known_after(text)
    update_api_app(
        app, name=app.name, description="", scopes=[Scope.MODELS_READ], expected_version=1, by=cast.alice, actor=actor(cast.alice)
    )
    announce(str(cast.harbor.pk))
    assert look_up(text).scopes == {Scope.MODELS_READ}


def test_a_revoked_key(cast: Cast) -> None:
    new = make_new_key(cast.harbor, cast.alice)
    text = new.text.show()
    known_after(text)
    revoke_api_key(new.key, actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    for ask in (look_up, known):
        with pytest.raises(RevokedApiKey) as caught:
            ask(text)
        assert caught.value.status == 401


def test_a_key_of_an_app_that_was_deleted(cast: Cast) -> None:
    new = make_new_key(cast.harbor, cast.alice)
    known_after(new.text.show())
    delete_api_app(new.key.app, actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    with pytest.raises(UnknownApiKey):
        look_up(new.text.show())


def test_a_kept_key_expires_by_the_clock(cast: Cast) -> None:
    text = make_key(cast.harbor, cast.alice, terms=KeyTerms("Short", expires_at=timezone.now() + timedelta(minutes=5)))
    assert known_after(text) is not None
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        for ask in (known, look_up):
            with pytest.raises(ExpiredApiKey):
                ask(text)


# What a guesser learns


def test_an_unknown_key_and_a_wrong_secret_are_the_same(cast: Cast) -> None:
    """In words, in status, and in what is done: one query each, also where the right key is kept in memory."""
    text = make_key(cast.harbor, cast.alice)
    known_after(text)
    wrong, unknown = text[:-43] + "B" * 43, "pb_" + "f" * 16 + "_" + "B" * 43
    told = []
    for guess in (wrong, unknown):
        assert known(guess) is None
        with CaptureQueriesContext(connection) as queries, pytest.raises(UnknownApiKey) as caught:
            look_up(guess)
        told.append((str(caught.value), caught.value.status, caught.value.code, len(queries)))
    assert told[0] == told[1]
    assert told[0][3] == 1


def test_a_wrong_key_is_not_looked_up_again_and_again(cast: Cast) -> None:
    with pytest.raises(UnknownApiKey):
        look_up(KEY)
    with CaptureQueriesContext(connection) as queries, pytest.raises(UnknownApiKey):
        look_up(KEY)
    assert len(queries) == 0


def test_many_wrong_keys_from_one_address(cast: Cast) -> None:
    """D10. A key that is kept goes on: whoever shares the address is not locked out."""
    text = make_key(cast.harbor, cast.alice)
    look_up(text, "192.0.2.7")
    for number in range(api_keys.FAILURES_PER_ADDRESS):
        with pytest.raises(UnknownApiKey):
            look_up(f"pb_{number:016x}_" + "C" * 43, "192.0.2.7")
    with pytest.raises(TooManyFailures) as caught:
        look_up(KEY, "192.0.2.7")
    assert caught.value.status == 429
    assert 0 < (caught.value.retry_after or 0) <= 60
    assert known(text) is not None
    with pytest.raises(UnknownApiKey):
        look_up(KEY, "192.0.2.8")


# Kept in memory


def known_after(text: str) -> ApiKeyRecord | None:
    look_up(text)
    return known(text)


def test_the_steady_state_makes_no_query(cast: Cast) -> None:
    text = make_key(cast.harbor, cast.alice)
    look_up(text)
    with CaptureQueriesContext(connection) as queries:
        found = {asyncio.run(authenticate(text, address="192.0.2.1")) for _ in range(100)}
    assert (len(queries), len(found)) == (0, 1)


@pytest.mark.django_db(transaction=True)
async def test_asking_for_it(transactional_cast: Cast) -> None:
    cast = transactional_cast
    text = await asyncio.to_thread(make_key, cast.harbor, cast.alice)
    assert (await authenticate(text)).maker_name == "Alice Owner"
    with pytest.raises(NoApiKey):
        await authenticate(None)
    with pytest.raises(UnknownApiKey):
        await authenticate(KEY)


def test_a_change_elsewhere_drops_only_that_workspace(cast: Cast) -> None:
    ours, theirs = make_key(cast.harbor, cast.alice), make_key(cast.other, cast.charlie)
    look_up(ours)
    look_up(theirs)
    announce(str(cast.other.pk))
    assert known(ours) is not None
    assert known(theirs) is None
    announce(PLATFORM)
    assert known(ours) is None


def test_what_was_read_before_a_change_is_not_kept_after_it(cast: Cast) -> None:
    text = make_key(cast.harbor, cast.alice)
    record = look_up(text)
    for chain, kept in ((str(cast.harbor.pk), False), (PLATFORM, False), (str(cast.other.pk), True)):
        keys = KeptKeys()
        began = keys.moment()
        keys.forget(chain)
        keys.keep(record, began)
        assert (keys.get(record.id) is not None) is kept, chain
        keys.keep(record, keys.moment())
        assert keys.get(record.id) is record


def test_the_memory_is_bounded(cast: Cast) -> None:
    record = look_up(make_key(cast.harbor, cast.alice))
    keys = KeptKeys(limit=3)
    made = [ApiKeyRecord(f"{n:016x}", *(getattr(record, name) for name in ApiKeyRecord.__slots__[1:])) for n in range(5)]
    for each in made:
        keys.keep(each, keys.moment())
    assert [keys.get(each.id) is not None for each in made] == [False, False, True, True, True]
    keys.forget(str(cast.harbor.pk))
    assert len(keys) == 0


def test_last_use_is_stored_in_one_statement(cast: Cast) -> None:
    first, second = make_key(cast.harbor, cast.alice), make_key(cast.harbor, cast.alice)
    write_uses()
    for text in (first, second, first):
        look_up(text)
        known(text)
    assert not ApiKey.objects.exclude(last_used_at=None).exists()
    with CaptureQueriesContext(connection) as queries:
        write_uses()
        write_uses()
    assert len(queries) == 1
    assert ApiKey.objects.exclude(last_used_at=None).count() == 2


@pytest.mark.parametrize("error", ApiKeyError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_status_and_a_code(error: type[ApiKeyError]) -> None:
    assert error.status in {400, 401, 403, 429}
    assert error.code
