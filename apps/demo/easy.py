"""The demo's easy models, added as a person adds them: the wizard's last step is filled in, its key checked, and saved by its action."""

from dataclasses import dataclass

from asgiref.sync import async_to_sync

from apps.accounts.models import Workspace
from apps.connections.models import Connection
from apps.demo.provider.keys import DEMO_KEYS
from apps.egress import rules
from apps.external_models.actions import Author
from apps.inference import pipeline
from apps.inference.actions import record_connection_test, record_key_check
from apps.inference.target import target_of
from apps.inference.trail import trail_of_test
from apps.onboarding.actions import add_easy_model
from apps.onboarding.easy import easy_provider
from apps.onboarding.easy_page import EasyPage

HELLO = "Say hello in one short sentence."


@dataclass(frozen=True, slots=True)
class EasyModel:
    """`path` is the base URL on the demo provider; `keys` name a connection each."""

    provider: str
    path: str
    model_id: str
    keys: tuple[tuple[str, str], ...]


# By workspace slug, oldest first.
EASY_MODELS: dict[str, tuple[EasyModel, ...]] = {
    "claims": (
        EasyModel("anthropic", "/anthropic", "claude-haiku-4-5", (("claims-anthropic", DEMO_KEYS["anthropic"].accepted),)),
        EasyModel(
            "openai",
            "/openai/v1",
            "gpt-4.1-mini",
            (("claims-prod", DEMO_KEYS["openai"].accepted), ("claims-batch", DEMO_KEYS["openai"].second)),
        ),
    ),
}


def seed_easy(workspace: Workspace, by: Author, provider_url: str) -> None:
    """Add the workspace's easy models, each connection tested once. Calls the provider: not for inside a transaction."""
    for easy in EASY_MODELS.get(workspace.slug, ()):
        for name, key in easy.keys:
            try_connection(connect(workspace, easy, name, key, by=by, provider_url=provider_url), by)


def connect(workspace: Workspace, easy: EasyModel, name: str, key: str, *, by: Author, provider_url: str) -> Connection:
    assert by.user  # noqa: S101 - the demo's models are added by their workspace's owner
    provider, setup = easy_provider(easy.provider)
    data = {"name": name, "key": key, "base_url": provider_url + easy.path}
    page = EasyPage(provider, setup, easy.model_id, {}, data, workspace, by.user, rules.current())
    page.check()
    trail = trail_of_test(workspace, by.user, name=page.name)
    result = async_to_sync(pipeline.check)(page.target, page.asked, rules=page.rules, trail=trail)
    record_key_check(workspace, connection_name=name, model_name=page.name, result=result, actor=by.actor)
    return add_easy_model(page.integration(key_checked=result.passed), workspace=workspace, by=by).connection


def try_connection(connection: Connection, by: Author) -> None:
    """*Test* of the connection's menu."""
    assert connection.workspace  # noqa: S101 - of a workspace's model
    said = {"prompt": HELLO}
    trail = trail_of_test(connection.workspace, by.user, model=connection.model, connection=connection, values=said)
    result = async_to_sync(pipeline.run)(target_of(connection), said, rules=rules.current(), trail=trail)
    record_connection_test(connection, result=result, workspace_id=connection.workspace.pk, actor=by.actor)
