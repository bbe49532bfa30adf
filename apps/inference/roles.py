"""A Bedrock connection's authorization: its role is assumed, and every call is signed with the session's credentials (spec 07 G)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.accounts.models import Workspace
from apps.connections.bedrock import external_id_of, find_role
from apps.connections.bedrock_parameters import complete
from apps.connections.models import Connection, RoleState
from apps.core.egress import EgressRule
from apps.core.http import Exchange
from apps.core.secrets import Secret
from apps.core.sigv4 import SigningKeys, SigV4Signer
from apps.inference.assume_role import RoleQuestion, assume_role
from apps.inference.authorization import Authorized
from apps.inference.aws_platform import aws_platform
from apps.inference.role_sessions import Session, SessionKey, role_sessions
from apps.providers.aws import REGIONS, Service, find_region, parse_role_arn, reduce_model_id, session_name, session_policy
from apps.providers.aws.errors import error_type
from apps.providers.aws.meanings import EXPIRED
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import Request, Response


@dataclass
class RoleAuthorization:
    """Of one target. `problem` is why the role may not be assumed, or cannot be: then nothing is sent."""

    key: SessionKey
    problem: ProviderError | None = None
    _used: Session | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """Follows role, external ID and both regions; not the connection, which a test of an unsaved form has not."""
        parts = (self.key.role_arn, self.key.external_id, self.key.sts_region, self.key.region)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    async def authorize(self, request: Request[Secret], *, rules: Sequence[EgressRule]) -> Authorized:
        """The request with its signer, the role assumed for it. Raises ProviderError."""
        if self.problem is not None:
            raise self.problem
        self._used = session = await role_sessions.get(self.key, lambda: self._assume(rules))
        keys = SigningKeys(session.access_key, session.secret_key, session.session_token)
        return Authorized(request, SigV4Signer(keys, self.key.region, Service.BEDROCK_RUNTIME.signing_name))

    def was_refused(self, exchange: Exchange) -> bool:
        """Only for a session that ran out: whatever else AWS refuses, it would refuse to a new session as well."""
        if not 400 <= exchange.status <= 499:
            return False
        return error_type(Response(exchange.status, exchange.headers, exchange.body)) in EXPIRED

    async def renew(self) -> None:
        if self._used is not None:
            role_sessions.forget(self.key, self._used)

    async def _assume(self, rules: Sequence[EgressRule]) -> Session:
        region = REGIONS[self.key.sts_region]
        question = RoleQuestion(self.key.role_arn, region, self.key.session_name, self.key.policy, self.key.external_id)
        return await assume_role(aws_platform(), question, rules=rules)


def role_authorization(
    workspace: Workspace | None, *, model_id: str, parameters: Mapping[str, str], connection: Connection | None = None
) -> RoleAuthorization:
    """What a Target of a Bedrock model carries, saved or not. Reads the registration: call it from synchronous code."""
    given = complete(parameters)
    external_id = external_id_of(workspace) if workspace else ""
    policy, problem = "", None
    try:
        role, region = parse_role_arn(given["role_arn"]), find_region(given["region"])
        policy = session_policy(reduce_model_id(model_id), region=region.name, role=role)
        find_region(given["sts_region"])
    except ValueError as error:
        problem = ProviderError(ErrorKind.NEEDS_CREDENTIALS, str(error), "Correct it under Credentials and Model details.")
    key = SessionKey(
        workspace=str(workspace.pk) if workspace else "",
        connection=str(connection.pk) if connection else "",
        version=connection.version if connection else 0,
        role_arn=given["role_arn"],
        external_id=external_id,
        sts_region=given["sts_region"],
        region=given["region"],
        policy=policy,
        session_name=session_name(workspace.slug if workspace else "platform", connection.name if connection else "test"),
    )
    return RoleAuthorization(key, problem or not_registered(workspace, given["role_arn"]))


def not_registered(workspace: Workspace | None, role_arn: str) -> ProviderError | None:
    """Why the role may not be assumed for the workspace; None when it is registered."""
    role = find_role(workspace, role_arn) if workspace else None
    if role is not None and role.is_registered:
        return None
    if role is None:
        message, hint = "This role is not registered with the platform.", "Request its registration on the model's page, under Credentials."
    elif role.state == RoleState.REQUESTED:
        message, hint = "This role is not registered yet: its registration is requested.", "Platform staff decide; try again after that."
        if role.asked_again:
            message = f"This role is not registered: its registration was refused ({role.reason}), and is requested again."
    else:
        message = f"The registration of this role was refused: {role.reason or 'no reason given'}"
        hint = "Correct what the reason says, then request the registration again."
    return ProviderError(ErrorKind.ROLE_NOT_REGISTERED, message, hint)
