"""The gateway as programs meet it: the whole ASGI application under uvicorn on loopback, with models that call the demo provider."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import uvicorn
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.test import override_settings

from apps.accounts.models import User
from apps.accounts.permissions import Scope
from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.audit.record import SYSTEM
from apps.connections.models import Connection
from apps.core import health
from apps.core.secrets import Secret
from apps.demo.integrations import TRIAGE
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from apps.egress.actions import allow_egress
from apps.external_models.definition import Feature, Header, Modality
from apps.external_models.models import ExternalModel
from apps.inference.role_sessions import role_sessions
from apps.onboarding.actions import EasyIntegration, add_easy_model
from apps.onboarding.easy import definition_of, easy_provider
from apps.traces.models import Trace
from apps.traces.store import flush
from config.asgi import application
from tests.support.api_keys import INVOKE, make_key
from tests.support.aws import connect_bedrock
from tests.support.cast import Cast, make_cast
from tests.support.easy import ANTHROPIC, AZURE, COHERE, GOOGLE, OPENAI, Played
from tests.support.models import author, make_connection, make_model
from tests.support.provider import DEMO_KEYS, RunningProvider

EASY = {played.key: played for played in (OPENAI, AZURE, ANTHROPIC, GOOGLE, COHERE)}
EVERYTHING = tuple(feature.value for feature in Feature)
SEEING = (Modality.TEXT_TO_TEXT.value, Modality.IMAGE_TO_TEXT.value)


@dataclass
class Gateway:
    """A running gateway: where it is, the workspace behind it, and a key of its owner's that may call."""

    url: str
    provider: RunningProvider
    cast: Cast
    key: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def traces(self) -> list[Trace]:
        """All there are, oldest first."""
        flush()
        return list(Trace.objects.select_related("body").order_by("id"))

    def last_trace(self, *, within: float = 30.0) -> Trace:
        return self.wait_for_traces(1, within=within)[-1]

    def wait_for_traces(self, count: int, *, within: float = 30.0) -> list[Trace]:
        """All there are, once there are that many."""
        deadline = time.monotonic() + within
        while len(found := self.traces()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def forget(self) -> None:
        """Begin anew: no traces, nothing recorded by the provider."""
        flush()
        Trace.objects.all().delete()
        self.provider.forget()

    def key_of(self, person: User, *scopes: Scope, workspace: Any = None) -> str:
        return make_key(workspace or self.cast.harbor, person, scopes or INVOKE)

    def easy(self, name: str, played: Played, *, path: str = "", key: str = "", model_id: str = "") -> ExternalModel:
        """An easy model by that name. `path` stands before the dialect's own: a fault of the provider."""
        provider, setup = easy_provider(played.key)
        base = f"{self.provider.url}{path}{played.path}"
        definition = definition_of(provider, setup, model_id or played.model, base, features=(), modalities=())
        parameters = {"api_version": "2024-10-21", "resource": "harbor", "deployment": played.model} if played.key == "azure" else {}
        secrets = {setup.key_header: Secret(key or played.keys.accepted)}
        integration = EasyIntegration(played.key, name, definition, f"{name} key", secrets, parameters, key_checked=True)
        return add_easy_model(integration, workspace=self.cast.harbor, by=author(self.cast.alice)).connection.model

    def structure(
        self,
        name: str,
        wire_format: str,
        *,
        path: str = "",
        features: Iterable[str] = EVERYTHING,
        seconds: tuple[int, int] | None = None,
        headers: Iterable[Header] = (),
    ) -> ExternalModel:
        """A custom endpoint that follows a provider's structure. `seconds` are its limits for the first byte and for all."""
        played = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GOOGLE}[wire_format]
        provider, setup = easy_provider(played.key)
        base = f"{self.provider.url}{path}{played.path}"
        definition = definition_of(provider, setup, played.model, base, features=tuple(features), modalities=SEEING)
        definition = replace(definition, headers=(*definition.headers, *headers))
        model = make_model(self.cast.harbor, self.cast.alice, name, like=definition)
        make_connection(model, self.cast.alice, f"{name} key", key=played.keys.accepted)
        if seconds:
            ExternalModel.objects.filter(pk=model.pk).update(first_byte_seconds=seconds[0], total_seconds=seconds[1])
            watch.announce(PLATFORM)
        return model

    def rested(self, name: str) -> None:
        """Forget how calls of this model went, as an edit of its connection does: the circuit breaker closes."""
        Connection.objects.filter(model__name=name).update(version=F("version") + 1)
        watch.announce(PLATFORM)

    def odd(self, name: str = "Triage desk") -> ExternalModel:
        """Harbor's own JSON API, by a template."""
        definition = replace(TRIAGE.definition, url=f"{self.provider.url}{TRIAGE.definition.url}")
        model = make_model(self.cast.harbor, self.cast.alice, name, like=definition)
        make_connection(model, self.cast.alice, f"{name} key", key=DEMO_KEYS["triage"].accepted)
        return model

    def bedrock(self) -> Connection:
        """“Claims on Bedrock”, by Converse."""
        return connect_bedrock(self.cast.harbor, self.cast.alice)


@contextmanager
def running_gateway(provider: RunningProvider) -> Iterator[Gateway]:
    """An empty workspace and a server for it. Only for a database that is unblocked and outside of any test's transaction."""
    aws = {
        "PATCHBAY_AWS_PRINCIPAL_ARN": AWS_PRINCIPAL_ARN,
        "PATCHBAY_AWS_ACCESS_KEY_ID": AWS_ACCESS_KEY_ID,
        "PATCHBAY_AWS_SECRET_ACCESS_KEY": AWS_SECRET_ACCESS_KEY,
        "PATCHBAY_AWS_ENDPOINT_URL": f"{provider.url}/aws/{{service}}/{{region}}",
    }
    role_sessions.forget_all()
    with override_settings(**aws):
        cast = make_cast()
        allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[provider.port], scheme="http", reason="The provider of this test")
        try:
            with serving() as url:
                yield Gateway(url, provider, cast, make_key(cast.harbor, cast.alice))
        finally:
            flush()
            watch.stop()
            watch.announce(PLATFORM)
            call_command("flush", verbosity=0, interactive=False)
            connections.close_all()
    role_sessions.forget_all()


@contextmanager
def serving(app: Any = application) -> Iterator[str]:
    """The application under uvicorn in a thread, as the image runs it but for the process; its URL."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="gateway")
        thread.start()
        try:
            deadline = time.monotonic() + 60
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise RuntimeError("the gateway did not start")
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)
            health.stopping.clear()  # the server has ended, and not the process
