"""Spec 07 A8: changing a saved endpoint's host sends no stored key there. The other host echoes what it gets, and keeps it.

Each kind of model, moved by its page and by the actions below it; then everything that could send is tried: the page's Test, the
connection's test, after the move and after the key was entered again.
"""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse

from apps.connections.actions import drop_secrets_of_other_hosts
from apps.connections.models import Connection
from apps.connections.profile_actions import ProfileValues, create_profile
from apps.core.secrets import Secret
from apps.external_models.actions import update_model
from apps.external_models.definition import Definition, Header, Paths
from apps.external_models.models import ExternalModel
from apps.onboarding.actions import EasyIntegration, add_easy_model, update_easy_model
from apps.onboarding.easy import definition_of, easy_provider
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback
from tests.support.cast import Cast
from tests.support.models import actor, author, make_connection, make_model
from tests.support.page import read
from tests.support.provider import RunningProvider, running_provider
from tests.support.sheet import Sheet

OLD, NEW = "sk-stored-for-the-first-host-4711", "sk-entered-for-the-other-host-0815"
TEMPLATE = Definition(body='{"ask": "{{prompt}}"}', paths=Paths(output="body"), headers=(Header("X-Harbor-Key", secret=True),))
STRUCTURE = Definition(
    wire_format="openai",
    model="gpt-4o-mini",
    features=("streaming",),
    headers=(Header("Authorization", secret=True, prefix="Bearer "), Header("X-Second-Key", secret=True)),
)

type Make = Callable[[Cast, str], ExternalModel]


def custom(like: Definition, path: str) -> Make:
    def make(cast: Cast, base: str) -> ExternalModel:
        definition = Definition.from_json({**like.to_json(), "url": base + path})
        model = make_model(cast.harbor, cast.adam, like=definition)
        make_connection(model, cast.adam, key=OLD)
        return model

    return make


def easy(cast: Cast, base: str) -> ExternalModel:
    provider, setup = easy_provider("openai")
    definition = definition_of(provider, setup, "gpt-4o-mini", f"{base}/echo", features=(), modalities=())
    found = EasyIntegration("openai", "Easy", definition, "first", {setup.key_header: Secret(OLD)}, {}, key_checked=True)
    return add_easy_model(found, workspace=cast.harbor, by=author(cast.adam)).connection.model


def profiled(cast: Cast, base: str) -> ExternalModel:
    """No secret of its own: the profile's token goes with every call, and to the first host only."""
    values = ProfileValues({}, (base,), {"token": Secret(OLD)})
    profile = create_profile(cast.harbor, name="Gateway", type_name="bearer", values=values, by=author(cast.alice))
    like = Definition(url=f"{base}/echo", body=TEMPLATE.body, paths=TEMPLATE.paths)
    model = make_model(cast.harbor, cast.adam, like=like)
    connection = make_connection(model, cast.adam, secrets={})
    Connection.objects.filter(pk=connection.pk).update(authorization_profile=profile)
    return model


KINDS: dict[str, Make] = {
    "template": custom(TEMPLATE, "/echo"),
    "structure": custom(STRUCTURE, "/echo/v1/chat/completions"),
    "easy": easy,
    "profile": profiled,
}


@pytest.fixture
def other(db: None) -> Iterator[RunningProvider]:
    """The host that a model is moved to."""
    with running_provider() as running:
        allow_loopback(running.port)
        yield running


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def arrived(provider: RunningProvider) -> str:
    """Everything that the host got, as its echo says it."""
    requests = [recorded.request for recorded in provider.recorded]
    return "\n".join(f"{each.method} {each.path} {each.query} {each.headers} {each.body!r}" for each in requests)


def try_connections(client: Client, model: ExternalModel) -> None:
    for connection in model.connections.all():
        response = client.post(reverse("inference:test_connection", args=["harbor", model.pk, connection.pk]))
        assert response.status_code == 302


def move_by_page(client: Client, model: ExternalModel, before: str, after: str) -> None:
    """Save the new address without entering anything again."""
    if model.is_easy:
        url = reverse("onboarding:easy_edit", args=["harbor", model.pk])
        form = read(client.get(url)).one("form", action=url)
        fields = {field["name"]: field.attrs.get("value", "") for field in form.all("input") if field.attrs.get("type") != "checkbox"}
        assert client.post(url, fields | {"base_url": f"{after}/echo"}).status_code == 302
        return
    sheet = Sheet(client).open(model.pk)
    sheet.fill(url=sheet.fields["url"].replace(before, after))
    for press in [lambda: sheet.press("sample"), lambda: sheet.press("test", **{"s-prompt": "Hail"}), lambda: sheet.save("untested")]:
        press()
        assert sheet.status == 422, "the page has to ask for the key again"
    assert "Enter the secret value" in sheet.text or "may not be used for" in sheet.text


def move_by_actions(cast: Cast, model: ExternalModel, before: str, after: str) -> None:
    """What an API does: the same actions, without the page's checks."""
    definition = Definition.from_json({**model.definition_json, "url": model.definition.url.replace(before, after)})
    if model.is_easy:
        update_easy_model(model, name=model.name, definition=definition, by=author(cast.adam), expected_version=model.version)
        return
    moved = update_model(
        model, name=model.name, definition=definition, by=author(cast.adam), expected_version=model.version, tested_digest="as if"
    )
    drop_secrets_of_other_hosts(moved, actor=actor(cast.adam))


@pytest.mark.parametrize("kind", KINDS)
def test_by_the_page(cast: Cast, adam: Client, allowed: RunningProvider, other: RunningProvider, kind: str) -> None:
    """A8: the page asks again, the easy page clears; nothing that was stored arrives."""
    model = KINDS[kind](cast, allowed.url)
    try_connections(adam, model)
    assert OLD in arrived(allowed)
    move_by_page(adam, model, allowed.url, other.url)
    try_connections(adam, ExternalModel.objects.get())
    assert OLD not in arrived(other)


@pytest.mark.parametrize("kind", KINDS)
def test_by_the_actions(cast: Cast, adam: Client, allowed: RunningProvider, other: RunningProvider, kind: str) -> None:
    """A8: without the page in between, the call itself refuses, and the key is gone: moving back does not bring it back."""
    model = KINDS[kind](cast, allowed.url)
    move_by_actions(cast, model, allowed.url, other.url)
    moved = ExternalModel.objects.get()
    try_connections(adam, moved)
    if not moved.is_easy:
        Sheet(adam).open(moved.pk).test(prompt="Hail")
    assert other.recorded == []
    if kind == "profile":
        assert Connection.objects.get().last_error == ""  # nothing was sent, so nothing is known of the host
        return
    assert Connection.objects.get().state == "needs_key"
    move_by_actions(cast, moved, other.url, allowed.url)
    try_connections(adam, moved)
    assert allowed.recorded == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "profile"])
def test_a_new_key_goes_alone(cast: Cast, adam: Client, allowed: RunningProvider, other: RunningProvider, kind: str) -> None:
    """A8: what is entered for the new host arrives there, and nothing of what was stored before."""
    model = KINDS[kind](cast, allowed.url)
    move_by_actions(cast, model, allowed.url, other.url)
    connection = Connection.objects.get()
    fields = {f"secret-{name.lower()}": NEW for name in model.definition.secret_headers}
    url = reverse("connections:edit_connection", args=["harbor", model.pk, connection.pk])
    assert adam.post(url, fields | {"version": str(connection.version)}).status_code == 302
    try_connections(adam, ExternalModel.objects.get())
    got = arrived(other)
    assert (NEW in got, OLD in got, len(other.recorded)) == (True, False, 1)


def test_one_of_two_keys_is_not_enough(cast: Cast, adam: Client, allowed: RunningProvider, other: RunningProvider) -> None:
    """A8: entering one secret for the new host does not take the other one along."""
    model = KINDS["structure"](cast, allowed.url)
    sheet = Sheet(adam).open(model.pk).fill(url=f"{other.url}/echo/v1/chat/completions", h_0_value=NEW)
    sheet.save("untested")
    assert "Enter the secret value" in sheet.problem("h-1-value")
    sheet.save("untested")
    sheet.press("test", **{"s-prompt": "Hail"})
    assert other.recorded == []
    sheet.fill(h_1_value=f"{NEW}-2").test(prompt="Hail")
    assert OLD not in arrived(other)
    assert f"Bearer {NEW}" in arrived(other)
