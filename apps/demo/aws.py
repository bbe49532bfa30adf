"""Amazon Bedrock in the demo: the deployment's AWS identity is the stand-in's, one model is connected, one role waits."""

from uuid import uuid4

from asgiref.sync import async_to_sync
from django.conf import settings

from apps.accounts.models import User, Workspace
from apps.audit.record import SYSTEM, Actor
from apps.connections.actions import register_role, request_registration
from apps.connections.bedrock import BedrockRole, RoleCheck, external_id_of
from apps.connections.models import Connection
from apps.demo.provider.aws.sts import CUSTOMER_ACCOUNT
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from apps.egress import rules
from apps.external_models.actions import Author, NameTaken
from apps.external_models.models import ExternalModel
from apps.inference import pipeline
from apps.inference.actions import Tested, record_connection_test, record_test
from apps.inference.models import TestRun
from apps.inference.role_checks import plan_trial, try_role
from apps.inference.target import Target, target_of
from apps.inference.trail import trail_of_test
from apps.onboarding.actions import Integration, save_integration
from apps.onboarding.bedrock_page import BedrockPage
from apps.onboarding.forms import Mode

WORKSPACE = "claims"
REGION = "eu-central-1"
MODEL_ID = "amazon.nova-pro-v1:0"
NAME = "Nova Pro (EU)"
ROLE, WAITING_ROLE = "HarborBedrock", "HarborArchive"
SAMPLE = {"prompt": "Summarise the claim in two sentences."}


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
    """A registered role with a model that works, and a role that waits for platform staff; at the first start only.

    Calls the provider: not for inside a transaction.
    """
    if workspace.slug != WORKSPACE or BedrockRole.objects.filter(workspace=workspace).exists():
        return
    by, decider = (Author(person, Actor("user", str(person.pk), person.name)) for person in (owner, staff))
    role, check = ask_for(workspace, ROLE, by)
    register_role(role, check=check, override=False, reason="", by=decider)
    ask_for(workspace, WAITING_ROLE, by)
    try:
        model = connect(workspace, role.role_arn, by)
    except NameTaken:
        return  # somebody has one of that name already
    connection = Connection.objects.select_related("model", "workspace").get(model=model)
    trail = trail_of_test(workspace, owner, model=connection.model, connection=connection, values=SAMPLE)
    result = async_to_sync(pipeline.run)(target_of(connection), SAMPLE, rules=rules.current(), trail=trail)
    record_connection_test(connection, result=result, workspace_id=workspace.pk, actor=SYSTEM)


def ask_for(workspace: Workspace, name: str, by: Author) -> tuple[BedrockRole, RoleCheck]:
    """*Request registration* of a role whose trust policy demands the workspace's external ID."""
    role_arn = f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/trusts/{external_id_of(workspace)}/{name}"
    check = async_to_sync(try_role)(plan_trial(workspace, role_arn=role_arn, sts_region=REGION), rules=rules.current())
    return request_registration(workspace, role_arn=role_arn, sts_region=REGION, check=check, automatic=False, by=by), check


def connect(workspace: Workspace, role_arn: str, by: Author) -> ExternalModel:
    """Fill in the page, test it, confirm it. Raises NameTaken."""
    assert by.user  # noqa: S101 - the demo's models are added by their workspace's owner
    data = {"name": NAME, "model_id": MODEL_ID, "role_arn": role_arn, "region": REGION}
    page = BedrockPage(data, Mode.TEST, workspace, by.user)
    target = Target(page.definition, {}, page.parameters, authorization=page.authorization())
    trail = trail_of_test(workspace, by.user, name=NAME, values=SAMPLE)
    result = async_to_sync(pipeline.run)(target, SAMPLE, rules=rules.current(), trail=trail)
    tested = Tested(page.digest, SAMPLE, {}, page.origin)
    run = record_test(workspace, model=None, name=NAME, tested=tested, result=result, user=by.user, actor=by.actor)
    page = BedrockPage(data, Mode.CONFIRM, workspace, by.user, run=run)
    integration = Integration(
        name=page.name,
        definition=page.definition.without_unused(),
        secrets={},
        parameters=page.parameters,
        connection_name="",
        tested_digest=page.tested_digest,
        origin=page.model_origin,
    )
    saved = save_integration(integration, workspace=workspace, model=None, by=by, expected_version=0, creation_key=uuid4(), confirm=True)
    TestRun.objects.filter(pk=run.pk).update(model=saved.model)
    return saved.model
