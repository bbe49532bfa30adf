"""The demo's models, added as a person adds them: the page is filled in, tested against the demo provider, and saved by its actions."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from asgiref.sync import async_to_sync

from apps.accounts.models import User, Workspace
from apps.audit.record import SYSTEM, Actor
from apps.catalog.actions import update_catalog
from apps.catalog.apart import read_package_apart
from apps.catalog.genai import NotInstalled
from apps.catalog.models import CatalogModel
from apps.connections.actions import add_connection
from apps.connections.models import Connection
from apps.core.secrets import Secret
from apps.demo.easy import seed_easy
from apps.demo.integrations import DEMO_MODELS, DemoModel, State
from apps.demo.profiles import seed_profile
from apps.demo.prompts import seed_prompt
from apps.egress import rules
from apps.external_models.actions import Author, switch_inferencing
from apps.external_models.models import ExternalModel
from apps.inference import pipeline
from apps.inference.actions import Tested, record_connection_test, record_test
from apps.inference.models import TestRun
from apps.inference.target import Target, target_of
from apps.inference.trail import trail_of_test
from apps.onboarding.actions import Integration, save_integration
from apps.onboarding.builder import Builder, data_of
from apps.onboarding.forms import Mode


def fill_catalog() -> None:
    """Known models and prices from the installed price package, at the first start. Without the package the catalogue says what to do."""
    if CatalogModel.objects.exists():
        return
    with suppress(NotInstalled):
        update_catalog(snapshot=read_package_apart(), actor=SYSTEM)


def seed(workspace: Workspace, owner: User, provider_url: str) -> None:
    """Add the workspace's demo models; nothing when it has any model. Calls the provider: not for inside a transaction."""
    if ExternalModel.objects.filter(workspace=workspace).exists():
        return
    by = Author(owner, Actor("user", str(owner.pk), owner.name))
    for demo in DEMO_MODELS.get(workspace.slug, ()):
        add_demo_model(workspace, demo, by=by, provider_url=provider_url)
    seed_profile(workspace, by, provider_url)
    seed_easy(workspace, by, provider_url)
    seed_prompt(workspace, owner)


def add_demo_model(workspace: Workspace, demo: DemoModel, *, by: Author, provider_url: str) -> None:
    """Fill in the page, test it (a draft has nothing to test yet), save it, and bring the model into its state."""
    data = page_data(demo, provider_url)
    run = None if demo.state is State.DRAFT else try_page(workspace, demo, data, by)
    model = save_page(workspace, demo, data, run, by)
    for name, key in demo.keys[1:]:
        secrets = {model.definition.secret_headers[0]: Secret(key)}
        add_connection(model, name=name, secrets=secrets, parameters={}, by=by)
    if demo.state is State.OFF:
        switch_inferencing(model, on=False, actor=by.actor)
    elif demo.state is not State.DRAFT:
        for connection in Connection.objects.filter(model=model).select_related("model"):
            try_connection(workspace, connection, demo, by)


def page_data(demo: DemoModel, provider_url: str) -> dict[str, str]:
    """What a submit of the filled-in page sends, the first key included."""
    definition = replace(demo.definition, url=provider_url + demo.definition.url)
    data = data_of(definition, name=demo.name, parameters={})
    if demo.keys:
        number = next(index for index, header in enumerate(definition.headers) if header.secret)
        data[f"h-{number}-value"] = demo.keys[0][1]
    return data


def try_page(workspace: Workspace, demo: DemoModel, data: Mapping[str, str], by: Author) -> TestRun:
    """*Test response*, exactly as the page does it."""
    assert by.user  # noqa: S101 - the demo's models are added by their workspace's owner
    builder = Builder(data, Mode.TEST, workspace, by.user, rules=rules.current())
    target = Target(builder.definition, builder.secrets, builder.parameters)
    trail = trail_of_test(workspace, by.user, name=demo.name, values=dict(demo.sample))
    result = async_to_sync(pipeline.run)(target, dict(demo.sample), rules=builder.rules, trail=trail)
    tested = Tested(builder.digest, dict(demo.sample), {}, builder.origin)
    return record_test(workspace, model=None, name=demo.name, tested=tested, result=result, user=by.user, actor=by.actor)


def save_page(workspace: Workspace, demo: DemoModel, data: Mapping[str, str], run: TestRun | None, by: Author) -> ExternalModel:
    """*Save as draft* or *Confirm*; without a passed test this is *Confirm without a test*."""
    assert by.user  # noqa: S101 - as above
    builder = Builder(data, Mode.KEEP, workspace, by.user, run=run)
    integration = Integration(
        name=builder.name,
        definition=builder.definition,
        secrets=builder.new_secrets,
        parameters=builder.parameters,
        connection_name="",
        tested_digest=builder.tested_digest,
    )
    confirm = demo.state is not State.DRAFT
    saved = save_integration(integration, workspace=workspace, model=None, by=by, expected_version=0, creation_key=uuid4(), confirm=confirm)
    if run is not None:
        TestRun.objects.filter(pk=run.pk).update(model=saved.model)
    return saved.model


def try_connection(workspace: Workspace, connection: Connection, demo: DemoModel, by: Author) -> None:
    """*Test* of the connection's menu."""
    trail = trail_of_test(workspace, by.user, model=connection.model, connection=connection, values=dict(demo.sample))
    result = async_to_sync(pipeline.run)(target_of(connection), dict(demo.sample), rules=rules.current(), trail=trail)
    record_connection_test(connection, result=result, workspace_id=workspace.pk, actor=by.actor)
