"""How many queries each page may ask (spec 08): a fixed number, the same for 5 and for 60 rows. New pages join the table.

The numbers hold for a warm process (data keys unwrapped, egress rules and cache filled): what a second reader of the page costs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import ApiKey
from apps.catalog.models import CatalogModel
from apps.connections.models import Connection, ConnectionSecret
from apps.core.secrets import Secret, seal
from apps.external_models.actions import switch_inferencing
from apps.external_models.models import ExternalModel
from apps.playground.draft import Draft
from apps.playground.models import Lane, PlaygroundRun, Prompt, PromptVersion
from apps.traces.models import NONE
from apps.traces.record import Attempt
from tests.conftest import ClientFor
from tests.support.api_keys import add_key, make_new_key
from tests.support.aws import bedrock_definition, good_role, register
from tests.support.calls import entry, keep, make_traces
from tests.support.cast import Cast
from tests.support.catalog import fill_many
from tests.support.models import actor, make_connection, make_easy_model, make_many, make_model, make_system_model
from tests.support.profiles import make_profile
from tests.test_access import ROWS, is_in_workspace

FEW, MANY = 5, 60

type Fill = Callable[[Cast, int], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """`fill` makes so many rows and gives the arguments of the URL after the workspace.

    `total`: a list that goes on beyond its page counts all of its rows, which a short one need not ask for.
    """

    name: str
    most: int
    fill: Fill
    query: str = ""
    htmx: bool = False
    total: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.query}{' htmx' if self.htmx else ''}".strip()


def with_connections(models: list[ExternalModel], each: int = 2) -> None:
    """Connections with a sealed secret, in bulk."""
    made = [
        Connection(
            id=uuid4(), workspace_id=model.workspace_id, model=model, name=f"{model.name} {number}", name_key=f"{model.name_key} {number}"
        )
        for model in models
        for number in range(each)
    ]
    Connection.objects.bulk_create(made)
    secrets = [ConnectionSecret(connection=each, name="x-api-key", origin="https://api.example.com:443") for each in made]
    for secret in secrets:
        secret.value = seal(Secret("sk-live-4711-MQAA"), secret.place(secret.connection))
    ConnectionSecret.objects.bulk_create(secrets)


def models(cast: Cast, rows: int) -> dict[str, Any]:
    with_connections(make_many(cast.harbor, rows))
    for number in range(rows):
        make_system_model(f"System {number}")
    return {}


def no_models(cast: Cast, rows: int) -> dict[str, Any]:
    return {}


def connections(cast: Cast, rows: int) -> dict[str, Any]:
    model = make_model(cast.harbor, cast.alice)
    with_connections([model], rows)
    assert {each.state for each in Connection.objects.filter(model=model)} == {"on"}
    return {"model_id": model.pk}


def events(cast: Cast, rows: int) -> dict[str, Any]:
    model = make_model(cast.harbor, cast.alice)
    for number in range(rows):
        switch_inferencing(model, on=bool(number % 2), actor=actor(cast.alice))
    return {"model_id": model.pk}


def one_connection(cast: Cast, rows: int) -> dict[str, Any]:
    connections(cast, rows)
    chosen = Connection.objects.order_by("pk")[0]
    return {"model_id": chosen.model_id, "connection_id": chosen.pk}


def supported(cast: Cast, rows: int) -> dict[str, Any]:
    fill_many(rows)
    return {}


def catalogue(cast: Cast, rows: int) -> dict[str, Any]:
    CatalogModel.objects.all().delete()
    for number in range(rows):
        row = CatalogModel(provider="openai", model_id=f"m-{number:03}", name=f"Model {number:03}")
        row.place()
        row.save()
    return {"provider": "openai"}


def providers(cast: Cast, rows: int) -> dict[str, Any]:
    catalogue(cast, rows)
    return {}


def easy(cast: Cast, rows: int) -> dict[str, Any]:
    for number in range(rows):
        model = make_easy_model(cast.harbor, cast.alice, name=f"key {number}", key=f"sk-live-4711-{number:04}")
    return {"model_id": model.pk}


def bedrock(cast: Cast, rows: int) -> dict[str, Any]:
    """Connections of a Bedrock model, each with a role of its own that is registered."""
    model = make_model(cast.harbor, cast.alice, like=bedrock_definition())
    ExternalModel.objects.filter(pk=model.pk).update(integration_type="easy", provider="bedrock")
    for number in range(rows):
        arn = good_role(cast.harbor, f"role-{number}-{uuid4().hex}")
        register(cast.harbor, arn)
        parameters = {"role_arn": arn, "sts_region": "eu-west-1", "region": "eu-west-1"}
        make_connection(model, cast.alice, f"Role {number}", parameters=parameters)
    return {"model_id": model.pk}


def bedrock_list(cast: Cast, rows: int) -> dict[str, Any]:
    """Many models, one of them with roles."""
    models(cast, rows)
    bedrock(cast, rows)
    return {}


def profiles(cast: Cast, rows: int) -> dict[str, Any]:
    """Profiles with a secret each, used by a connection each."""
    with_connections(made := make_many(cast.harbor, rows), 1)
    for user in Connection.objects.filter(model__in=made):
        Connection.objects.filter(pk=user.pk).update(authorization_profile=make_profile(cast.harbor, cast.alice, name=f"Profile {user.pk}"))
    return {}


def one_profile(cast: Cast, rows: int) -> dict[str, Any]:
    """One that so many connections use."""
    profile = make_profile(cast.harbor, cast.alice, name=f"Profile {uuid4().hex}")
    with_connections(made := make_many(cast.harbor, rows), 1)
    Connection.objects.filter(model__in=made).update(authorization_profile=profile)
    return {"profile_id": profile.pk}


def with_profiles(cast: Cast, rows: int) -> dict[str, Any]:
    """One model's connections, each authorized by a profile of its own."""
    found = one_connection(cast, rows)
    for user in Connection.objects.filter(model_id=found["model_id"]):
        Connection.objects.filter(pk=user.pk).update(authorization_profile=make_profile(cast.harbor, cast.alice, name=f"Profile {user.pk}"))
    return found


def on_model(cast: Cast, rows: int) -> dict[str, Any]:
    return {"model_id": with_profiles(cast, rows)["model_id"]}


def traces(cast: Cast, rows: int) -> dict[str, Any]:
    make_traces(cast.harbor, rows, by=cast.alice)
    return {}


def called(cast: Cast, rows: int) -> dict[str, Any]:
    """A model called by many sources through many connections."""
    model = make_model(cast.harbor, cast.alice, f"Called {rows}")
    with_connections([model], rows)
    for number, through in enumerate(Connection.objects.filter(model=model)):
        keep(entry(cast.harbor, source_type="api_key", source_id=f"app-{number}", model_id=model.pk, connection_id=through.pk))
    return {"model_id": model.pk}


def one_trace(cast: Cast, rows: int) -> dict[str, Any]:
    attempts = tuple(Attempt(uuid4(), f"Connection {number}", 10.0) for number in range(rows))
    return {"trace_id": keep(entry(cast.harbor, by=cast.alice, attempts=attempts))[0].pk}


def api_apps(cast: Cast, rows: int) -> dict[str, Any]:
    """Apps with two keys each."""
    for _ in range(rows):
        add_key(make_new_key(cast.harbor, cast.alice).key.app, cast.alice)
    return {}


def one_api_app(cast: Cast, rows: int) -> dict[str, Any]:
    """One with so many keys."""
    app = make_new_key(cast.harbor, cast.alice).key.app
    for _ in range(rows):
        add_key(app, cast.alice)
    return {"app_id": app.pk}


def one_api_key(cast: Cast, rows: int) -> dict[str, Any]:
    found = one_api_app(cast, rows)
    return {**found, "key_id": ApiKey.objects.filter(app=found["app_id"]).latest("created_at").pk}


def prompts(cast: Cast, rows: int) -> dict[str, Any]:
    """So many prompts, the last of them with so many versions; and so many models to choose from."""
    with_connections(make_many(cast.harbor, rows))
    for number in range(rows):
        prompt = Prompt.objects.create(workspace=cast.harbor, name=f"Prompt {number}", name_key=f"prompt {number} {uuid4()}")
        PromptVersion.objects.create(prompt=prompt, number=1, model_name="GPT-4o", author_name="Alice Owner")
    more = [PromptVersion(prompt=prompt, number=number, model_name="GPT-4o", author_name="Bob") for number in range(2, rows + 1)]
    PromptVersion.objects.bulk_create(more)
    Prompt.objects.filter(pk=prompt.pk).update(newest=rows)
    return {"prompt_id": prompt.pk}


def playground(cast: Cast, rows: int) -> dict[str, Any]:
    prompts(cast, rows)
    return {}


def a_lane(cast: Cast, rows: int) -> dict[str, Any]:
    """A lane that was run, of a run with four."""
    run = PlaygroundRun.objects.create(workspace=cast.harbor, created_by=cast.alice, request=Draft().to_json())
    for number in range(1, 5):
        Lane.objects.create(run=run, number=number, model_id=uuid4(), model_name="GPT-4o", state="done")
    return {"run_id": run.pk, "number": 1}


def budgeted(cast: Cast, rows: int) -> dict[str, Any]:
    """A model called through many connections, each with a budget."""
    found = called(cast, rows)
    Connection.objects.filter(model=found["model_id"]).update(budget_per_day=5, budget_per_month=50)
    return found


def budgeted_key(cast: Cast, rows: int) -> dict[str, Any]:
    """A key that has called through many connections."""
    found = one_api_key(cast, 1)
    ApiKey.objects.update(budget_per_day=5, budget_per_month=50)
    model = called(cast, rows)
    for through in Connection.objects.filter(model=model["model_id"]):
        keep(entry(cast.harbor, source_type="api_key", source_id=found["key_id"], model_id=through.model_id, connection_id=through.pk))
    return found


LIST = "external_models:model_list"
SUPPORTED = "catalog:catalog_list"
# Session, person and workspaces are three of each number.
PAGES = [
    Page("workspace", 3, models),
    Page(LIST, 8, models, total=True),
    Page(LIST, 8, models, total=True, htmx=True),
    Page(LIST, 8, models, "?q=model&status=active&type=api&source=custom&inferencing=on&sort=source", total=True),
    Page(LIST, 8, no_models),
    Page(SUPPORTED, 7, supported, total=True),
    Page(SUPPORTED, 6, supported, total=True, htmx=True),
    Page(SUPPORTED, 7, supported, "?q=model&provider=openai&modality=image&retired=yes", total=True),
    Page("external_models:definition", 6, connections),
    Page("external_models:time_limits", 4, connections),
    Page("external_models:model_audit", 7, events),
    Page("external_models:delete_model", 6, connections),
    Page("external_models:example", 5, models),
    Page("connections:connection_list", 9, connections),
    Page("connections:connection_list", 10, on_model),
    Page("external_models:definition", 7, on_model),
    Page("connections:edit_connection", 9, with_profiles),
    Page(LIST, 9, profiles, total=True),
    Page("connections:add_connection", 5, connections),
    Page("connections:edit_connection", 7, one_connection),
    Page("connections:delete_connection", 7, one_connection),
    Page("inference:rotate_key", 6, one_connection),
    Page("traces:trace_list", 6, traces),
    Page("traces:trace_list", 8, traces, "?q=hail&where=status:is:success&where=response_time:gt:1&match=any", htmx=True),
    Page("traces:trace_list", 7, traces, f"?model={NONE}&connection={NONE}&period=custom&first=2026-01-01"),
    Page("model_traces:activity", 8, connections),
    Page("model_traces:requests", 4, traces, f"?model={NONE}&model={UUID(int=1)}"),
    Page("model_traces:signal_path", 13, called),
    Page("model_traces:programs", 6, called, htmx=True),
    Page("budgets:model_budgets", 9, budgeted),
    Page("budgets:key_budget", 9, budgeted_key),
    Page("traces:trace_detail", 5, one_trace),
    Page("traces:export", 3, traces),
    Page("connections:whose_key", 4, models),
    Page("capture:settings", 4, models),
    Page("playground:page", 6, playground),
    Page("playground:lane", 4, a_lane, htmx=True),
    Page("playground:lane_stream", 6, a_lane),
    Page("playground:prompt_list", 4, playground),
    Page("playground:prompt", 6, prompts),
    Page("playground:prompt_compare", 7, prompts),
    Page("playground:prompt_delete", 4, prompts),
    Page("connections:profile_list", 5, profiles),
    Page("connections:profile_add", 3, profiles),
    Page("connections:profile_add", 6, profiles, "?type=client_credentials"),
    Page("connections:profile_edit", 9, one_profile),
    Page("connections:profile_delete", 6, one_profile),
    Page("api_apps:app_list", 6, api_apps),
    Page("api_apps:app_new", 9, api_apps),  # to the password: allauth asks for each kind of second factor
    Page("api_apps:key_new", 10, one_api_app),
    Page("api_apps:app_edit", 4, one_api_app),
    Page("api_apps:app_delete", 5, one_api_app),
    Page("api_apps:key_edit", 5, one_api_key),
    Page("api_apps:key_revoke", 6, one_api_key),
    Page("inference:profile_callback", 6, one_profile),
    Page("onboarding:custom_new", 5, models),
    Page("onboarding:bedrock_new", 7, models),
    Page("onboarding:edit", 11, bedrock),
    Page(LIST, 8, bedrock_list, total=True),
    Page("connections:connection_list", 10, bedrock),
    Page("onboarding:add_model", 4, models),
    Page("onboarding:easy_provider", 5, providers),
    Page("onboarding:easy_model", 7, catalogue),
    Page("onboarding:easy_model", 9, catalogue, "?model=m-001&q=m"),
    Page("onboarding:easy_credentials", 8, catalogue, "?model=m-001"),
    Page("onboarding:edit", 5, connections),
    Page("onboarding:easy_edit", 5, easy),
    Page("onboarding:paste_curl", 4, models),
    Page("onboarding:import_openapi", 4, models),
    Page("onboarding:custom_edit", 9, connections),
]


def asked(client: Client, page: Page, arguments: dict[str, Any]) -> list[str]:
    """The statements of the second look at a page."""
    url = reverse(page.name, kwargs={"workspace": "harbor", **arguments}) + page.query
    headers = {"HX-Request": "true"} if page.htmx else {}
    assert client.get(url, headers=headers, follow=True).status_code == 200
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url, headers=headers).status_code in {200, 302}
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_asks_a_fixed_number_of_queries(page: Page, cast: Cast, client_for: ClientFor) -> None:
    alice = client_for(cast.alice)
    few = asked(alice, page, page.fill(cast, FEW))
    ExternalModel.objects.all().delete()
    many = asked(alice, page, page.fill(cast, MANY))
    assert len(many) == len(few) + page.total, "\n".join(many)
    assert len(many) <= page.most, "\n".join(many)


def test_every_page_of_a_workspace_is_in_the_table() -> None:
    """A new page without a line here fails. Add it to PAGES."""
    pages = {row.name for row in ROWS if row.method == "GET" and is_in_workspace(row)}
    assert pages == {page.name for page in PAGES}
