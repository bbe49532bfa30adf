"""What a call needs to know of a model and a connection, as plain values: from stored rows, or from a form as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.connections.models import Connection
from apps.core.http import Limits
from apps.core.secrets import Secret
from apps.external_models.definition import Definition
from apps.inference.authorization import Authorization


@dataclass(frozen=True, slots=True)
class Target:
    """One model through one connection. `secrets` by lower-case header name; `parameters` fill `{name}` in the URL.

    `authorization` is what a call needs besides those: the connection's authorization profile, or the role it assumes.
    """

    definition: Definition
    secrets: Mapping[str, Secret] = field(repr=False, default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    authorization: Authorization | None = field(repr=False, default=None)


def target_of(connection: Connection) -> Target:
    """The target as it is stored. Secrets that do not open, or belong to another host, are missing from it."""
    model = connection.model
    return Target(
        definition=model.definition,
        secrets=connection.stored_secrets(),
        parameters=connection.parameters,
        limits=Limits(first_byte=model.first_byte_seconds, total=model.total_seconds),
    )
