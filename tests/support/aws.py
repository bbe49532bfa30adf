"""A deployment with an AWS identity, whose STS and Bedrock are the demo provider's stand-in; roles of a customer; Bedrock models.

The `aws` fixture comes with the egress rule; each test has its own cache of sessions.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from apps.accounts.models import User, Workspace
from apps.audit.record import SYSTEM
from apps.connections.actions import add_connection
from apps.connections.bedrock import BedrockRole, RoleState, external_id_of
from apps.connections.models import Connection
from apps.core.egress import EgressRule
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from apps.egress.actions import allow_egress
from apps.external_models.actions import Origin, activate_model, add_model
from apps.external_models.definition import Definition, Paths
from apps.external_models.models import IntegrationType, Provider
from apps.inference.role_sessions import role_sessions
from tests.support.models import author
from tests.support.provider import RunningProvider

ACCOUNT = "arn:aws:iam::210987654321:role"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
MISTRAL_BODY = '{"prompt": "{{prompt}}", "max_tokens": 200, "temperature": 0.7}'  # the sources' own example


class Aws:
    """What the stand-in was asked."""

    def __init__(self, provider: RunningProvider) -> None:
        self.provider = provider

    @property
    def url(self) -> str:
        return self.provider.url

    @property
    def rules(self) -> list[EgressRule]:
        return [EgressRule(id="test", host="127.0.0.1", ports=(self.provider.port,), scheme="http")]

    def assumed(self) -> list[dict[str, str]]:
        """The fields of every AssumeRole, oldest first."""
        asked = [record.request for record in self.provider.recorded if "/aws/sts/" in record.request.path]
        return [{name: values[0] for name, values in parse_qs(request.body.decode()).items()} for request in asked]

    def invoked(self) -> list[str]:
        """The paths of every call to a model, decoded, after the service's name."""
        paths = [record.request.path for record in self.provider.recorded]
        return [unquote(path.partition("/aws/bedrock-runtime/")[2]) for path in paths if "/aws/bedrock-runtime/" in path]


@pytest.fixture
def aws(provider: RunningProvider, settings: Any) -> Iterator[Aws]:
    settings.PATCHBAY_AWS_PRINCIPAL_ARN = AWS_PRINCIPAL_ARN
    settings.PATCHBAY_AWS_ACCESS_KEY_ID = AWS_ACCESS_KEY_ID
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = AWS_SECRET_ACCESS_KEY
    settings.PATCHBAY_AWS_ENDPOINT_URL = f"{provider.url}/aws/{{service}}/{{region}}"
    role_sessions.forget_all()
    yield Aws(provider)
    role_sessions.forget_all()


def good_role(workspace: Workspace, name: str = "HarborBedrock") -> str:
    """The ARN of a role whose trust policy demands the workspace's external ID."""
    return f"{ACCOUNT}/trusts/{external_id_of(workspace)}/{name}"


def register(workspace: Workspace, role_arn: str, *, state: str = RoleState.REGISTERED, reason: str = "") -> BedrockRole:
    return BedrockRole.objects.create(workspace=workspace, role_arn=role_arn, sts_region="eu-west-1", state=state, reason=reason)


def bedrock_definition(model_id: str = HAIKU, **changes: Any) -> Definition:
    """Converse; with `body` InvokeModel with that template."""
    if "body" in changes:
        return Definition(url=f"bedrock://{model_id}", **{"paths": Paths("outputs[0].text"), **changes})
    return Definition(url=f"bedrock://{model_id}", wire_format="converse", model=model_id, **changes)


def connect_bedrock(
    workspace: Workspace, person: User, definition: Definition | None = None, *, role_arn: str = "", registered: bool = True, **more: str
) -> Connection:
    """An active Bedrock model with one connection, called Production. Its role is a good one unless given."""
    given = definition or bedrock_definition()
    by = author(person)
    arn = role_arn or good_role(workspace)
    origin = Origin(IntegrationType.EASY, Provider.BEDROCK, given.url.removeprefix("bedrock://"))
    row = Connection()
    model = add_model(workspace, name="Claims on Bedrock", definition=given, by=by, creation_key=row.pk, as_draft=False, origin=origin)
    parameters = {"role_arn": arn, "region": "eu-west-1", "sts_region": "eu-west-1", **more}
    connection = add_connection(model, name="Production", secrets={}, parameters=parameters, by=by)
    activate_model(model, tested_digest="a test that passed", by=by)
    if registered:
        register(workspace, arn)
    return Connection.objects.select_related("model", "workspace").get(pk=connection.pk)


def allow(aws: Aws) -> None:
    allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[aws.provider.port], scheme="http", reason="The stand-in for AWS of this test")
