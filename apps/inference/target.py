"""What a call needs to know of a model and a connection, as plain values: from stored rows, or from a form as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from apps.connections.models import AuthorizationProfile, Connection
from apps.core.http import Limits
from apps.core.secrets import Secret
from apps.external_models.definition import BEDROCK_SCHEME, Definition
from apps.inference.authorization import Authorization
from apps.inference.profiles import profile_authorization
from apps.inference.roles import role_authorization


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
    target = Target(
        definition=model.definition,
        secrets=connection.stored_secrets(),
        parameters=connection.parameters,
        limits=Limits(first_byte=model.first_byte_seconds, total=model.total_seconds),
        authorization=authorization_of(connection),
    )
    return with_profile(target, connection.authorization_profile)


def with_profile(target: Target, profile: AuthorizationProfile | None) -> Target:
    """The target, authorized by the profile if there is one: also what the profile fills in of the address."""
    if profile is None:
        return target
    authorization = profile_authorization(profile)
    return replace(target, authorization=authorization, parameters={**target.parameters, **authorization.parameters})


def authorization_of(connection: Connection) -> Authorization | None:
    """What authorizes the connection's calls besides its own secret headers: the role that it assumes, where it is Bedrock's."""
    model = connection.model
    if model.definition.is_bedrock:
        model_id = model.definition.url.removeprefix(BEDROCK_SCHEME)
        return role_authorization(connection.workspace, model_id=model_id, parameters=connection.parameters, connection=connection)
    return None
