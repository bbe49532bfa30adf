"""Spec 02, Easy integration: the key is checked with its provider, then the model and its first connection are saved."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.core.http import EgressRule, Limits
from apps.core.secrets import Secret
from apps.external_models.models import ExternalModel
from apps.inference import pipeline
from apps.inference.models import KEPT, TestRun, TypedSecret
from apps.inference.target import Target
from apps.onboarding.easy import definition_of, easy_provider
from apps.onboarding.easy_page import CHECK_LIMITS, NOT_SAVEABLE
from apps.traces.models import Trace
from apps.traces.store import flush
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.easy import ANTHROPIC, AZURE, FIVE, GOOGLE, OPENAI, WRONG, Played, last_step
from tests.support.provider import RunningProvider
from tests.support.wizard import Wizard

LIST = "/w/harbor/models/"


@pytest.fixture(params=["plain", "htmx"])
def wizard(request: pytest.FixtureRequest, cast: Cast, client_for: ClientFor) -> Wizard:
    return Wizard(client_for(cast.bob), scripts=request.param == "htmx")


@pytest.fixture
def plain(cast: Cast, client_for: ClientFor) -> Wizard:
    return Wizard(client_for(cast.bob))


def events() -> list[str]:
    found = AuditEvent.objects.filter(category__in=["models", "connections", "platform"]).exclude(event="egress.rule_added")
    return list(found.order_by("id").values_list("event", flat=True))


def sent_key(provider: RunningProvider, played: Played) -> str:
    headers = {
        "openai": "authorization",
        "cohere": "authorization",
        "anthropic": "x-api-key",
        "gemini": "x-goog-api-key",
        "azure": "api-key",
    }
    return provider.recorded[-1].request.header(headers[played.dialect])


@pytest.mark.parametrize("played", FIVE, ids=lambda played: played.key)
def test_the_right_key(wizard: Wizard, allowed: RunningProvider, played: Played) -> None:
    """One call to the provider, then a model that can be called, with its connection."""
    last_step(wizard, played, allowed.url).press("confirm")
    assert wizard.location == LIST, wizard.text
    assert len(allowed.recorded) == 1
    flush()
    assert list(Trace.objects.values_list("api", "source_type", "status")) == [("key_check", "test", "success")]
    assert sent_key(allowed, played).endswith(played.keys.accepted)
    model = ExternalModel.objects.get()
    assert (model.integration_type, model.provider, model.model_id) == ("easy", played.key, played.model)
    assert (model.name, model.state, model.definition.model) == (played.model, "active", played.model)
    assert model.definition.url.startswith(allowed.url + played.path)
    connection = Connection.objects.get()
    assert (connection.name, connection.state, connection.created_by_name) == ("claims-prod", "on", "Bob Member")
    assert events() == ["connection.tested", "model.added", "connection.added", "model.activated"]
    page = wizard.client.get(LIST).content.decode()
    assert f"{played.model} is added" in page
    assert f">{played.model}</a>" in page
    assert played.label in page
    assert "Easy integration" in page
    assert played.keys.accepted not in wizard.seen + page


@pytest.mark.parametrize("played", FIVE, ids=lambda played: played.key)
def test_a_wrong_key_and_save_anyway(wizard: Wizard, allowed: RunningProvider, played: Played) -> None:
    """What the provider said; everything kept but the key; *Save anyway* does not ask for it again, and starts switched off."""
    last_step(wizard, played, allowed.url, key=WRONG).press("confirm")
    assert (wizard.status, wizard.step) == (422, "credentials")
    assert f"{played.label} refused the key: “{played.refusal}" in wizard.text
    assert "the connection then starts switched off" in wizard.text
    assert (wizard.fields["name"], wizard.fields["key"]) == ("claims-prod", "")
    assert wizard.fields["base_url"] == allowed.url + played.path
    assert ExternalModel.objects.count() == 0
    wizard.press("save-anyway")
    assert wizard.location == LIST, wizard.text
    assert len(allowed.recorded) == 1  # it was not asked again
    assert (ExternalModel.objects.get().state, Connection.objects.get().state) == ("active", "off")
    assert Connection.objects.get().stored_secrets() != {}
    assert events() == [
        "connection.tested",
        "model.added",
        "connection.added",
        "connection.inferencing_switched",
        "model.activated_without_test",
    ]
    assert AuditEvent.objects.get(event="connection.tested").outcome == "failed"
    assert TypedSecret.objects.count() == 0
    assert WRONG not in wizard.seen
    assert "switched off" in wizard.client.get(LIST).content.decode()


def test_keeping_a_key_forgets_the_abandoned_ones(wizard: Wizard, allowed: RunningProvider, cast: Cast) -> None:
    """Also those of other workspaces, each time a key is kept for the next submit."""
    run = TestRun.objects.create(workspace=cast.other, created_by=cast.charlie, passed=False)
    last_step(wizard, ANTHROPIC, allowed.url, key=WRONG).press("confirm")
    TypedSecret.objects.create(run=run, name="x-key", origin="", value="sealed")
    TypedSecret.objects.filter(run=run).update(typed_at=timezone.now() - KEPT - timedelta(minutes=1))
    wizard.fill(key=WRONG).press("confirm")
    assert [secret.run.workspace for secret in TypedSecret.objects.select_related("run__workspace")] == [cast.harbor]


def test_a_wrong_key_then_the_right_one(wizard: Wizard, allowed: RunningProvider) -> None:
    last_step(wizard, ANTHROPIC, allowed.url, key=WRONG).press("confirm")
    wizard.fill(key=ANTHROPIC.keys.accepted).press("confirm")
    assert wizard.location == LIST, wizard.text
    assert Connection.objects.get().state == "on"
    assert (TestRun.objects.count(), TypedSecret.objects.count()) == (0, 0)


def test_save_anyway_takes_the_key_that_was_typed_last(wizard: Wizard, allowed: RunningProvider) -> None:
    last_step(wizard, ANTHROPIC, allowed.url, key=WRONG).press("confirm")
    wizard.fill(key="sk-ant-another-wrong-key-1111").press("confirm")
    wizard.press("save-anyway")
    assert Connection.objects.get().key_hint == "sk-…1111"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("503", "could not be checked: The provider failed to answer (HTTP 503)"),
        ("429", "could not be checked: The provider is limiting requests (HTTP 429)"),
        ("404", "could not be checked: The provider has nothing at this address (HTTP 404)"),
        ("hangup", "could not be checked"),
        ("html", "could not be checked: The response is not usable JSON"),
        ("redirect", "Redirects are not followed"),
    ],
)
def test_a_provider_that_cannot_say(wizard: Wizard, allowed: RunningProvider, fault: str, says: str) -> None:
    """Down, limiting, gone, or somebody else: each is told apart, and the key may be saved anyway without typing it again.

    A rate limit proves nothing: gateways count before they look at the key.
    """
    last_step(wizard, OPENAI, f"{allowed.url}/fault/{fault}").press("confirm")
    assert wizard.status == 422
    assert says in wizard.text
    assert (wizard.fields["key"], wizard.fields["name"]) == ("", "claims-prod")
    assert wizard.press("save-anyway").location == LIST, wizard.text
    assert Connection.objects.get().state == "off"


def test_a_provider_that_is_down(wizard: Wizard, allowed: RunningProvider) -> None:
    """Nothing listens there; confirmed again when it is back, with the key that is kept for this host."""
    last_step(wizard, OPENAI, f"{allowed.url}/fault/503").press("confirm")
    wizard.fill(base_url=allowed.url + OPENAI.path).press("confirm")
    assert wizard.location == LIST, wizard.text
    assert Connection.objects.get().state == "on"


def test_a_model_that_is_not_listed(wizard: Wizard, allowed: RunningProvider) -> None:
    last_step(wizard, OPENAI, allowed.url, model="gpt-of-tomorrow").press("confirm")
    assert "The key works, but the model gpt-of-tomorrow is not in the list" in wizard.text
    assert wizard.press("save-anyway").location == LIST
    assert Connection.objects.get().state == "off"


@pytest.mark.parametrize("deployment", ["no-such-deployment", "gpt-40"])
def test_an_azure_deployment_that_is_not_there(wizard: Wizard, allowed: RunningProvider, deployment: str) -> None:
    """Said at its field, which the focus goes to."""
    last_step(wizard, AZURE, allowed.url).fill(p_deployment=deployment).press("confirm")
    assert "The API deployment for this resource does not exist" in wizard.text
    assert 'id="id_p-deployment_error"' in wizard.html
    assert wizard.fields["p-deployment"] == deployment


@pytest.mark.parametrize("fault", ["404", "redirect"])
def test_an_address_that_is_not_the_providers(plain: Wizard, allowed: RunningProvider, fault: str) -> None:
    """Said at the base URL, which is opened; saved anyway all the same."""
    last_step(plain, OPENAI, f"{allowed.url}/fault/{fault}").press("confirm")
    assert 'id="id_base_url_error"' in plain.html
    assert "<details open>" in plain.html
    assert plain.press("save-anyway").location == LIST


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("p_api_version", "2024", "An API version is a date"),
        ("p_api_version", "2024-10-21-preview2", "An API version is a date"),
        ("p_resource", "harbor claims", "A resource name has no blanks"),
        ("p_deployment", "gpt 4o", "A deployment ID has no blanks"),
        ("p_deployment", "models/gpt-4o", "A deployment ID has no blanks and no slashes"),
    ],
)
def test_azure_fields_that_cannot_be_right(plain: Wizard, allowed: RunningProvider, field: str, typed: str, says: str) -> None:
    plain.open("models/new/easy/azure/credentials/?model=gpt-4o")
    plain.fill(name="x", key="az-key", p_resource="harbor").fill(**{field: typed}).press("confirm")
    assert plain.status == 422
    assert says in plain.text
    assert allowed.recorded == []


def test_azure_fields_of_another_connection(plain: Wizard, allowed: RunningProvider) -> None:
    """The same is asked of a connection that is added to the model."""
    last_step(plain, AZURE, allowed.url).press("confirm")
    fields = {"name": "batch", "secret-api-key": AZURE.keys.second, "p-deployment": "gpt 4o", "p-api_version": "2024"}
    answer = plain.client.post(reverse("connections:add_connection", args=["harbor", ExternalModel.objects.get().pk]), fields)
    assert answer.status_code == 422
    assert "A deployment ID has no blanks" in answer.content.decode()
    assert "An API version is a date" in answer.content.decode()
    assert Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("http://10.0.0.8/v1", "The URL is not allowed"),
        ("http://169.254.169.254/v1", "The URL is not allowed"),
        ("http://api.example.com/v1", "plain http"),
        ("https://localhost/v1", "The URL is not allowed"),
    ],
)
def test_a_base_url_that_egress_rules_refuse(wizard: Wizard, allowed: RunningProvider, base_url: str, says: str) -> None:
    """B4, B7: refused before anything is sent, audited, and not saved anyway either."""
    last_step(wizard, OPENAI, allowed.url).fill(base_url=base_url).press("confirm")
    assert wizard.status == 422
    assert says in wizard.text
    assert events() == ["egress.refused"]
    assert wizard.send("save-anyway").status == 422
    assert (ExternalModel.objects.count(), allowed.recorded) == (0, [])


@pytest.mark.parametrize(
    "base_url",
    ["", "nonsense", "https://", "https://api.example.com/?key=1", "https://x#y", "https://{tenant}.example.com", "https://{", "ftp://x"],
)
@pytest.mark.parametrize("played", [OPENAI, AZURE], ids=["openai", "azure"])
def test_a_base_url_that_is_none(plain: Wizard, allowed: RunningProvider, played: Played, base_url: str) -> None:
    last_step(plain, played, allowed.url).fill(base_url=base_url, p_resource="harbor").press("confirm")
    assert plain.status == 422
    assert 'id="id_base_url_error"' in plain.html
    assert (ExternalModel.objects.count(), allowed.recorded) == (0, [])


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ({"key": ""}, "key"),
        ({"key": "••••••••"}, "key"),
        ({"key": "sk-…MQAA"}, "key"),
        ({"key": "line\nbreak"}, "key"),
        ({"key": "schlüssel"}, "key"),
        ({"name": ""}, "name"),
        ({"name": "a@b"}, "name"),
        ({"name": "n" * 121}, "name"),
    ],
)
def test_what_is_not_right_is_not_sent(wizard: Wizard, allowed: RunningProvider, typed: dict[str, str], place: str) -> None:
    last_step(wizard, OPENAI, allowed.url).fill(**typed).press("confirm")
    assert wizard.status == 422
    assert f'id="id_{place}_error"' in wizard.html
    assert allowed.recorded == []


@pytest.mark.parametrize("field", ["p-resource", "p-deployment", "p-api_version"])
def test_azure_needs_its_fields(plain: Wizard, allowed: RunningProvider, field: str) -> None:
    """The resource only where the address has a place for it."""
    plain.open("models/new/easy/azure/credentials/?model=gpt-4o")
    assert (plain.fields["p-deployment"], plain.fields["p-api_version"]) == ("gpt-4o", "2024-10-21")
    plain.fill(name="x", key="az-key", p_resource="harbor").fill(**{field: ""}).press("confirm")
    assert f'id="id_{field}_error"' in plain.html
    plain.fill(p_resource="two.labels").press("confirm")
    assert "cannot be a part of a host name" in plain.text


def test_a_proxy_without_the_resource(plain: Wizard, allowed: RunningProvider) -> None:
    last_step(plain, AZURE, allowed.url).press("confirm")
    assert Connection.objects.get().parameters == {"deployment": "gpt-4o", "api_version": "2024-10-21"}


def test_a_kept_key_stays_with_its_host(plain: Wizard, allowed: RunningProvider) -> None:
    """A8: typed for one host, it is sent to no other one, not even by the next submit of the same page."""
    last_step(plain, OPENAI, allowed.url, key=WRONG).press("confirm")
    before = len(allowed.recorded)
    plain.fill(base_url="https://elsewhere.example.com/v1").press("confirm")
    assert plain.status == 422
    assert "Enter the API key" in plain.text
    assert len(allowed.recorded) == before


def test_somebody_elses_kept_key_is_not_found(plain: Wizard, cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    last_step(plain, OPENAI, allowed.url, key=WRONG).press("confirm")
    alice = last_step(Wizard(client_for(cast.alice)), OPENAI, allowed.url)
    alice.fill(key="", kept=plain.fields["kept"]).send("save-anyway")
    assert "Enter the API key" in alice.text


async def test_a_provider_that_takes_too_long(provider: RunningProvider) -> None:
    """The check has limits of its own, because somebody waits; here shorter ones."""
    found, setup = easy_provider("openai")
    base_url = f"{provider.url}/fault/hang"
    definition = definition_of(found, setup, "gpt-4o", base_url, features=(), modalities=())
    target = Target(definition, {"authorization": Secret(WRONG)}, limits=Limits(first_byte=0.2, total=60))
    rule = EgressRule(id="test", host="127.0.0.1", ports=(provider.port,), scheme="http")
    result = await pipeline.check(target, setup.check(base_url, "gpt-4o"), rules=[rule])
    assert result.failure
    assert result.failure.kind == "first_byte_timeout"
    assert result.failure.kind not in NOT_SAVEABLE
    assert (CHECK_LIMITS.first_byte, CHECK_LIMITS.total) == (20, 30)


# A model that is here already


@pytest.mark.parametrize("played", FIVE, ids=lambda played: played.key)
def test_a_model_that_is_already_here(wizard: Wizard, allowed: RunningProvider, played: Played) -> None:
    """Spec 02: not added twice; the wizard says so, and adds the connection to it."""
    last_step(wizard, played, allowed.url).press("confirm")
    model = ExternalModel.objects.get()
    again = Wizard(wizard.client, scripts=wizard.scripts)
    last_step(again, played, allowed.url, name="batch", key=WRONG).press("confirm")
    assert f"{played.model} is already here: this adds a connection to it." in again.text
    again.fill(key=played.keys.second).press("confirm")
    assert again.location == reverse("connections:connection_list", args=["harbor", model.pk])
    assert ExternalModel.objects.count() == 1
    assert sorted(Connection.objects.values_list("name", flat=True)) == ["batch", "claims-prod"]
    assert "batch is added to" in wizard.client.get(again.location).content.decode()


def test_the_list_says_what_is_here(plain: Wizard, allowed: RunningProvider) -> None:
    """Also at the provider's own address, before anything is typed."""
    last_step(plain, OPENAI, allowed.url).fill(base_url="https://api.openai.com/v1").send("save-anyway")
    plain.open("models/new/easy/openai/credentials/?model=gpt-4o-mini")
    assert "gpt-4o-mini is already here" in plain.text
    plain.open("models/new/easy/openai/credentials/?model=gpt-4o")
    assert "already here" not in plain.text


def test_a_model_that_is_here_at_another_base_url_is_offered(plain: Wizard, allowed: RunningProvider) -> None:
    """Step 3 says *Already added*; step 4 then begins with that model's base URL, and says so."""
    last_step(plain, OPENAI, allowed.url).press("confirm")
    plain.open("models/new/easy/openai/credentials/?model=gpt-4o-mini")
    assert plain.fields["base_url"] == allowed.url + OPENAI.path
    assert "<details open>" in plain.html
    assert "gpt-4o-mini is already here: this adds a connection to it. Its base URL is" in plain.text
    plain.fill(name="batch", key=OPENAI.keys.second).press("confirm")
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 2)


@pytest.mark.parametrize(("changed", "error"), [({}, "key"), ({"key": OPENAI.keys.second}, "name")])
def test_the_same_again_later_is_no_double_click(plain: Wizard, allowed: RunningProvider, changed: dict[str, str], error: str) -> None:
    """A form that was opened anew says that the name or the key is there, and not that something was added."""
    last_step(plain, OPENAI, allowed.url).press("confirm")
    Connection.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    last_step(plain, OPENAI, allowed.url).fill(**changed).press("confirm")
    assert plain.status == 422
    assert f'id="id_{error}_error"' in plain.html
    assert Connection.objects.count() == 1


def test_the_same_name_and_key_for_another_deployment_is_no_double_click(plain: Wizard, allowed: RunningProvider) -> None:
    last_step(plain, AZURE, allowed.url).press("confirm")
    last_step(plain, AZURE, allowed.url).fill(p_deployment="claims-4o").press("confirm")
    assert plain.status == 422
    assert Connection.objects.get().parameters["deployment"] == "gpt-4o"


def test_at_another_base_url_it_is_another_model(plain: Wizard, allowed: RunningProvider) -> None:
    """Numbered, because the name is taken. A slash at the end makes no other address."""
    last_step(plain, OPENAI, allowed.url).press("confirm")
    last_step(plain, OPENAI, allowed.url, name="slash", key=OPENAI.keys.second).fill(base_url=f"{allowed.url}/openai/v1/").press("confirm")
    assert ExternalModel.objects.count() == 1
    last_step(plain, OPENAI, f"{allowed.url}/fault/gzip", name="other").press("confirm")
    assert sorted(ExternalModel.objects.values_list("name", flat=True)) == ["gpt-4o-mini", "gpt-4o-mini 2"]


def test_the_same_key_again(wizard: Wizard, allowed: RunningProvider) -> None:
    """A7: another connection of the model has it."""
    last_step(wizard, OPENAI, allowed.url).press("confirm")
    last_step(wizard, OPENAI, allowed.url, name="other").press("confirm")
    assert "The connection “claims-prod” of this model already uses this key" in wizard.text
    wizard.fill(key=OPENAI.keys.second).press("confirm")
    assert Connection.objects.count() == 2


def test_a_connection_name_that_is_taken(wizard: Wizard, allowed: RunningProvider) -> None:
    """The key was accepted and is kept: only the name has to be typed."""
    last_step(wizard, OPENAI, allowed.url).press("confirm")
    last_step(wizard, GOOGLE, allowed.url, name="Claims-Prod").press("confirm")
    assert "already has a connection named “Claims-Prod”" in wizard.text
    wizard.fill(name="other").press("confirm")
    assert wizard.location == LIST, wizard.text


def test_a_second_click(wizard: Wizard, allowed: RunningProvider) -> None:
    """The same form twice: one model, one connection, and no error."""
    last_step(wizard, OPENAI, allowed.url)
    twin = Wizard(wizard.client, scripts=wizard.scripts, url=wizard.url, fields=dict(wizard.fields), buttons=wizard.buttons, _method="post")
    wizard.press("confirm")
    twin.press("confirm")
    assert twin.location, twin.text
    assert (ExternalModel.objects.count(), Connection.objects.count()) == (1, 1)
    assert events().count("connection.added") == 1


def test_a_provider_that_repeats_the_key(wizard: Wizard, allowed: RunningProvider) -> None:
    """A9: an upstream error text may hold it, in clear and encoded."""
    last_step(wizard, OPENAI, f"{allowed.url}/fault/leak", key=WRONG).press("confirm")
    assert "Unknown key" in wizard.text
    assert WRONG not in wizard.seen
    assert WRONG not in str(list(AuditEvent.objects.values()))


# Who may


def test_reviewers_and_viewers_may_not(cast: Cast, client_for: ClientFor, allowed: RunningProvider) -> None:
    for person, status in [(cast.rita, 403), (cast.vic, 403), (cast.charlie, 404)]:
        url = "/w/harbor/models/new/easy/openai/credentials/?model=gpt-4o"
        assert client_for(person).get(url).status_code == status
        assert client_for(person).post(url, {"name": "x", "key": "y", "step": "confirm"}).status_code == status
    assert allowed.recorded == []


def test_the_row_says_how_the_last_use_went(plain: Wizard, allowed: RunningProvider) -> None:
    """Also long after the toast of *Test* is gone."""
    last_step(plain, OPENAI, allowed.url).press("confirm")
    connection = Connection.objects.get()
    page = reverse("connections:connection_list", args=["harbor", connection.model_id])
    test = reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk])
    plain.client.post(test)
    assert "</time>, passed</small>" in plain.client.get(page).content.decode()
    Connection.objects.update(last_error="upstream_auth", inferencing_enabled=False)
    assert "</time>, failed</small>" in plain.client.get(page).content.decode()
    Connection.objects.update(last_error="", updated_at=timezone.now())
    assert "</time></small>" in plain.client.get(page).content.decode()


def test_where_the_key_is_and_whose_tile(plain: Wizard) -> None:
    plain.open("models/new/easy/openai/credentials/?model=gpt-9")
    link = '<a href="https://platform.openai.com/api-keys" target="_blank" rel="noopener">platform.openai.com/api-keys</a>.'
    assert f"In the OpenAI platform under API keys: {link}" in plain.html
    assert '<span class="tile tile--h1" aria-hidden="true">Oa</span>' in plain.html


def test_a_resource_name_that_is_not_used(plain: Wizard, allowed: RunningProvider) -> None:
    last_step(plain, AZURE, allowed.url, key=WRONG).press("confirm")
    assert "Not used: the base URL under Advanced has no {resource} in it." in plain.text
