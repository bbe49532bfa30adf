"""One AssumeRole at a time, whoever waits for it and wherever (spec 07 G4)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync

from apps.core.secrets import Secret
from apps.external_models.actions import delete_model
from apps.inference import pipeline
from apps.inference.role_sessions import RoleSessions, Session, SessionKey, role_sessions
from apps.inference.target import Target, target_of
from apps.providers.aws import AssumedCredentials
from apps.providers.errors import ErrorKind, ProviderError
from tests.support.aws import Aws, aws, connect_bedrock, good_role
from tests.support.cast import Cast
from tests.support.models import actor
from tests.support.together import CROWD, at_once

__all__ = ["aws"]

KEY = SessionKey("w", "c", 1, "arn:aws:iam::1:role/r", "pb-1", "eu-west-1", "eu-west-1", "{}", "pb-w-c")


def session(name: str = "ASIA1", *, seconds: float = 3600) -> Session:
    return AssumedCredentials(name, Secret("s"), Secret("t"), datetime.now(UTC) + timedelta(seconds=seconds), "arn")


class Sts:
    """Counts, and answers when told to."""

    def __init__(self, *answers: Session | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.go = asyncio.Event()

    async def __call__(self) -> Session:
        self.asked += 1
        await self.go.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def waiting(call: Callable[[], Awaitable[Session]], count: int) -> list[asyncio.Task[Session]]:
    """So many callers, all of them in the middle of waiting."""
    tasks = [asyncio.ensure_future(call()) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_callers_of_one_loop_share_one_session() -> None:
    sessions, sts = RoleSessions(), Sts(session())
    tasks = await waiting(lambda: sessions.get(KEY, sts), CROWD)
    sts.go.set()
    assert {one.access_key for one in await asyncio.gather(*tasks)} == {"ASIA1"}
    assert sts.asked == 1


async def test_callers_share_a_refusal_and_the_next_one_asks_again() -> None:
    sessions, sts = RoleSessions(), Sts(ProviderError(ErrorKind.ROLE_REFUSED, "No."), session())
    tasks = await waiting(lambda: sessions.get(KEY, sts), 3)
    sts.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, ProviderError) for answer in answers] == [True] * 3
    assert (await sessions.get(KEY, sts)).access_key == "ASIA1"
    assert sts.asked == 2


async def test_when_the_one_who_asks_goes_away_another_one_asks() -> None:
    """A caller that closes its browser must not take the others' answer with it."""
    sessions, sts = RoleSessions(), Sts(session())
    first, *others = await waiting(lambda: sessions.get(KEY, sts), 3)
    first.cancel()
    await asyncio.sleep(0)
    sts.go.set()
    assert {one.access_key for one in await asyncio.gather(*others)} == {"ASIA1"}
    assert sts.asked == 2


async def test_one_who_stops_waiting_disturbs_nobody() -> None:
    sessions, sts = RoleSessions(), Sts(session())
    tasks = await waiting(lambda: sessions.get(KEY, sts), 3)
    tasks[1].cancel()
    await asyncio.sleep(0)
    sts.go.set()
    assert (await tasks[0]).access_key == (await tasks[2]).access_key == "ASIA1"
    assert sts.asked == 1


async def test_while_one_renews_the_others_go_on_with_what_there_is() -> None:
    """Ten minutes before the end nobody has to wait."""
    sessions, sts = RoleSessions(), Sts(session("OLD", seconds=1), session("NEW"))
    sts.go.set()
    await sessions.get(KEY, sts)
    held = sessions._held[KEY]
    sessions._held[KEY] = type(held)(held.session, refresh_at=0, ends_at=held.ends_at + 500)
    sts.go.clear()
    renewing, *others = await waiting(lambda: sessions.get(KEY, sts), 3)
    assert [(await other).access_key for other in others] == ["OLD", "OLD"]
    sts.go.set()
    assert (await renewing).access_key == "NEW"
    assert sts.asked == 2


@pytest.mark.parametrize("names", [("OLD", "OLD"), ("NEW", "OLD")])
async def test_only_the_session_that_was_refused_is_forgotten(names: tuple[str, str]) -> None:
    """Fifty callers whose session expired must not drop the one that the first of them fetched."""
    held, refused = names
    sessions, sts = RoleSessions(), Sts(session(held), session("AGAIN"))
    sts.go.set()
    await sessions.get(KEY, sts)
    sessions.forget(KEY, session(refused))
    assert (await sessions.get(KEY, sts)).access_key == ("AGAIN" if held == refused else "NEW")


async def test_a_newer_version_and_a_deleted_connection_leave_nothing_behind() -> None:
    """G4: dropped on edit and delete."""
    sessions, sts = RoleSessions(), Sts(session(), session("ASIA2"))
    sts.go.set()
    await sessions.get(KEY, sts)
    await sessions.get(SessionKey(**{**{name: getattr(KEY, name) for name in KEY.__slots__}, "version": 2}), sts)
    assert [key.version for key in sessions._held] == [2]
    sessions.forget_connection("c")
    assert not sessions._held


@pytest.mark.django_db(transaction=True)
def test_fifty_callers_in_fifty_threads_assume_the_role_once(transactional_cast: Cast, aws: Aws) -> None:
    """G4: each in an event loop of its own, as requests of the console are."""
    connection = connect_bedrock(transactional_cast.harbor, transactional_cast.alice)

    def caller(target: Target) -> Callable[[], str]:
        return lambda: async_to_sync(pipeline.run)(target, {"prompt": "Hello"}, rules=aws.rules).output

    answers = at_once([caller(target_of(connection)) for _ in range(CROWD)])
    assert len(answers) == CROWD
    assert all(answer.startswith("You asked") for answer in answers)
    assert (len(aws.assumed()), len(aws.invoked())) == (1, CROWD)


@pytest.mark.django_db(transaction=True)
def test_fifty_callers_whose_session_ended_assume_the_role_once_more(transactional_cast: Cast, aws: Aws) -> None:
    """G4: one renewal for all, one retry each."""
    role_arn = good_role(transactional_cast.harbor, "HarborBedrock-early")
    connection = connect_bedrock(transactional_cast.harbor, transactional_cast.alice, role_arn=role_arn)

    def caller(target: Target) -> Callable[[], bool]:
        return lambda: async_to_sync(pipeline.run)(target, {"prompt": "Hello"}, rules=aws.rules).passed

    assert caller(target_of(connection))()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=40), tick=False):
        assert all(at_once([caller(target_of(connection)) for _ in range(CROWD)]))
    assert len(aws.assumed()) == 2
    assert len(aws.invoked()) <= 1 + 2 * CROWD


def test_deleting_a_connection_drops_its_session(cast: Cast, aws: Aws, django_capture_on_commit_callbacks: Any) -> None:
    """G4, also when it goes with its model."""
    connection = connect_bedrock(cast.harbor, cast.alice)
    assert async_to_sync(pipeline.run)(target_of(connection), {"prompt": "Hello"}, rules=aws.rules).passed
    assert len(role_sessions._held) == 1
    with django_capture_on_commit_callbacks(execute=True):
        delete_model(connection.model, actor=actor(cast.alice))
    assert not role_sessions._held
