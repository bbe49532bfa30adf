"""A chat model of Adam's on the demo provider, and a playground page to fill in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.connections.actions import add_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.external_models.actions import activate_model, add_model
from apps.external_models.definition import Definition, Header
from apps.external_models.models import ExternalModel
from apps.playground.models import Lane, PlaygroundRun
from tests.conftest import ClientFor
from tests.inference.conftest import allow
from tests.support.cast import Cast
from tests.support.models import author
from tests.support.provider import DEMO_KEYS, RunningProvider, provider, provider_server

__all__ = ["provider", "provider_server"]

KEY = DEMO_KEYS["openai"].accepted


def chat_definition(base: str, model: str = "gpt-4o-mini", modalities: tuple[str, ...] = ()) -> Definition:
    return Definition(
        url=f"{base}/openai/v1/chat/completions",
        headers=(Header("Authorization", secret=True, prefix="Bearer "),),
        wire_format="openai",
        model=model,
        features=("streaming",),
        modalities=modalities,
    )


def chat_model(workspace: Workspace, person: User, base: str, name: str = "GPT-4o mini", **more: Any) -> ExternalModel:
    """With one connection, `NAME prod`."""
    model = add_model(workspace, name=name, definition=chat_definition(base, **more), by=author(person), creation_key=uuid4())
    add_connection(model, name=f"{name} prod", secrets={"Authorization": Secret(KEY)}, parameters={}, by=author(person))
    return activate_model(model, tested_digest="a test that passed", by=author(person))


def connection_of(model: ExternalModel) -> Connection:
    return Connection.objects.get(model=model)


@dataclass
class Page:
    """The playground of one person."""

    client: Client
    fields: dict[str, Any] = field(default_factory=dict)

    def url(self, name: str, *arguments: object) -> str:
        return reverse(f"playground:{name}", args=["harbor", *arguments])

    def post(self, name: str = "run", *, htmx: bool = False, query: str = "", **changes: Any) -> Any:
        data = {"token": str(uuid4()), "turn-0-role": "user", "stream": "on"} | self.fields | changes
        headers: Mapping[str, str] = {"HX-Request": "true"} if htmx else {}
        return self.client.post(self.url(name) + query, {key: value for key, value in data.items() if value is not None}, headers=headers)

    def newest(self) -> PlaygroundRun:
        return PlaygroundRun.objects.order_by("-created_at")[0]

    def lanes(self) -> list[Lane]:
        return list(self.newest().lanes.all())


@pytest.fixture
def model(cast: Cast, provider: RunningProvider) -> ExternalModel:
    allow(provider)
    return chat_model(cast.harbor, cast.adam, provider.url)


@pytest.fixture
def page(cast: Cast, client_for: ClientFor, model: ExternalModel) -> Page:
    """Bob's, with a prompt and a model."""
    return Page(client_for(cast.bob), {"turn-0-text": "Which cover applies?", "lane-1": str(model.pk)})
