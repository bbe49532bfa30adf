"""Saving the *Custom API integration* page: the definition, its first connection, and on Confirm the activation, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Workspace
from apps.connections.actions import add_connection, drop_secrets_of_other_hosts, replace_credentials
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.external_models.actions import Author, EditConflict, Origin, activate_model, add_model, update_model
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from apps.external_models.names import name_key, numbered, shortened


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
    """Save as draft, or confirm. Raises NameTaken, ConnectionNameTaken, KeyAlreadyUsed and EditConflict; then nothing is saved.

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
        if model.definition != integration.definition or model.name != (integration.name or model.name):
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
    connection = model.connections.order_by("created_at", "id").first()
    if connection is None:
        if not (needed or integration.secrets or any(integration.parameters.values())):
            return None
        name = integration.connection_name or free_connection_name(model)
        return add_connection(model, name=name, secrets=integration.secrets, parameters=integration.parameters, by=by)
    stored = connection.stored_secrets()
    fresh = any(stored.get(name.lower()) != secret for name, secret in integration.secrets.items())
    if fresh or dict(integration.parameters) != connection.parameters:
        return replace_credentials(connection, secrets=integration.secrets, parameters=integration.parameters, actor=by.actor)
    return connection


def free_connection_name(model: ExternalModel) -> str:
    """The model's name, or with a number when another connection of the workspace has it."""
    wanted = shortened(model.name)
    same_start = Connection.objects.filter(workspace=model.workspace, name_key__startswith=name_key(wanted))
    return numbered(wanted, set(same_start.values_list("name_key", flat=True)))
