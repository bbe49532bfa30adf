"""Saving what the wizards and pages of *Add a model* made: the definition, a connection, the activation, each in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit.record import hold_chain
from apps.connections.actions import (
    add_connection,
    drop_secrets_of_other_hosts,
    key_fingerprint,
    replace_credentials,
    switch_connection,
)
from apps.connections.models import AuthorizationProfile, Connection
from apps.core.secrets import Secret
from apps.external_models.actions import Author, EditConflict, Origin, activate_model, add_model, free_name, update_model
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel, IntegrationType, easy_key
from apps.external_models.names import name_key, numbered, shortened

# The two checks of a double click begin together, and neither takes longer than half of this.
SAME_CLICK: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Integration:
    """What the page says, checked. `secrets` are only those to store, by header name; `connection_name` "" means: like the model."""

    name: str
    definition: Definition
    secrets: Mapping[str, Secret]
    parameters: Mapping[str, str]
    connection_name: str
    tested_digest: str
    origin: Origin = field(default_factory=Origin)
    authorization_profile: AuthorizationProfile | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """The model, and the other connections whose secrets the change of host has cleared."""

    model: ExternalModel
    cleared: tuple[Connection, ...] = ()


@transaction.atomic
def save_integration(
    integration: Integration,
    *,
    workspace: Workspace,
    model: ExternalModel | None,
    by: Author,
    expected_version: int,
    creation_key: UUID,
    confirm: bool,
) -> Saved:
    """Save as draft, or confirm. Raises NameTaken, ConnectionNameTaken, KeyAlreadyUsed, ProfileUnknown and EditConflict; then nothing
    is saved.

    A new page sent twice (a double click) gives the model that is there. Sent again with other content (the browser's Back, then an
    edit) it is an EditConflict: what stands there must not be confirmed in the place of what was typed.
    """
    if model is None:
        model = add_model(
            workspace,
            name=integration.name,
            definition=integration.definition,
            by=by,
            creation_key=creation_key,
            as_draft=not confirm,
            origin=integration.origin,
        )
        # What a draft keeps besides, nobody uses.
        same = model.definition.without_unused() == integration.definition.without_unused()
        if not same or model.name != (integration.name or model.name):
            raise EditConflict(model)
    else:
        model = update_model(
            model,
            name=integration.name,
            definition=integration.definition,
            by=by,
            expected_version=expected_version,
            tested_digest=integration.tested_digest,
        )
    connection = save_first_connection(model, integration, by=by, needed=confirm)
    cleared = drop_secrets_of_other_hosts(model, actor=by.actor)
    if confirm:
        model = activate_model(model, tested_digest=integration.tested_digest, by=by)
    return Saved(model, tuple(loser for loser in cleared if loser.pk != (connection and connection.pk)))


def save_first_connection(model: ExternalModel, integration: Integration, *, by: Author, needed: bool) -> Connection | None:
    """The model's oldest connection holds what was typed into Headers; it is made on Confirm, or when there is something to hold."""
    profile = integration.authorization_profile
    connection = model.connections.order_by("created_at", "id").first()
    if connection is None:
        if not (needed or integration.secrets or profile or any(integration.parameters.values())):
            return None
        name = integration.connection_name or free_connection_name(model)
        return add_connection(
            model, name=name, secrets=integration.secrets, parameters=integration.parameters, by=by, authorization_profile=profile
        )
    stored = connection.stored_secrets()
    fresh = any(stored.get(name.lower()) != secret for name, secret in integration.secrets.items())
    other_profile = (profile and profile.pk) != connection.authorization_profile_id
    if fresh or other_profile or dict(integration.parameters) != connection.parameters:
        return replace_credentials(
            connection,
            secrets=integration.secrets,
            parameters=integration.parameters,
            actor=by.actor,
            authorization_profile=profile,
        )
    return connection


def free_connection_name(model: ExternalModel) -> str:
    """The model's name, or with a number when another connection of the workspace has it."""
    wanted = shortened(model.name)
    same_start = Connection.objects.filter(workspace=model.workspace, name_key__startswith=name_key(wanted))
    return numbered(wanted, set(same_start.values_list("name_key", flat=True)))


# Easy integration


@dataclass(frozen=True, slots=True)
class EasyIntegration:
    """What the wizard says, checked. `name` is what a new model is to be called; one that is there keeps its own."""

    provider: str
    name: str
    definition: Definition
    connection_name: str
    secrets: Mapping[str, Secret]
    parameters: Mapping[str, str]
    key_checked: bool  # the provider accepted the key; else the connection starts switched off


@dataclass(frozen=True, slots=True)
class Added:
    """The connection with its model, and whether that one is new."""

    connection: Connection
    is_new: bool


class AlreadyHere(Exception):
    """The workspace has this provider's model at this base URL already."""

    def __init__(self, model: ExternalModel) -> None:
        super().__init__(f"“{model.name}” is the same model at this base URL already. Enter another base URL.")


@transaction.atomic
def add_easy_model(easy: EasyIntegration, *, workspace: Workspace, by: Author) -> Added:
    """Add the model with its first connection, or a connection to the model that is there (spec 02: not twice).

    Raises ConnectionNameTaken and KeyAlreadyUsed; then nothing is saved. The second click of a double click gives what the first made.
    """
    hold_chain(workspace.pk)  # from here on nobody else adds this model
    model = find_easy(workspace, easy.provider, easy.definition)
    is_new = model is None
    if model is None:
        origin = Origin(IntegrationType.EASY, easy.provider, easy.definition.model)
        model = add_model(
            workspace,
            name=free_name(workspace, easy.name),
            definition=easy.definition,
            by=by,
            creation_key=uuid4(),
            as_draft=False,
            origin=origin,
        )
    if existing := made_before(model, easy, by):
        return Added(existing, is_new=False)
    connection = add_connection(model, name=easy.connection_name, secrets=easy.secrets, parameters=easy.parameters, by=by)
    if not easy.key_checked:
        connection = switch_connection(connection, on=False, actor=by.actor)
    connection.model = activate_model(model, tested_digest="", by=by, key_checked=easy.key_checked)
    return Added(connection, is_new)


def find_easy(workspace: Workspace, provider: str, definition: Definition) -> ExternalModel | None:
    """The model that adding this one would repeat: same provider, model ID and endpoint."""
    return ExternalModel.objects.filter(workspace=workspace, easy_key=easy_key(provider, definition)).first()


def made_before(model: ExternalModel, easy: EasyIntegration, by: Author) -> Connection | None:
    """What the first click made: the same person's connection, a moment ago, of this name with this very key and these parameters.

    An older one was made by another form: adding it again is an error like any name or key that is there twice.
    """
    fingerprint = key_fingerprint(model, easy.secrets)
    recent = model.connections.filter(created_by=by.user, created_at__gte=timezone.now() - SAME_CLICK)
    same = recent.filter(name_key=name_key(easy.connection_name), key_fingerprint=fingerprint)
    connection = next((each for each in same if each.parameters == dict(easy.parameters)), None) if fingerprint else None
    if connection:
        connection.model = model
    return connection


@transaction.atomic
def update_easy_model(model: ExternalModel, *, name: str, definition: Definition, by: Author, expected_version: int) -> Saved:
    """Change name, endpoint and features. Raises EditConflict, NameTaken, and AlreadyHere for the endpoint of another model.

    Gives the connections that lost their key, because the host changed (spec 07 A8).
    """
    assert model.workspace  # noqa: S101 - a system model is not edited in a workspace
    hold_chain(model.workspace.pk)
    other = find_easy(model.workspace, model.provider, definition)
    if other and other.pk != model.pk:
        raise AlreadyHere(other)
    model = update_model(model, name=name, definition=definition, by=by, expected_version=expected_version)
    return Saved(model, tuple(drop_secrets_of_other_hosts(model, actor=by.actor)))
