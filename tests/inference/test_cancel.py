"""Spec 02 and 04: a long call can be cancelled; a caller who leaves stops the upstream call. By ASGI."""

import asyncio
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connections
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.external_models.definition import Definition
from apps.inference.models import TestRun
from config.asgi import application
from tests.inference.conftest import KEY, allow, connect, triage_definition
from tests.support.cast import Cast, make_cast
from tests.support.provider import RunningProvider

CSRF = "a" * 32


def hanging(provider: RunningProvider) -> Definition:
    return triage_definition(f"{provider.url}/fault/hang")


def of_the_page(cast: Cast, provider: RunningProvider) -> tuple[str, dict[str, str]]:
    definition = hanging(provider)
    fields = {"url": definition.url, "method": "POST", "body": definition.body, "h-0-key": "X-Harbor-Key", "h-0-value": KEY}
    return reverse("onboarding:test", args=["harbor"]), fields | {"s-prompt": "Hail"}


def of_the_connection(cast: Cast, provider: RunningProvider) -> tuple[str, dict[str, str]]:
    connection = connect(cast.harbor, cast.adam, hanging(provider))
    return reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk]), {}


def of_the_wizard(cast: Cast, provider: RunningProvider) -> tuple[str, dict[str, str]]:
    url = reverse("onboarding:easy_credentials", args=["harbor", "openai"])
    fields = {"name": "first", "key": "sk-somebody-left-0000", "base_url": f"{provider.url}/fault/hang", "step": "confirm"}
    return f"{url}?model=gpt-4o", fields


def cookies_of(cast: Cast) -> str:
    client = Client()
    client.force_login(cast.adam)
    return f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"


def scope_of(url: str, cookies: str, body: bytes) -> dict[str, object]:
    url, _, query = url.partition("?")
    headers = [
        (b"host", b"testserver"),
        (b"cookie", cookies.encode()),
        (b"hx-request", b"true"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
    ]
    version = {"version": "3.0", "spec_version": "2.4"}
    return {
        "type": "http", "asgi": version, "http_version": "1.1", "method": "POST", "scheme": "http", "path": url, "raw_path": url.encode(),
        "root_path": "", "query_string": query.encode(), "headers": headers, "client": ("127.0.0.1", 1), "server": ("testserver", 80),
    }  # fmt: skip


async def until_received(provider: RunningProvider) -> None:
    async with asyncio.timeout(60):
        while not provider.recorded:
            await asyncio.sleep(0.01)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "request_of", [of_the_page, of_the_connection, of_the_wizard], ids=["test response", "connection test", "key check"]
)
async def test_a_closed_browser_cancels_the_call(provider: RunningProvider, request_of: object) -> None:
    """The provider sees its connection close, long before any limit of the call, and nothing is recorded as if the call had ended."""

    def prepare() -> tuple[str, dict[str, str], str]:
        cast = make_cast()
        allow(provider)
        url, fields = request_of(cast, provider)  # type: ignore[operator]
        return url, fields, cookies_of(cast)

    url, fields, cookies = await sync_to_async(prepare)()
    body = urlencode({**fields, "csrfmiddlewaretoken": CSRF}).encode()
    call = ApplicationCommunicator(application, scope_of(url, cookies, body))  # type: ignore[arg-type]
    await call.send_input({"type": "http.request", "body": body, "more_body": False})
    await until_received(provider)
    await call.send_input({"type": "http.disconnect"})
    await asyncio.to_thread(provider.wait_for_outcome, "cut")
    await call.wait(30)
    tests, events = await sync_to_async(lambda: (TestRun.objects.count(), AuditEvent.objects.filter(event__endswith=".tested").count()))()
    assert (tests, events) == (0, 0)
    await sync_to_async(connections.close_all)()
