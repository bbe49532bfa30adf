"""Amazon Bedrock in the demo: the deployment's AWS identity is the stand-in's, and one model is connected through a registered role."""

from uuid import uuid4

from asgiref.sync import async_to_sync
from django.conf import settings

from apps.accounts.models import User, Workspace
from apps.audit.record import SYSTEM, Actor
from apps.connections.actions import add_connection, register_role, request_registration
from apps.connections.bedrock import BedrockRole, external_id_of
from apps.connections.models import Connection
from apps.demo.provider.aws.sts import CUSTOMER_ACCOUNT
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from apps.egress import rules
from apps.external_models.actions import Author, NameTaken, Origin, activate_model, add_model
from apps.external_models.definition import Definition
from apps.external_models.models import IntegrationType, Provider
from apps.inference import pipeline
from apps.inference.actions import record_connection_test
from apps.inference.role_checks import plan_trial, try_role
from apps.inference.target import target_of

WORKSPACE = "claims"
REGION = "eu-central-1"
MODEL_ID = "amazon.nova-pro-v1:0"
NAME = "Nova Pro (EU)"
PROMPT = "Summarise the claim in two sentences."


def use_stand_in(provider_url: str) -> None:
    """STS and Bedrock are those of the demo provider, unless the environment names an AWS identity of its own."""
    if settings.PATCHBAY_AWS_PRINCIPAL_ARN:
        return
    settings.PATCHBAY_AWS_PRINCIPAL_ARN = AWS_PRINCIPAL_ARN
    settings.PATCHBAY_AWS_ACCESS_KEY_ID = AWS_ACCESS_KEY_ID
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = AWS_SECRET_ACCESS_KEY
    settings.PATCHBAY_AWS_ENDPOINT_URL = f"{provider_url}/aws/{{service}}/{{region}}"
    settings.PATCHBAY_AWS_DEFAULT_REGION = REGION


def seed_bedrock(workspace: Workspace, owner: User, staff: User) -> None:
    """A registered role and a model that works, at the first start only. Calls the provider: not for inside a transaction."""
    if workspace.slug != WORKSPACE or BedrockRole.objects.filter(workspace=workspace).exists():
        return
    by, decider = (Author(person, Actor("user", str(person.pk), person.name)) for person in (owner, staff))
    role_arn = f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/trusts/{external_id_of(workspace)}/HarborBedrock"
    check = async_to_sync(try_role)(plan_trial(workspace, role_arn=role_arn, sts_region=REGION), rules=rules.current())
    role = request_registration(workspace, role_arn=role_arn, sts_region=REGION, check=check, automatic=False, by=by)
    register_role(role, check=check, override=False, reason="", by=decider)
    definition = Definition(url=f"bedrock://{MODEL_ID}", wire_format="converse", model=MODEL_ID)
    try:
        connection = connect(workspace, definition, role_arn, by)
    except NameTaken:
        return  # somebody has one of that name already
    result = async_to_sync(pipeline.run)(target_of(connection), {"prompt": PROMPT}, rules=rules.current())
    record_connection_test(connection, result=result, workspace_id=workspace.pk, actor=SYSTEM)


def connect(workspace: Workspace, definition: Definition, role_arn: str, by: Author) -> Connection:
    origin = Origin(IntegrationType.EASY, Provider.BEDROCK, MODEL_ID)
    model = add_model(workspace, name=NAME, definition=definition, by=by, creation_key=uuid4(), as_draft=False, origin=origin)
    parameters = {"role_arn": role_arn, "region": REGION, "sts_region": REGION}
    connection = add_connection(model, name=NAME, secrets={}, parameters=parameters, by=by)
    activate_model(model, tested_digest="", by=by)
    return Connection.objects.select_related("model", "workspace").get(pk=connection.pk)
