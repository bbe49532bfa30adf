"""Tokens are obtained once however many want them, renewed once after a refusal, and a profile whose refresh fails says so (spec 03)."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationProfile, Connection, ProfileToken
from apps.connections.profile_actions import ProfileValues, update_profile
from apps.core.secrets import Secret
from apps.demo.provider.authorization import Grant, access_tokens, refresh_tokens
from apps.egress import rules
from apps.inference import pipeline
from apps.inference.oauth_requests import Granted
from apps.inference.profile_material import Material
from apps.inference.profile_store import LEASE, Token, in_database, store
from apps.inference.profile_tokens import Tokens, tokens
from apps.inference.result import Result
from apps.inference.target import target_of
from apps.providers.errors import ProviderError
from tests.inference.conftest import allow
from tests.support.cast import Cast
from tests.support.models import actor
from tests.support.profiles import CLIENT, assess_definition, client_profile, code_profile, connected, fresh, token_requests
from tests.support.provider import RunningProvider, provider, provider_server
from tests.support.servers import Connection as Peer
from tests.support.threaded import serving

__all__ = ["provider", "provider_server"]

CROWD = 50


@pytest.fixture
def allowed(transactional_cast: Cast, provider: RunningProvider) -> RunningProvider:
    allow(provider)
    return provider


def call(connection: Connection) -> Result:
    return async_to_sync(pipeline.run)(target_of(connection), {"prompt": "Hello"}, rules=rules.current())


def in_threads[T](work: Callable[[int], Coroutine[Any, Any, T]], count: int = CROWD) -> list[T]:
    """The work so many times at once, each in a thread with an event loop of its own."""
    gate = threading.Barrier(count)

    def run(number: int) -> T:
        gate.wait(120)
        try:
            return asyncio.run(work(number))
        finally:
            database.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


async def together[T](work: Callable[[int], Awaitable[T]], count: int = CROWD) -> list[T]:
    return list(await asyncio.gather(*(work(number) for number in range(count))))


async def asked(provider: RunningProvider) -> None:
    """Until a token request has come, whose answer takes its time."""
    while not token_requests(provider):
        await asyncio.sleep(0.005)


def slow(provider: RunningProvider, seconds: float = 0.5) -> str:
    return f"{provider.url}/fault/slow/{seconds}"


def slow_profile(cast: Cast, provider: RunningProvider, *, seconds: float = 0.5) -> AuthorizationProfile:
    """Its token endpoint takes a moment, so that everybody is there before the first token is."""
    return client_profile(cast.harbor, cast.alice, provider, token_url=f"{slow(provider, seconds)}/oauth/token")


def test_fifty_callers_on_one_loop_are_one_token_request(transactional_cast: Cast, allowed: RunningProvider) -> None:
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        slow_profile(transactional_cast, allowed),
        assess_definition(allowed.url),
    )
    targets = [target_of(fresh(connection)) for _ in range(CROWD)]
    in_force = rules.current()
    results = async_to_sync(together)(lambda number: pipeline.run(targets[number], {"prompt": "Hello"}, rules=in_force))
    assert [result.failure for result in results] == [None] * CROWD
    assert len(token_requests(allowed)) == 1


def test_fifty_callers_in_as_many_threads_are_one_token_request(transactional_cast: Cast, allowed: RunningProvider) -> None:
    material = Material.of(slow_profile(transactional_cast, allowed))
    in_force = rules.current()
    found = in_threads(lambda number: tokens.get(material, in_force))
    assert len({token.obtained_at for token in found}) == 1
    assert len(token_requests(allowed)) == 1


def test_several_processes_are_one_token_request(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """Each `Tokens` is what one process has; the row in the database is what they share."""
    material = Material.of(slow_profile(transactional_cast, allowed))
    in_force, processes = rules.current(), [Tokens() for _ in range(8)]
    found = in_threads(lambda number: processes[number].get(material, in_force), 8)
    assert len({token.obtained_at for token in found}) == 1
    assert len(token_requests(allowed)) == 1


def test_tokens_that_expire_in_seconds(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """Wave after wave: one request for each life of a token, and no call is ever sent with one that ended."""
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        client_profile(transactional_cast.harbor, transactional_cast.alice, allowed, life="20"),
        assess_definition(allowed.url),
    )
    start = timezone.now()
    for wave in range(3):
        with time_machine.travel(start + timedelta(seconds=wave * 19), tick=True):
            targets = [target_of(fresh(connection)) for _ in range(CROWD)]
            in_force = rules.current()

            async def run(number: int) -> Result:
                return await pipeline.run(targets[number], {"prompt": "Hello"}, rules=in_force)  # noqa: B023 - awaited in this wave

            assert all(result.passed for result in async_to_sync(together)(run))
    assert len(token_requests(allowed)) == 3


def test_a_fresh_token_makes_no_query(transactional_cast: Cast, allowed: RunningProvider) -> None:
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        client_profile(transactional_cast.harbor, transactional_cast.alice, allowed),
        assess_definition(allowed.url),
    )
    call(connection)
    target, in_force = target_of(fresh(connection)), rules.current()
    with CaptureQueriesContext(database) as captured:
        assert async_to_sync(pipeline.run)(target, {"prompt": "Hello"}, rules=in_force).passed
    assert captured.captured_queries == []
    assert len(token_requests(allowed)) == 1


def test_a_refused_token_is_renewed_once_and_the_call_repeated(transactional_cast: Cast, allowed: RunningProvider) -> None:
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        client_profile(transactional_cast.harbor, transactional_cast.alice, allowed),
        assess_definition(allowed.url),
    )
    call(connection)
    access_tokens.take(allowed.recorded[-1].request.header("authorization").removeprefix("Bearer "))
    allowed.forget()
    assert call(connection).passed
    paths = [record.request.path for record in allowed.recorded]
    assert paths == ["/oauth/v1/assess", "/oauth/token", "/oauth/v1/assess"]


def test_a_server_that_refuses_every_token_is_asked_twice(transactional_cast: Cast, allowed: RunningProvider) -> None:
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        client_profile(transactional_cast.harbor, transactional_cast.alice, allowed, refused_statuses=[403]),
        assess_definition(allowed.url, "/fault/403/echo"),
    )
    result = call(connection)
    assert result.received
    assert result.received.status == 403
    assert [record.request.path for record in allowed.recorded] == ["/oauth/token", "/fault/403/echo", "/oauth/token", "/fault/403/echo"]


def test_fifty_calls_refused_with_the_same_old_token_renew_it_once(transactional_cast: Cast, allowed: RunningProvider) -> None:
    connection = connected(
        transactional_cast.harbor,
        transactional_cast.alice,
        client_profile(transactional_cast.harbor, transactional_cast.alice, allowed),
        assess_definition(allowed.url),
    )
    call(connection)
    access_tokens.take(allowed.recorded[-1].request.header("authorization").removeprefix("Bearer "))
    allowed.forget()
    shared, in_force = target_of(fresh(connection)), rules.current()
    # Half share one target, as a gateway does; the calls end one after the other, long after the first has renewed.
    targets = [shared if number % 2 else target_of(fresh(connection)) for number in range(CROWD)]
    gate = asyncio.Semaphore(5)

    async def run(number: int) -> Result:
        async with gate:
            return await pipeline.run(targets[number], {"prompt": "Hello"}, rules=in_force)

    results = async_to_sync(together)(run)
    assert all(result.passed for result in results)
    assert len(token_requests(allowed)) == 1


def test_a_token_that_another_process_renewed_is_taken(transactional_cast: Cast, allowed: RunningProvider) -> None:
    material = Material.of(client_profile(transactional_cast.harbor, transactional_cast.alice, allowed))
    one, other, in_force = Tokens(), Tokens(), rules.current()

    async def story() -> tuple[Token, Token, Token]:
        old = await one.get(material, in_force)
        assert (await other.get(material, in_force)).obtained_at == old.obtained_at
        new = await other.get(material, in_force, refused_until=old.obtained_at)
        return old, new, await one.get(material, in_force, refused_until=old.obtained_at)

    old, new, taken = async_to_sync(story)()
    assert old.obtained_at < new.obtained_at == taken.obtained_at
    assert len(token_requests(allowed)) == 2


def test_whoever_dies_while_renewing_is_taken_over_from(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """A process that was killed leaves its claim behind; it ends by itself."""
    profile = client_profile(transactional_cast.harbor, transactional_cast.alice, allowed)
    until = timezone.now() + timedelta(seconds=0.4)
    ProfileToken.objects.create(profile=profile, renewing_until=until)
    async_to_sync(tokens.get)(Material.of(profile), rules.current())
    assert timezone.now() >= until
    assert len(token_requests(allowed)) == 1
    assert ProfileToken.objects.get().renewing_until is None


def test_a_caller_who_leaves_while_renewing_holds_nobody_up(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """The one who asks is cancelled: another one asks, and the claim is free at once."""
    material, in_force = Material.of(slow_profile(transactional_cast, allowed, seconds=2)), rules.current()

    async def story() -> Token:
        first = asyncio.create_task(tokens.get(material, in_force))
        await asked(allowed)
        others = [asyncio.create_task(tokens.get(material, in_force)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        others[0].cancel()
        found = await asyncio.gather(*others, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert all(isinstance(token, Token) for token in found[1:])
        return await tokens.get(material, in_force)

    began = timezone.now()
    async_to_sync(story)()
    assert timezone.now() - began < timedelta(seconds=LEASE)
    assert len(token_requests(allowed)) == 2


def test_a_caller_who_leaves_while_claiming_holds_nobody_up(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """Cancelled while the claim is on its way to the database: it is given back, so that nobody waits for its end."""
    material, in_force = Material.of(client_profile(transactional_cast.harbor, transactional_cast.alice, allowed)), rules.current()
    claiming, left = threading.Event(), threading.Event()

    def hold(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "renewing_until" in sql and not claiming.is_set():
            claiming.set()
            left.wait(60)
        return execute(sql, params, many, context)

    def watch() -> None:
        database.execute_wrappers.append(hold)

    def unwatch() -> None:
        database.execute_wrappers.remove(hold)

    async def story() -> None:
        await sync_to_async(watch)()
        caller = asyncio.create_task(tokens.get(material, in_force))
        while not claiming.is_set():
            await asyncio.sleep(0.005)
        caller.cancel()
        await asyncio.sleep(0)
        left.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await sync_to_async(unwatch)()

    asyncio.run(story())
    assert ProfileToken.objects.get().renewing_until is None


def test_no_life_means_until_it_is_refused(transactional_cast: Cast, allowed: RunningProvider) -> None:
    material = Material.of(client_profile(transactional_cast.harbor, transactional_cast.alice, allowed, life="0"))
    in_force = rules.current()
    token = async_to_sync(tokens.get)(material, in_force)
    assert token.expires_at is None
    with time_machine.travel(timezone.now() + timedelta(days=400), tick=True):
        async_to_sync(tokens.get)(material, rules.current())
    assert len(token_requests(allowed)) == 1


def test_a_token_of_older_settings_is_none(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """And one of settings that have nothing to do with it stays."""
    profile = client_profile(transactional_cast.harbor, transactional_cast.alice, allowed)
    in_force = rules.current()
    async_to_sync(tokens.get)(Material.of(profile), in_force)
    for settings, requests in (({"refused_statuses": [401, 403]}, 1), ({"scope": "other"}, 2)):
        values = ProfileValues(profile.settings | settings, (allowed.url,), {})
        profile = update_profile(profile, values=values, actor=actor(transactional_cast.alice), expected_version=profile.version)
        async_to_sync(tokens.get)(Material.of(profile), in_force)
        assert len(token_requests(allowed)) == requests


def test_a_rotated_refresh_token_survives_an_edit_meanwhile(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """An admin says which statuses mean a refusal while the token is being renewed: what the server has rotated is kept."""
    cast = transactional_cast
    profile = code_profile(cast.harbor, cast.alice, allowed, token_url=f"{slow(allowed, 3)}/oauth/token")
    granted = Granted(Secret("at-old-4711"), Secret(refresh_tokens.add(Grant(CLIENT, "", 1e12))), timezone.now(), timezone.now(), "")
    material = Material.of(profile)
    store(material, granted)
    in_force = rules.current()

    async def story() -> None:
        renewing = asyncio.create_task(tokens.get(material, in_force))
        await asked(allowed)
        values = ProfileValues(profile.settings | {"refused_statuses": [401, 403]}, (allowed.url,), {})
        await in_database(update_profile, profile, values=values, actor=actor(cast.alice), expected_version=1)
        await renewing

    async_to_sync(story)()
    later = Material.of(AuthorizationProfile.objects.get())
    assert later.version == 2
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        async_to_sync(tokens.get)(later, rules.current())
    assert [body["grant_type"] for body in token_requests(allowed)] == ["refresh_token", "refresh_token"]


def test_a_token_on_its_way_does_not_go_to_a_host_added_meanwhile(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """A8: it was asked for while that host was not allowed, so it is not kept, and the consent stays to be given."""
    cast = transactional_cast
    profile = code_profile(cast.harbor, cast.alice, allowed, token_url=f"{slow(allowed, 3)}/oauth/token")
    granted = Granted(Secret("at-old-4711"), Secret(refresh_tokens.add(Grant(CLIENT, "", 1e12))), timezone.now(), timezone.now(), "")
    material, in_force = Material.of(profile), rules.current()
    store(material, granted)

    async def story() -> None:
        renewing = asyncio.create_task(tokens.get(material, in_force))
        await asked(allowed)
        values = ProfileValues(profile.settings, (allowed.url, "https://two.example.com:443"), {})
        await in_database(update_profile, profile, values=values, actor=actor(cast.alice), expected_version=1)
        with pytest.raises(ProviderError, match="was changed"):
            await renewing

    async_to_sync(story)()
    assert AuthorizationProfile.objects.get().problem.startswith("Nobody has allowed access")
    assert not ProfileToken.objects.exclude(access_token="", refresh_token="").exists()


# Failures


def failing(cast: Cast, provider: RunningProvider, **more: Any) -> Connection:
    return connected(cast.harbor, cast.alice, client_profile(cast.harbor, cast.alice, provider, **more), assess_definition(provider.url))


def test_a_refused_client_marks_the_profile_once(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """Spec 03: *Not configured* wherever it is used. One event, however many calls fail; a later success clears it."""
    connection = failing(transactional_cast, allowed)
    profile = connection.authorization_profile
    assert profile
    wrong = profile.settings | {"client_id": "nobody"}
    AuthorizationProfile.objects.update(settings=wrong)
    for _ in range(3):
        result = call(fresh(connection))
        assert result.failure
        assert result.failure.kind == "token_refused"
        assert result.failure.provider_message == "invalid_client: Client ID or secret is wrong."
    found = fresh(connection)
    assert found.state == "not_configured"
    assert found.authorization_profile
    assert "invalid_client" in found.authorization_profile.reason
    event = AuditEvent.objects.get(event="authorization_profile.refresh_failed")
    assert (event.actor_name, event.target_name, event.outcome) == ("Patchbay", "Claims gateway", "failed")
    AuthorizationProfile.objects.update(settings=profile.settings)
    assert call(fresh(connection)).passed
    assert fresh(connection).state == "on"


def test_fifty_callers_share_one_failure(transactional_cast: Cast, allowed: RunningProvider) -> None:
    profile = client_profile(
        transactional_cast.harbor, transactional_cast.alice, allowed, token_url=f"{slow(allowed, 4)}/oauth/token", client_id="nobody"
    )
    material, in_force = Material.of(profile), rules.current()

    async def attempt(number: int) -> str:
        try:
            await tokens.get(material, in_force)
        except ProviderError as error:
            return error.kind
        return ""

    assert set(in_threads(attempt)) == {"token_refused"}
    assert len(token_requests(allowed)) == 1
    assert AuditEvent.objects.filter(event="authorization_profile.refresh_failed").count() == 1


@pytest.mark.parametrize(
    ("token_path", "kind", "words"),
    [
        ("/fault/500/oauth/token", "token_failed", "HTTP 500"),
        ("/fault/hangup/oauth/token", "token_failed", "could not be fetched"),
        ("/fault/redirect/oauth/token", "token_failed", "Redirects are not followed"),
        ("/fault/html/oauth/token", "token_failed", "no JSON"),
        ("/fault/nan/oauth/token", "token_failed", "JSON"),
        ("/fault/huge/1/oauth/token", "token_failed", "could not be fetched"),
        ("/echo", "token_failed", "Bearer"),
        ("/nowhere", "token_failed", "HTTP 404"),
    ],
)
def test_a_token_url_that_gives_none(transactional_cast: Cast, allowed: RunningProvider, token_path: str, kind: str, words: str) -> None:
    connection = failing(transactional_cast, allowed, token_url=f"{allowed.url}{token_path}")
    result = call(connection)
    assert result.failure
    assert (result.failure.kind, result.failure.stage) == (kind, "Getting authorized")
    assert words in result.failure.message
    assert "oc-demo-harbor" not in str(result)
    assert fresh(connection).state == "not_configured"


def test_a_token_url_that_no_rule_allows(transactional_cast: Cast, provider: RunningProvider) -> None:
    """B: token requests go through the same guard."""
    rules.forget()  # those of the test before
    connection = failing(transactional_cast, provider)
    result = call(connection)
    assert result.failure
    assert (result.failure.kind, "not allowed" in result.failure.message) == ("token_failed", True)
    assert not provider.recorded


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"access_token": "a", "token_type": "mac"}', "Bearer"),
        ('{"token_type": "Bearer"}', "no access_token"),
        ('{"access_token": "a\\nb", "token_type": "Bearer"}', "characters"),
        ('{"access_token": 7, "token_type": "Bearer"}', "no access_token"),
        ('{"access_token": "a", "token_type": "Bearer", "expires_in": -1}', "expires_in"),
        ('{"access_token": "a", "token_type": "Bearer", "expires_in": true}', "expires_in"),
        ('{"access_token": "a", "token_type": "Bearer", "expires_in": "soon"}', "expires_in"),
        ('{"access_token": "a", "token_type": "Bearer", "expires_in": NaN}', "JSON"),
        ('["a"]', "no JSON object"),
        ('{"error": "invalid_scope"}', "refused"),
        ('{"access_token": "aaaa", "token_type": "bearer", "expires_in": "3600"}', ""),
        ('{"access_token": "aaaa", "token_type": "bearer", "expires_in": 1e300}', ""),
    ],
)
def test_answers_are_read_strictly(transactional_cast: Cast, answer: str, words: str) -> None:
    async def reply(peer: Peer) -> None:
        await peer.read_request()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        await peer.send((head + answer).encode())

    with serving(reply) as server:
        base = f"http://127.0.0.1:{server.port}"
        allow(server)  # type: ignore[arg-type]  # it has a port, too
        settings = client_profile(transactional_cast.harbor, transactional_cast.alice, FakeBase(base))  # type: ignore[arg-type]
        try:
            async_to_sync(tokens.get)(Material.of(settings), rules.current())
            said = ""
        except ProviderError as error:
            said = error.message
    assert bool(said) == bool(words)
    assert words in said


class FakeBase:
    """Where the profile's URLs point to."""

    def __init__(self, url: str) -> None:
        self.url = url


def test_a_secret_in_the_servers_words_is_masked(transactional_cast: Cast, allowed: RunningProvider) -> None:
    """A9: the authorization server quotes the client secret in its error."""
    connection = failing(transactional_cast, allowed, token_url=f"{allowed.url}/fault/leak/oauth/token")
    result = call(connection)
    basic = allowed.recorded[0].request.header("authorization").removeprefix("Basic ")
    assert result.failure
    reason = AuthorizationProfile.objects.get().problem
    for text in (str(result), reason, str(list(AuditEvent.objects.values()))):
        assert basic not in text
        assert "oc-demo-harbor" not in text


def test_database_work_gives_its_connection_back(transactional_cast: Cast) -> None:
    """F4: nobody holds a connection while waiting for a token."""

    async def story() -> bool:
        await in_database(AuthorizationProfile.objects.count)
        return await in_database(lambda: database.connection is None)

    assert asyncio.run(story())
