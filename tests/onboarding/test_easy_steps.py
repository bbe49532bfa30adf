"""Spec 02, Add a model: the steps before the key, as pages and as a dialog, with everything chosen in the address."""

from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from apps.catalog.models import CatalogModel, Price
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.wizard import Wizard


@pytest.fixture(params=["plain", "htmx"])
def wizard(request: pytest.FixtureRequest, cast: Cast, client_for: ClientFor) -> Wizard:
    return Wizard(client_for(cast.bob), scripts=request.param == "htmx")


def a_model(model_id: str, name: str = "", *, provider: str = "anthropic", price: str = "", **known: object) -> CatalogModel:
    row = CatalogModel(provider=provider, model_id=model_id, name=name or model_id, **known)
    row.place()
    row.save()
    if price:
        Price.objects.create(
            model=row,
            source="test",
            version="1",
            valid_from=timezone.now() - timedelta(days=1),
            input=Decimal(price),
            output=Decimal(price) * 5,
        )
    return row


def test_the_way_to_the_key(wizard: Wizard) -> None:
    """Each step has its own address, which says what was chosen."""
    a_model("claude-haiku-4-5", "Claude Haiku 4.5", price="1", context_window=200_000, input_words="text image", output_words="text")
    wizard.open()
    assert (wizard.step, wizard.status) == ("integration", 200)
    wizard.fill(kind="easy").press()
    assert (wizard.step, wizard.status) == ("provider", 200)
    assert "Anthropic1 model · API key" in wizard.text
    assert "Azure OpenAIkey and deployment" in wizard.text
    wizard.fill(provider="anthropic").press()
    assert (wizard.step, wizard.url) == ("model", "/w/harbor/models/new/easy/anthropic/")
    assert "Claude Haiku 4.5claude-haiku-4-5Text, image200K context$1.00 in$5.00 out" in wizard.text
    wizard.fill(model="claude-haiku-4-5").press()
    assert (wizard.step, wizard.url) == ("credentials", "/w/harbor/models/new/easy/anthropic/credentials/?model=claude-haiku-4-5")
    assert "Claude Haiku 4.5" in wizard.text
    again = Wizard(wizard.client, scripts=wizard.scripts).get(wizard.url)  # a refresh, or another tab
    assert (again.step, again.fields) == (wizard.step, wizard.fields | {"csrfmiddlewaretoken": again.fields["csrfmiddlewaretoken"]})


def test_a_dialog_says_its_address(cast: Cast, client_for: ClientFor) -> None:
    """With htmx the address moves along; without, the step is a whole page."""
    bob = client_for(cast.bob)
    whole = bob.get("/w/harbor/models/new/")
    assert b"<!doctype html>" in whole.content
    assert "HX-Push-Url" not in whole.headers
    part = bob.get("/w/harbor/models/new/", headers={"HX-Request": "true"})
    assert part.content.strip().startswith(b"<dialog")
    assert part.headers["HX-Push-Url"] == "/w/harbor/models/new/"


def test_custom_and_bedrock_have_pages_of_their_own(wizard: Wizard) -> None:
    assert wizard.open().fill(kind="custom").press().location == "/w/harbor/models/new/custom/"
    assert wizard.open("models/new/easy/").fill(provider="bedrock").press().location == "/w/harbor/models/new/bedrock/"


def test_back_loses_nothing(wizard: Wizard) -> None:
    """Spec 02: what was typed in the last step, and the model, are there again; the key is not."""
    wizard.open("models/new/easy/azure/credentials/?model=gpt-9")
    wizard.fill(name="claims-prod", key="az-typed-but-not-kept", p_resource="harbor", p_deployment="mine", base_url="https://proxy.example")
    wizard.press("model")
    assert (wizard.step, wizard.fields["model"]) == ("model", "gpt-9")
    wizard.press("provider")
    assert (wizard.step, wizard.fields["provider"]) == ("provider", "azure")
    wizard.press("integration").fill(kind="easy").press()
    assert (wizard.step, wizard.fields["provider"]) == ("provider", "azure")
    wizard.press()
    assert (wizard.step, wizard.fields["model"]) == ("model", "gpt-9")
    wizard.press()
    assert wizard.step == "credentials"
    kept = {name: wizard.fields[name] for name in ("name", "p-resource", "p-deployment", "base_url")}
    assert kept == {"name": "claims-prod", "p-resource": "harbor", "p-deployment": "mine", "base_url": "https://proxy.example"}
    assert wizard.fields["key"] == ""
    assert "az-typed-but-not-kept" not in wizard.seen


def test_the_search_comes_back_too(wizard: Wizard) -> None:
    for number in range(3):
        a_model(f"claude-{number}", f"Claude {number}", price="1")
    wizard.open("models/new/easy/anthropic/").fill(model="claude-1", q="claude").press()
    assert wizard.query == {"model": "claude-1", "q": "claude"}
    wizard.press("model")
    assert (wizard.step, wizard.fields["q"], wizard.fields["model"]) == ("model", "claude", "claude-1")
    assert 'name="q" value="claude"' in wizard.html


def test_cancel_leads_to_where_the_wizard_was_opened(wizard: Wizard) -> None:
    """Carried by the address, through every step; only a page of this workspace."""
    here = "/w/harbor/models/supported/?q=opus"
    wizard.open(f"models/new/easy/anthropic/credentials/?{urlencode({'model': 'claude-9', 'away': here})}")
    wizard.fill(name="typed")
    for step in ("model", "provider", "integration"):
        wizard.press(step)
        assert f'href="{here}" data-close' in wizard.html
    for other in ("https://evil.example/", "//evil.example/w/harbor/", "/w/other/models/", "javascript:alert(1)"):
        wizard.open(f"models/new/?{urlencode({'away': other})}")
        assert 'href="/w/harbor/models/" data-close' in wizard.html
        assert f'href="{other}"' not in wizard.html


def test_a_step_says_whether_anything_was_typed(wizard: Wizard) -> None:
    """What was chosen is chosen again in a moment; what was typed is asked about before it is thrown away."""
    for address in ("", "easy/", "easy/openai/?model=gpt-9", "easy/azure/credentials/?model=gpt-9&q=gpt&away=/w/harbor/models/supported/"):
        assert " data-dirty" not in wizard.open(f"models/new/{address}").html, address
    wizard.fill(name="prod").press("model")
    assert " data-dirty" in wizard.html
    assert " data-dirty" in wizard.press("provider").html


def test_another_provider_gets_only_the_name(wizard: Wizard) -> None:
    wizard.open("models/new/easy/azure/credentials/?model=gpt-9&name=claims-prod&base_url=https://proxy.example")
    wizard.press("model").press("provider").fill(provider="cohere").press()
    assert (wizard.step, wizard.fields["model"]) == ("model", "")
    wizard.fill(model="command-a").press()
    assert (wizard.fields["name"], wizard.fields["base_url"]) == ("claims-prod", "https://api.cohere.com")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Choose a model"),
        ("two words", "no blanks"),
        ("tab\there", "no blanks"),
        ("zero\u200bwidth", "invisible"),
        ("nul\x00", "invisible"),
        ("m" * 201, "at most 200"),
    ],
)
def test_a_model_id_that_is_none(wizard: Wizard, typed: str, says: str) -> None:
    wizard.open("models/new/easy/openai/").fill(model=typed).press()
    assert (wizard.step, wizard.status) == ("model", 422)
    assert says in wizard.text


@pytest.mark.parametrize("typed", ["gpt-9", "ft:gpt-4o:harbor::abc", "models/gemini-x", "m" * 200, "größe"])
def test_a_typed_model_id(wizard: Wizard, typed: str) -> None:
    """A model that the catalogue does not know; also before the catalogue has any."""
    wizard.open("models/new/easy/openai/")
    assert "The catalogue has no models of OpenAI yet" in wizard.text
    wizard.fill(model=typed).press()
    assert (wizard.step, wizard.query["model"]) == ("credentials", typed)


def test_typing_in_beside_a_list(wizard: Wizard) -> None:
    a_model("claude-haiku-4-5")
    wizard.open("models/new/easy/anthropic/?typed=1")
    assert "Choose from the list" in wizard.text
    assert wizard.fill(model="claude-next").press().step == "credentials"


def test_the_search(cast: Cast, client_for: ClientFor) -> None:
    """With scripts only the list changes; without, the page. What finds nothing offers to type it in."""
    a_model("claude-haiku-4-5", "Claude Haiku 4.5")
    a_model("claude-opus-4-5", "Claude Opus 4.5")
    plain = Wizard(client_for(cast.bob)).open("models/new/easy/anthropic/?q=opus")
    assert "claude-opus-4-5" in plain.text
    assert "claude-haiku-4-5" not in plain.text
    part = client_for(cast.bob).get(
        "/w/harbor/models/new/easy/anthropic/", {"q": "haiku"}, headers={"HX-Request": "true", "HX-Target": "model-options"}
    )
    assert b"claude-haiku-4-5" in part.content
    assert b"<dialog" not in part.content
    assert part.headers["HX-Replace-Url"].endswith("?q=haiku")
    assert "typed in" in Wizard(client_for(cast.bob)).open("models/new/easy/anthropic/?q=nothing\x00").text


def test_what_the_list_says(wizard: Wizard) -> None:
    """Retirement where known; nothing where nothing is known, and the retired are not offered."""
    a_model("old", "Old", retires_on=date(2999, 1, 5))
    a_model("gone", "Gone", retires_on=date(2020, 1, 5))
    a_model("plain", "Plain")
    wizard.open("models/new/easy/anthropic/")
    assert "Old Retires 5 Jan 2999" in wizard.text
    assert "PlainplainNo price known" in wizard.text
    assert "Gone" not in wizard.text


def test_a_long_list_has_pages(wizard: Wizard) -> None:
    for number in range(60):
        a_model(f"m-{number:02}", f"Model {number:02}")
    wizard.open("models/new/easy/anthropic/")
    assert wizard.html.count('name="model"') == 50
    assert "Next models" in wizard.text
    chosen = Wizard(wizard.client, scripts=wizard.scripts).open("models/new/easy/anthropic/?model=m-59")
    assert chosen.fields["model"] == "m-59"  # what was chosen is there, whatever page it is on


@pytest.mark.parametrize("path", ["nonsense/", "bedrock/", "custom/", "nonsense/credentials/?model=x", "bedrock/credentials/?model=x"])
def test_a_provider_that_is_none(wizard: Wizard, path: str) -> None:
    assert wizard.open(f"models/new/easy/{path}").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "models/new/?kind=nonsense&step=next",
        "models/new/easy/?provider=nonsense&step=next",
        "models/new/easy/?step=next",
        "models/new/easy/?provider=custom&step=next",
    ],
)
def test_a_choice_that_is_none(wizard: Wizard, path: str) -> None:
    wizard.open(path)
    assert wizard.status == 422
    assert "Choose" in wizard.text


@pytest.mark.parametrize("path", ["models/new/easy/?step=model", "models/new/easy/?step=credentials", "models/new/?step=provider"])
def test_a_button_that_the_step_does_not_have(wizard: Wizard, path: str) -> None:
    assert wizard.open(path).status == 200


def test_without_a_model_the_key_is_not_asked_for(wizard: Wizard) -> None:
    assert wizard.open("models/new/easy/openai/credentials/").step == "model"
    assert wizard.open("models/new/easy/openai/credentials/?model=two%20words").status == 422
