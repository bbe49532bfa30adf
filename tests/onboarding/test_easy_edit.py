"""Easy models after they are added: the list, editing, what they cannot do, their connections' forms."""

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.easy import AZURE, FIVE, Played, last_step
from tests.support.models import make_easy_model, make_model
from tests.support.page import Element, read
from tests.support.provider import RunningProvider
from tests.support.wizard import Wizard


@pytest.fixture
def easy(cast: Cast) -> ExternalModel:
    return make_easy_model(cast.harbor, cast.alice)


def url(name: str, model: ExternalModel) -> str:
    return reverse(name, args=["harbor", model.pk])


def edited(client_for: ClientFor, cast: Cast, model: ExternalModel, **changes: object) -> Element:
    fields = {"name": model.name, "base_url": "https://api.openai.com/v1", "features": ["streaming"], "version": model.version}
    response = client_for(cast.bob).post(url("onboarding:easy_edit", model), fields | changes)
    status: int = response.status_code
    return Element("", {"status": str(status)}) if status == 302 else read(response)


def test_the_row_menu(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    """Spec 02: easy integration has Edit and Delete; no View, no Copy. Who may not edit sees no menu."""
    row = read(client_for(cast.adam).get("/w/harbor/models/")).rows[0]
    assert {"Edit", "Delete"} <= row.controls
    assert not row.controls & {"View", "Copy"}
    assert row.link("Edit") == url("onboarding:edit", easy)
    assert row.cells[1:3] == ["Easy integration", "OpenAI"]
    assert "Actions for gpt-4o-mini" not in read(client_for(cast.vic).get("/w/harbor/models/")).rows[0].controls


def test_the_filters_find_it(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    make_model(cast.harbor, cast.alice, "By hand")
    alice = client_for(cast.alice)
    for query in ("type=easy", "source=openai", "q=gpt-4o"):
        assert [row.cells[0] for row in read(alice.get(f"/w/harbor/models/?{query}")).rows] == ["gpt-4o-mini gpt-4o-mini"]


def test_edit_goes_to_the_right_page(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    custom = make_model(cast.harbor, cast.alice, "By hand")
    bob = client_for(cast.bob)
    assert bob.get(url("onboarding:edit", easy)).headers["Location"] == url("onboarding:easy_edit", easy)
    assert bob.get(url("onboarding:edit", custom)).headers["Location"] == url("onboarding:custom_edit", custom)
    assert bob.get(url("onboarding:custom_edit", easy)).status_code == 404
    assert bob.get(url("onboarding:easy_edit", custom)).status_code == 404
    saving = bob.post(
        reverse("onboarding:save", args=["harbor"]), {"model": str(easy.pk), "action": "untested", "url": "https://x.example"}
    )
    assert saving.status_code == 404


def test_editing(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    page = read(client_for(cast.bob).get(url("onboarding:easy_edit", easy)))
    assert page.one("input", id_="id_base_url")["value"] == "https://api.openai.com/v1"
    edited(client_for, cast, easy, name="Our GPT", features=["streaming", "tool_calling"])
    easy.refresh_from_db()
    assert (easy.name, easy.definition.features, easy.version) == ("Our GPT", ("streaming", "tool_calling"), 2)
    assert Connection.objects.get().state == "on"
    event = AuditEvent.objects.get(event="model.updated")
    assert event.changes["name"] == {"before": "gpt-4o-mini", "after": "Our GPT"}


def test_another_host_clears_the_keys(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    """A8; and the page says so afterwards."""
    edited(client_for, cast, easy, base_url="https://proxy.example.com/v1")
    connection = Connection.objects.get()
    assert (connection.state, connection.secrets.count()) == ("needs_key", 0)
    page = client_for(cast.bob).get(url("connections:connection_list", easy)).content.decode()
    assert "Needs its key again" in page


def test_another_path_keeps_them(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    edited(client_for, cast, easy, base_url="https://api.openai.com/eu/v1")
    assert Connection.objects.get().state == "on"
    assert ExternalModel.objects.get().definition.url == "https://api.openai.com/eu/v1/chat/completions"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "By hand"}, "already has a model named"),
        ({"base_url": "http://10.0.0.8/v1"}, "The URL is not allowed"),
        ({"base_url": "nonsense"}, "URL"),
        ({"base_url": ""}, "Enter a base URL"),
        ({"base_url": "https://proxy.example.com/v1"}, "is the same model at this base URL already"),
        ({"features": ["flying"]}, "flying"),
    ],
)
def test_what_is_refused(cast: Cast, client_for: ClientFor, easy: ExternalModel, changes: dict[str, object], says: str) -> None:
    make_model(cast.harbor, cast.alice, "By hand")
    other = make_easy_model(cast.harbor, cast.alice, "gpt-4o", name="other")
    ExternalModel.objects.filter(pk=other.pk).update(easy_key=elsewhere(easy))
    assert says in edited(client_for, cast, easy, **changes).text
    easy.refresh_from_db()
    assert easy.version == 1


def elsewhere(model: ExternalModel) -> str:
    """The key of the same model at the proxy."""
    twin = ExternalModel(integration_type="easy", provider="openai")
    content = model.definition.to_json() | {"url": "https://proxy.example.com/v1/chat/completions"}
    twin.definition = type(model.definition).from_json(content)
    return twin.easy_key


def test_two_people_editing(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    edited(client_for, cast, easy, name="First")
    page = edited(client_for, cast, easy, name="Second")
    assert "Bob Member changed this model while you were editing it" in page.text
    assert page.one("input", id_="id_name")["value"] == "Second"
    assert page.one("input", name="version")["value"] == "2"


def test_no_copy(cast: Cast, client_for: ClientFor, easy: ExternalModel) -> None:
    """It would be the same model twice."""
    answer = client_for(cast.bob).post(url("external_models:copy_model", easy), follow=True)
    assert "was not copied" in answer.content.decode()
    assert ExternalModel.objects.count() == 1


@pytest.mark.parametrize("played", FIVE, ids=lambda played: played.key)
def test_the_pages_of_the_model(cast: Cast, client_for: ClientFor, allowed: RunningProvider, played: Played) -> None:
    """Its connection's Test answers, and its pages say what it is."""
    bob = client_for(cast.bob)
    last_step(Wizard(bob), played, allowed.url).press("confirm")
    model, connection = ExternalModel.objects.get(), Connection.objects.get()
    answer = bob.post(reverse("inference:test_connection", args=["harbor", model.pk, connection.pk]), follow=True)
    assert "claims-prod works" in answer.content.decode()
    definition = read(bob.get(url("external_models:definition", model))).text
    assert played.model in definition
    assert "Secret, held by each connection" in definition
    head = read(bob.get(url("connections:connection_list", model))).text
    assert f"{played.label}, Easy integration, added by Bob Member" in head


def test_the_forms_of_a_connection(cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    """By the names that the provider gives things, also for a second connection."""
    bob = client_for(cast.bob)
    last_step(Wizard(bob), AZURE, allowed.url).press("confirm")
    model, connection = ExternalModel.objects.get(), Connection.objects.get()
    page = read(bob.get(url("connections:add_connection", model))).text
    assert "API key" in page
    assert "the resource, then Keys and Endpoint" in page
    assert "Deployment ID" in page
    fields = {"name": "batch", "secret-api-key": AZURE.keys.second, "p-deployment": "gpt-4o", "p-api_version": "2024-10-21"}
    bob.post(url("connections:add_connection", model), fields | {"endpoint": model.definition.url})
    assert Connection.objects.count() == 2
    edit = read(bob.get(reverse("connections:edit_connection", args=["harbor", model.pk, connection.pk])))
    assert edit.one("input", name="p-deployment")["value"] == "gpt-4o"
