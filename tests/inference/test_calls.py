"""Spec 04, spec 07 F3: one call, one trace, whichever way it ends; another connection where one fails. With the demo provider."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync
from django.core.cache.backends.base import BaseCache
from django.urls import reverse

from apps.audit.record import SYSTEM
from apps.connections.actions import add_connection, switch_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.egress.actions import allow_egress
from apps.external_models.actions import switch_inferencing
from apps.external_models.definition import Definition, Feature, Header
from apps.external_models.models import ExternalModel
from apps.inference import chatting
from apps.inference.breaker import IN_A_ROW, REST_SECONDS
from apps.inference.calls import Call, Caller
from apps.inference.limits import limiter
from apps.inference.routes import find_route
from apps.providers.chat import ChatCall, Ended, Message, ResponseSchema, Role, StreamEvent, Text, TextDelta, Tool
from apps.providers.chat_wire import text_of
from apps.providers.errors import ErrorKind, ProviderError
from apps.traces.models import SourceType, Trace
from apps.traces.record import Api
from apps.traces.store import flush
from tests.conftest import ClientFor
from tests.inference.conftest import allow, connect, triage_definition
from tests.support.cast import Cast
from tests.support.models import actor, author
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.servers import Connection as Line
from tests.support.servers import json_answer
from tests.support.threaded import serving

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Claims triage"
SAID = ChatCall(messages=(Message(Role.USER, (Text("Hail on a parked car"),)),))
KEYS = DEMO_KEYS["openai"]


def chat_definition(base: str, *, fault: str = "", features: tuple[str, ...] = ("streaming",)) -> Definition:
    return Definition(
        url=f"{base}{fault}/openai/v1/chat/completions",
        headers=(Header("Authorization", secret=True, prefix="Bearer "),),
        wire_format="openai",
        model="gpt-4o-mini",
        features=features,
        modalities=("text_to_text",),
    )


def caller_of(cast: Cast, **limits: int) -> Caller:
    return Caller(cast.harbor.pk, SourceType.API_KEY, "key-1", "Batch", **limits)


async def ask(call: Call) -> str:
    async with call:
        await call.resolve()
        call.input = "asked"
        answer = await chatting.ask(call, SAID)
        call.succeed(text_of(answer), answer.usage)
        return answer.text


def asking(cast: Cast, asked: str = NAME, **limits: int) -> str:
    return async_to_sync(ask)(Call(caller_of(cast, **limits), asked, api=Api.OPENAI))


def refused(cast: Cast, asked: str = NAME, **limits: int) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        asking(cast, asked, **limits)
    return caught.value


def traces() -> list[Trace]:
    flush()
    return list(Trace.objects.select_related("body").order_by("id"))


def spare(model: ExternalModel, cast: Cast, key: str = KEYS.second) -> Connection:
    """A second connection, for when the first cannot."""
    secrets = {name: Secret(key) for name in model.definition.secret_headers}
    connection = add_connection(model, name="spare", secrets=secrets, parameters={}, by=author(cast.adam))
    Connection.objects.filter(pk=connection.pk).update(priority=2)
    return connection


def test_another_connection_answers_where_a_key_is_refused(transactional_cast: Cast, provider: RunningProvider) -> None:
    """The key that was refused is marked; the attempts stand in the trace, the caller notices nothing."""
    cast = transactional_cast
    allow(provider)
    first = connect(cast.harbor, cast.adam, chat_definition(provider.url), key="sk-mistyped-0000-0000")
    spare(first.model, cast)

    async def ask_and_wait_for_the_mark() -> str:
        text = await ask(Call(caller_of(cast), NAME, api=Api.OPENAI))
        async with asyncio.timeout(60):
            while not await Connection.objects.filter(pk=first.pk, last_error="upstream_auth").aexists():
                await asyncio.sleep(0.01)
        return text

    assert async_to_sync(ask_and_wait_for_the_mark)()
    [trace] = traces()
    assert (trace.status, trace.connection_name, trace.attempts) == ("success", "spare", 2)
    told = [(each["connection"], each["error_code"], each["status"]) for each in trace.body.attempts]
    assert told == [("production", "upstream_auth", 401), ("spare", "", 200)]
    assert trace.input_tokens


def test_the_callers_mistake_goes_to_nobody_else(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    spare(connect(cast.harbor, cast.adam, chat_definition(provider.url, fault="/fault/422"), key=KEYS.accepted).model, cast)
    assert refused(cast).status == 422
    assert len(provider.recorded) == 1


def test_names_pick_a_connection(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    first = connect(cast.harbor, cast.adam, chat_definition(provider.url), key=KEYS.accepted)
    other = spare(first.model, cast)
    assert asking(cast, f"{NAME}@SPARE")
    assert traces()[-1].connection_name == "spare"
    assert refused(cast, f"{NAME}@nobody").kind is ErrorKind.CONNECTION_NOT_FOUND
    switch_connection(other, on=False, actor=actor(cast.adam))
    off = refused(cast, f"{NAME}@spare")
    assert (off.kind, off.message) == (ErrorKind.CONNECTION_INACTIVE, "This model is not active")
    assert asking(cast)
    switch_connection(first, on=False, actor=actor(cast.adam))
    assert refused(cast).kind is ErrorKind.CONNECTION_INACTIVE
    switch_inferencing(first.model, on=False, actor=actor(cast.adam))
    assert refused(cast).kind is ErrorKind.MODEL_INACTIVE
    told = [trace.error_code for trace in traces() if trace.error_code]
    assert told == ["connection_not_found", "connection_inactive", "connection_inactive", "model_inactive"]


def test_a_sick_connection_rests(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    connect(cast.harbor, cast.adam, chat_definition(provider.url, fault="/fault/501"), key=KEYS.accepted)
    assert [refused(cast).status for _ in range(IN_A_ROW)] == [501] * IN_A_ROW
    provider.forget()
    error = refused(cast)
    assert error.kind is ErrorKind.CONNECTION_RESTING
    assert error.retry_after
    assert 20 < error.retry_after <= 30
    assert not provider.recorded
    assert len(traces()) == IN_A_ROW + 1


def test_limits_of_key_and_connection(transactional_cast: Cast, provider: RunningProvider) -> None:
    """A connection at its limit makes way for the next; a key at its limit is told so."""
    cast = transactional_cast
    allow(provider)
    first = connect(cast.harbor, cast.adam, chat_definition(provider.url), key=KEYS.accepted)
    spare(first.model, cast)
    Connection.objects.filter(pk=first.pk).update(requests_per_minute=1)
    for _ in range(2):
        asking(cast)
    assert [trace.connection_name for trace in traces()] == ["production", "spare"]
    told = refused(cast, f"{NAME}@production")
    assert told.message == "The connection production has used up its limit of 1 requests per minute."
    assert asking(cast, tokens_per_minute=1)
    assert refused(cast, tokens_per_minute=1).message == "The API key of Batch has used up its limit of 1 tokens per minute."


def test_a_place_is_taken_before_any_wait(
    transactional_cast: Cast, provider: RunningProvider, shared: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting in a shared cache takes a moment, in which others come: a connection that may have one call has one, and one probe."""
    cast = transactional_cast
    monkeypatch.setattr(limiter, "_shared", shared)  # as with CACHE_URL
    allow(provider)
    connection = connect(cast.harbor, cast.adam, chat_definition(provider.url), key=KEYS.accepted)
    Connection.objects.filter(pk=connection.pk).update(calls_at_once=1, requests_per_minute=5)

    async def crowd() -> list[object]:
        return list(await asyncio.gather(*(ask(Call(caller_of(cast), NAME, api=Api.OPENAI)) for _ in range(10)), return_exceptions=True))

    def kinds(found: list[object]) -> list[ErrorKind]:
        return [each.kind for each in found if isinstance(each, ProviderError)]

    assert kinds(async_to_sync(crowd)()) == [ErrorKind.RATE_LIMITED] * 9
    assert len(provider.recorded) == 1
    health = async_to_sync(find_route)(cast.harbor.pk, NAME).candidates[0].health
    for _ in range(IN_A_ROW):
        health.failed(time.perf_counter() - REST_SECONDS - 1)
    Connection.objects.filter(pk=connection.pk).update(calls_at_once=None)
    assert kinds(async_to_sync(crowd)()).count(ErrorKind.CONNECTION_RESTING) + len(provider.recorded) - 1 == 10
    for _ in range(10):  # those that the limit turns away give everything back
        async_to_sync(crowd)()
    assert (health.running, health._probing_since) == (0, None)


def test_time_limits_hold_for_all_attempts_together(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    model = connect(cast.harbor, cast.adam, chat_definition(provider.url, fault="/fault/hang"), key=KEYS.accepted).model
    spare(model, cast)
    ExternalModel.objects.filter(pk=model.pk).update(first_byte_seconds=1, total_seconds=1, may_pay_twice=True)
    began = asyncio.new_event_loop().time()
    assert refused(cast).kind in {ErrorKind.FIRST_BYTE_TIMEOUT, ErrorKind.TIMEOUT}
    assert asyncio.new_event_loop().time() - began < 20  # a retry would have begun anew; the usual limits are a minute and more


COMPLETION = json.dumps({"choices": [{"message": {"content": "Covered."}, "finish_reason": "stop"}]}).encode()


@pytest.mark.parametrize("first", ["silence", "Retry-After"])
def test_each_attempt_has_its_own_time_to_the_first_byte(transactional_cast: Cast, first: str) -> None:
    """The whole call's limit is for all of them: what the first one used of it leaves the second one time to think."""
    cast = transactional_cast
    came: list[int] = []

    async def handler(line: Line) -> None:
        await line.read_request()
        came.append(1)
        if len(came) > 1:
            await asyncio.sleep(0.5)
            await line.send(json_answer(COMPLETION))
        elif first == "silence":
            await line.wait_until_client_leaves()
        else:
            await line.send(json_answer(b"{}", "503 Busy", "Retry-After: 4"))

    with serving(handler) as server:
        allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[server.port], scheme="http", reason="The server of this test")
        definition = chat_definition(f"http://127.0.0.1:{server.port}")
        model = connect(cast.harbor, cast.adam, definition, key=KEYS.accepted).model
        ExternalModel.objects.filter(pk=model.pk).update(first_byte_seconds=4, total_seconds=120, may_pay_twice=True)
        assert asking(cast) == "Covered."
    assert traces()[0].attempts == 2


def test_what_the_model_was_described_without_is_refused_by_name(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    connect(cast.harbor, cast.adam, chat_definition(provider.url, features=()), key=KEYS.accepted)

    async def with_(said: ChatCall) -> list[StreamEvent]:
        async with Call(caller_of(cast), NAME, api=Api.OPENAI) as call:
            await call.resolve()
            return [event async for event in chatting.stream(call, said)]

    for said, feature in (
        (replace(SAID, tools=(Tool("look_up"),)), Feature.TOOL_CALLING),
        (replace(SAID, response_schema=ResponseSchema({"type": "object"})), Feature.STRUCTURED_RESPONSE),
    ):
        with pytest.raises(ProviderError) as caught:
            async_to_sync(with_)(said)
        assert caught.value.kind is ErrorKind.FEATURE_NOT_ENABLED
        assert caught.value.message == f"{feature.label} is not enabled on {NAME}."
    assert not provider.recorded
    first, last = async_to_sync(with_)(SAID)  # it is described without streaming: one piece, and the end
    assert isinstance(first, TextDelta)
    assert isinstance(last, Ended)


def test_a_template_answers_a_chat_call(transactional_cast: Cast, provider: RunningProvider) -> None:
    cast = transactional_cast
    allow(provider)
    connect(cast.harbor, cast.adam, triage_definition(provider.url))
    assert asking(cast)
    assert traces()[0].output_tokens


def test_tests_leave_traces_too(transactional_cast: Cast, provider: RunningProvider, client_for: ClientFor) -> None:
    """A connection's test and a key that is refused, with what was sent and said; the key in neither."""
    cast = transactional_cast
    allow(provider)
    leak = f"{provider.url}/fault/leak/triage/v3/assess"  # an error that repeats every key it was sent
    for url in (provider.url, leak):
        definition = triage_definition(provider.url) if url == provider.url else replace(triage_definition(provider.url), url=url)
        connection = connect(cast.harbor, cast.adam, definition)
        client_for(cast.adam).post(reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk]))
        ExternalModel.objects.filter(pk=connection.model_id).delete()
    good, bad = traces()
    assert {trace.source_type for trace in (good, bad)} == {"test"}
    assert (good.status, good.source_name, good.user_name, good.connection_name) == ("success", NAME, "Adam Admin", "production")
    assert (good.api, good.attempts) == ("variables", 1)
    assert '"prompt"' in good.body.input
    assert bad.status == "failed"
    assert DEMO_KEYS["triage"].accepted not in f"{bad.body.error}{bad.body.output}{bad.body.input}"


class OurFault(Exception):
    """A mistake in our own code, in the middle of a call."""


async def completes(call: Call) -> None:
    async with call:
        await call.resolve()
        await chatting.ask(call, SAID)
        call.succeed("done", call.usage)


async def is_forgotten(call: Call) -> None:
    async with call:
        await call.resolve()


async def raises(call: Call) -> None:
    async with call:
        await call.resolve()
        raise OurFault


async def is_stopped(call: Call) -> None:
    """The caller reads a little of a stream and goes."""

    async def reading() -> None:
        async with call:
            await call.resolve()
            async with aclosing(chatting.stream(call, SAID)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        begun.set()

    begun = asyncio.Event()
    task = asyncio.ensure_future(reading())
    await begun.wait()
    task.cancel()
    await task


async def breaks_off(call: Call) -> None:
    async with call:
        await call.resolve()
        async for _ in chatting.stream(call, SAID):
            pass


ENDINGS = {
    "success": ("", completes, ("success", "")),
    "said nothing": ("", is_forgotten, ("failed", "cancelled")),
    "our fault": ("", raises, ("failed", "internal")),
    "the caller leaves": ("/fault/stall", is_stopped, ("cancelled", "cancelled")),
    "refused": ("/fault/422", completes, ("failed", "upstream_refused")),
    "cut in the middle": ("/fault/truncated", breaks_off, ("failed", "disconnected")),
}


@pytest.mark.parametrize(("fault", "run", "expected"), ENDINGS.values(), ids=ENDINGS)
def test_every_way_to_end_leaves_one_trace(
    transactional_cast: Cast, provider: RunningProvider, fault: str, run: Callable[[Call], Awaitable[None]], expected: tuple[str, str]
) -> None:
    cast = transactional_cast
    allow(provider)
    connection = connect(cast.harbor, cast.adam, chat_definition(provider.url, fault=fault), key=KEYS.accepted)

    async def run_it() -> None:
        with suppress(ProviderError, OurFault, asyncio.CancelledError):
            await run(Call(caller_of(cast), NAME, api=Api.OPENAI))

    async_to_sync(run_it)()
    [trace] = traces()
    assert (trace.status, trace.error_code) == expected
    assert trace.model_id == connection.model_id
    if run in (is_stopped, breaks_off):
        assert trace.output_preview  # what had come until then
    if run is is_stopped:
        assert provider.wait_for_outcome("cut")
