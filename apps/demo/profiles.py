"""The demo's authorization profile and the model that uses it, added as a person adds them: a client of the demo's authorization server."""

from dataclasses import replace
from uuid import uuid4

from asgiref.sync import async_to_sync

from apps.accounts.models import Workspace
from apps.connections.models import AuthorizationProfile, Connection
from apps.connections.profile_actions import ProfileValues, create_profile
from apps.connections.profile_types import ProfileType, url_origin
from apps.core.secrets import Secret
from apps.demo.provider.authorization import CLIENTS
from apps.egress import rules
from apps.external_models.actions import Author
from apps.external_models.definition import Definition, Header, Paths
from apps.inference import pipeline
from apps.inference.actions import Tested, record_connection_test, record_test
from apps.inference.models import TestRun
from apps.inference.target import Target, target_of, with_profile
from apps.inference.trail import trail_of_test
from apps.onboarding.actions import Integration, save_integration
from apps.onboarding.builder import Builder, data_of
from apps.onboarding.forms import Mode

WORKSPACE = "claims"
CLIENT = "harbor-patchbay"
NAME = "Claims assessor"
SAMPLE = {"prompt": "Hail dented the roof of the insured's estate car. Which cover applies?"}
ASSESSOR = Definition(
    url="/oauth/v1/assess",
    headers=(Header("Content-Type", "application/json"),),
    body='{\n  "ask": "{{prompt}}"\n}',
    paths=Paths("$.answer", "$.usage.in", "$.usage.out"),
)


def seed_profile(workspace: Workspace, by: Author, provider_url: str) -> None:
    """Add the profile, and the model tested with it. Calls the provider: not for inside a transaction."""
    if workspace.slug != WORKSPACE or AuthorizationProfile.objects.filter(workspace=workspace).exists():
        return
    profile = add_profile(workspace, by, provider_url)
    definition = replace(ASSESSOR, url=provider_url + ASSESSOR.url)
    data = data_of(definition, name=NAME, parameters={}) | {"authorization_profile": str(profile.pk)}
    save(workspace, profile, data, try_page(workspace, profile, data, by), by)


def add_profile(workspace: Workspace, by: Author, provider_url: str) -> AuthorizationProfile:
    settings = {
        "token_url": f"{provider_url}/oauth/token",
        "client_id": CLIENT,
        "client_authentication": "header",
        "scope": "models.invoke",
        "audience": "",
        "refused_statuses": [401],
        "token_fields": [],
        "authorization_fields": [],
    }
    values = ProfileValues(settings, (url_origin(provider_url),), {"client_secret": Secret(CLIENTS[CLIENT])})
    return create_profile(workspace, name="Claims gateway", type_name=ProfileType.CLIENT_CREDENTIALS, values=values, by=by)


def try_page(workspace: Workspace, profile: AuthorizationProfile, data: dict[str, str], by: Author) -> TestRun:
    """*Test response*, which obtains the first token."""
    assert by.user  # noqa: S101 - the demo's models are added by their workspace's owner
    builder = Builder(data, Mode.TEST, workspace, by.user, rules=rules.current())
    target = with_profile(Target(builder.definition, builder.secrets, builder.parameters), profile)
    trail = trail_of_test(workspace, by.user, name=NAME, values=dict(SAMPLE))
    result = async_to_sync(pipeline.run)(target, dict(SAMPLE), rules=builder.rules, trail=trail)
    tested = Tested(builder.digest, SAMPLE, {}, builder.origin)
    return record_test(workspace, model=None, name=NAME, tested=tested, result=result, user=by.user, actor=by.actor)


def save(workspace: Workspace, profile: AuthorizationProfile, data: dict[str, str], run: TestRun, by: Author) -> None:
    """*Confirm*, and *Test* of the connection's menu."""
    assert by.user  # noqa: S101 - as above
    builder = Builder(data, Mode.KEEP, workspace, by.user, run=run)
    integration = Integration(
        name=NAME,
        definition=builder.definition,
        secrets={},
        parameters={},
        connection_name="",
        tested_digest=builder.tested_digest,
        authorization_profile=profile,
    )
    saved = save_integration(integration, workspace=workspace, model=None, by=by, expected_version=0, creation_key=uuid4(), confirm=True)
    TestRun.objects.filter(pk=run.pk).update(model=saved.model)
    connection = Connection.objects.select_related("model").get(model=saved.model)
    trail = trail_of_test(workspace, by.user, model=connection.model, connection=connection, values=dict(SAMPLE))
    result = async_to_sync(pipeline.run)(target_of(connection), dict(SAMPLE), rules=rules.current(), trail=trail)
    record_connection_test(connection, result=result, workspace_id=workspace.pk, actor=by.actor)
