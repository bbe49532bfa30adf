"""Models and connections as people make them: through the actions, with their audit events. System models have no action yet."""

from collections.abc import Iterable, Mapping
from uuid import uuid4

from apps.accounts.models import User, Workspace
from apps.audit.record import Actor
from apps.connections.actions import add_connection, switch_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.external_models.actions import Author, activate_model, add_model, switch_inferencing
from apps.external_models.definition import Definition, Header, Paths
from apps.external_models.models import ExternalModel, Status
from apps.external_models.names import name_key
from apps.onboarding.actions import EasyIntegration, add_easy_model
from apps.onboarding.easy import definition_of, easy_provider

URL = "https://api.example.com/v1/answer"
BODY = '{"ask": "{{prompt}}"}'
KEY = "sk-live-4711-MQAA"  # 17 characters: long enough for a hint


def actor(person: User) -> Actor:
    return Actor("user", str(person.pk), person.name)


def author(person: User) -> Author:
    return Author(person, actor(person))


def definition(
    url: str = URL, secret: Iterable[str] = ("X-Api-Key",), plain: Iterable[tuple[str, str]] = (), body: str = BODY
) -> Definition:
    headers = (*(Header(name, value) for name, value in plain), *(Header(name, secret=True) for name in secret))
    return Definition(url=url, headers=headers, body=body, paths=Paths(output="answer"))


def make_model(
    workspace: Workspace, by: User, name: str = "Claims triage", *, state: str = "active", like: Definition | None = None
) -> ExternalModel:
    """`state` is what the Status column is to say: draft, active or inactive."""
    model = add_model(workspace, name=name, definition=like or definition(), by=author(by), creation_key=uuid4())
    if state != "draft":
        model = activate_model(model, tested_digest="a test that passed", by=author(by))
    if state == "inactive":
        model = switch_inferencing(model, on=False, actor=actor(by))
    return model


def make_easy_model(
    workspace: Workspace, by: User, model_id: str = "gpt-4o-mini", *, name: str = "first key", key: str = KEY
) -> ExternalModel:
    """An OpenAI model by easy integration, with a connection that holds the key; another name and key add a second one to it."""
    provider, setup = easy_provider("openai")
    definition = definition_of(provider, setup, model_id, setup.base_url, features=("streaming",), modalities=("text_to_text",))
    secrets = {setup.key_header: Secret(key)}
    easy = EasyIntegration("openai", model_id, definition, name, secrets, {}, key_checked=True)
    return add_easy_model(easy, workspace=workspace, by=author(by)).connection.model


def make_connection(
    model: ExternalModel,
    by: User,
    name: str = "Production",
    *,
    key: str = KEY,
    secrets: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    state: str = "on",
) -> Connection:
    """`key` for the model's only secret header, or `secrets` by header name. `state`: on, off, failing or needs_key."""
    given = dict.fromkeys(model.definition.secret_headers, key) if secrets is None else secrets
    sealed = {header: Secret(value) for header, value in given.items()}
    connection = add_connection(model, name=name, secrets=sealed, parameters=parameters or {}, by=author(by))
    if state == "off":
        connection = switch_connection(connection, on=False, actor=actor(by))
    if state == "failing":
        Connection.objects.filter(pk=connection.pk).update(last_error="upstream_auth")
    if state == "needs_key":
        connection.secrets.update(value="pb1.lost.AAAA.AAAA")
    connection.refresh_from_db()
    return connection


def make_system_model(name: str, *, visible: bool = True, on: bool = True) -> ExternalModel:
    model = ExternalModel(workspace=None, status=Status.ACTIVE, inferencing_enabled=on, is_visible=visible)
    model.definition = definition("https://platform.example.com/v1")
    model.rename(name)
    model.save()
    return model


def make_many(workspace: Workspace, count: int, prefix: str = "Model") -> list[ExternalModel]:
    """Rows for long lists, straight into the database: `Model 000`, `Model 001` ..., all active."""
    names = [f"{prefix} {number:03}" for number in range(count)]
    like = definition()
    rows = [
        ExternalModel(
            workspace=workspace,
            name=name,
            name_key=name_key(name),
            status=Status.ACTIVE,
            inferencing_enabled=True,
            definition_json=like.to_json(),
            endpoint_host="api.example.com",
        )
        for name in names
    ]
    return ExternalModel.objects.bulk_create(rows)
