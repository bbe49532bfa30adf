"""A lane's event stream, by ASGI: called once, stopped by a flag or by the browser that leaves, kept for whoever comes later."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connections
from django.test import Client
from django.urls import reverse

from apps.playground.lanes import ask_to_stop
from apps.playground.models import Lane, LaneState
from apps.traces.models import Trace
from apps.traces.store import flush
from config.asgi import application
from tests.inference.conftest import allow
from tests.playground.conftest import Page, chat_model
from tests.support.cast import make_cast
from tests.support.provider import RunningProvider, running_provider


class Asked:
    """A run of Bob's with one lane, made as htmx makes it; nothing is called yet."""

    def __init__(self, provider: RunningProvider, path: str = "") -> None:
        cast = make_cast()
        allow(provider)
        self.provider = provider
        self.client = Client()
        self.client.force_login(cast.bob)
        model = chat_model(cast.harbor, cast.adam, f"{provider.url}{path}")
        self.page = Page(self.client, {"turn-0-text": "Which cover applies to hail?", "lane-1": str(model.pk)})
        response = self.page.post(htmx=True)
        assert response.status_code == 200
        self.run = self.page.newest()
        assert response["HX-Push-Url"].endswith(f"?run={self.run.pk}")
        self.lane = self.run.lanes.get()
        assert self.lane.state == LaneState.WAITING

    @property
    def url(self) -> str:
        return reverse("playground:lane_stream", args=["harbor", self.run.pk, 1])

    def open(self) -> ApplicationCommunicator:
        cookie = f"sessionid={self.client.cookies['sessionid'].value}".encode()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": self.url,
            "raw_path": self.url.encode(), "root_path": "", "query_string": b"", "headers": [(b"host", b"testserver"), (b"cookie", cookie)],
            "client": ("127.0.0.1", 1), "server": ("testserver", 80),
        }  # fmt: skip
        return ApplicationCommunicator(application, scope)  # type: ignore[arg-type]

    def settled(self) -> Lane:
        return Lane.objects.get(pk=self.lane.pk)

    def trace(self) -> Trace:
        flush()
        return Trace.objects.get()


async def in_thread[T](function: Callable[..., T], *arguments: Any) -> T:
    return await sync_to_async(function)(*arguments)


async def begin(stream: ApplicationCommunicator) -> None:
    await stream.send_input({"type": "http.request", "body": b"", "more_body": False})
    started = await stream.receive_output(30)
    headers = dict(started["headers"])
    assert (started["status"], headers[b"Content-Type"]) == (200, b"text/event-stream")
    assert headers[b"Cache-Control"] == b"no-store"


async def read_all(stream: ApplicationCommunicator) -> list[tuple[str, str]]:
    """The events to the end."""
    body = b""
    while True:
        message = await stream.receive_output(60)
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    blocks = [block.split("\n") for block in body.decode().split("\n\n") if block.startswith("event:")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def said(events: list[tuple[str, str]]) -> str:
    return "".join(text for name, text in events if name == "text")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


@pytest.mark.django_db(transaction=True)
async def test_a_lane_is_called_once_and_kept(provider: RunningProvider) -> None:
    asked = await in_thread(Asked, provider)
    first = asked.open()
    await begin(first)
    events = await read_all(first)
    assert events[-1] == ("done", "")
    assert "hail" in said(events)
    assert len([event for event in events if event[0] == "text"]) > 3, "it came in pieces"
    again = asked.open()
    await begin(again)
    assert said(await read_all(again)) == said(events)
    assert len(provider.recorded) == 1
    lane = await in_thread(asked.settled)
    assert (lane.state, lane.outcome.text) == (LaneState.DONE, said(events))
    assert lane.outcome.first_token_ms is not None
    fragment = await in_thread(lambda: asked.client.get(asked.url.removesuffix("stream/"), headers={"HX-Request": "true"}))
    assert said(events)[:40] in fragment.content.decode().replace("&quot;", '"')
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["the browser leaves", "a flag of another process"])
async def test_a_lane_that_is_stopped_ends_upstream_and_keeps_what_had_come(way: str) -> None:
    with running_provider(pace=0.5) as provider:
        asked = await in_thread(Asked, provider)
        stream = asked.open()
        await begin(stream)
        assert b"event: text" in (await stream.receive_output(30))["body"]
        if way == "the browser leaves":
            await stream.send_input({"type": "http.disconnect"})
        else:
            await in_thread(ask_to_stop, asked.lane)
        await asyncio.to_thread(provider.wait_for_outcome, "cut")
        await stream.wait(30)
    lane = await in_thread(asked.settled)
    assert lane.state == LaneState.STOPPED
    assert 0 < len(lane.outcome.text) < 200
    trace = await in_thread(asked.trace)
    assert trace.status == "cancelled"
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
async def test_a_second_window_waits_for_the_lane_that_the_first_one_runs(provider: RunningProvider) -> None:
    asked = await in_thread(Asked, provider, "/fault/slow/1.2")
    first, second = asked.open(), asked.open()
    await begin(first)
    await until(lambda: bool(provider.recorded))
    await begin(second)
    one, two = await asyncio.gather(read_all(first), read_all(second))
    assert said(one) == said(two) != ""
    assert len(provider.recorded) == 1
    await sync_to_async(connections.close_all)()
