"""Spec 02, *Existing provider structures*: features, an API reference and a model identifier instead of variables, body and paths."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.external_models.actions import copy_model
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.conftest import BODY, triage
from tests.support.cast import Cast
from tests.support.models import author
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.sheet import Sheet

# API reference: path at the demo provider, model, the header of its key, that of its version
ENDPOINTS = {
    "openai": ("/openai/v1/chat/completions", "gpt-4o-mini", "Authorization", ""),
    "anthropic": ("/anthropic/v1/messages", "claude-sonnet-4-5", "x-api-key", "anthropic-version"),
    "gemini": ("/gemini/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", "x-goog-api-key", ""),
}


def follow(sheet: Sheet, provider: RunningProvider, structure: str, *, key: str = "", features: str = "streaming") -> Sheet:
    """Fill the page in for an endpoint that imitates this API, with the headers that the page offers for it."""
    path, model, key_header, version = ENDPOINTS[structure]
    sheet.fields |= {"configuration": "structure", "structure": structure, "model_identifier": model}
    sheet.fields |= {f"feature-{feature}": "on" for feature in features.split()}
    sheet.fill(name=f"Like {structure}", url=provider.url + path)
    if version:
        sheet.press("configure", offer=version)
    sheet.press("configure", offer=key_header)
    sheet.fields[row_of(sheet, key_header)] = key or DEMO_KEYS[structure].accepted
    return sheet


def row_of(sheet: Sheet, header: str) -> str:
    """The value field of the row with this header."""
    row = next(name for name, value in sheet.fields.items() if value == header and re.fullmatch(r"h-\d+-key", name))
    return row.replace("-key", "-value")


def shown_request(sheet: Sheet) -> tuple[str, dict[str, Any]]:
    """Address and body of *Resulting request*."""
    start = sheet.html.index('id="request"')
    found = re.search(r"<pre[^>]*>(.*?)</pre>", sheet.html[start:], re.S)
    assert found
    address, _, body = html.unescape(re.sub(r"<[^>]+>", "", found[1])).partition("\n\n")
    return address, json.loads(body)


@pytest.mark.parametrize("structure", ENDPOINTS)
def test_from_a_blank_page_to_an_active_model(either: Sheet, allowed: RunningProvider, structure: str) -> None:
    """A wrong key first. What is sent is what the page showed; nothing had to be mapped."""
    follow(either, allowed, structure, key="sk-this-one-is-wrong-0000").test(prompt="Hail on a roof")
    refused = "upstream_refused" if structure == "gemini" else "upstream_auth"  # Google says 400 to a wrong key
    assert (either.failure, either.state) == (refused, "failed")
    either.save("confirm")
    assert "The last test did not pass" in either.text

    either.fields[row_of(either, ENDPOINTS[structure][2])] = DEMO_KEYS[structure].accepted
    either.test(prompt="Hail on a roof", system_prompt="You triage claims")
    assert (either.failure, either.state) == ("", "current")
    assert "Hail on a roof" in either.region("reading")
    either.press("configure")
    address, body = shown_request(either)
    sent = allowed.recorded[-1].request
    assert address == f"POST {allowed.url}{sent.path}"
    filled = json.dumps(body).replace("{{prompt}}", "Hail on a roof").replace("{{system_prompt}}", "You triage claims")
    assert json.loads(sent.body) == json.loads(filled)

    either.save("confirm")
    assert either.location == "/w/harbor/models/", either.text
    model = ExternalModel.objects.get()
    definition = model.definition
    assert (model.state, model.tested_digest != "") == ("active", True)
    assert (definition.wire_format, definition.model, definition.features) == (structure, ENDPOINTS[structure][1], ("streaming",))
    assert (definition.body, definition.paths.output, definition.custom_variables) == ("", "", ())
    assert Connection.objects.get().state == "on"
    assert DEMO_KEYS[structure].accepted not in either.seen


@pytest.mark.parametrize(
    ("body", "typed", "shown"),
    [
        ('{"model": "gpt-4.1", "n": {{n}}, "prompt": "{{prompt}}"}', "", "gpt-4.1"),
        ('{"model": "gpt-4.1"}', "my-own", "my-own"),
        ('{"model": "{{tone}}"}', "", ""),
        ("", "", ""),
    ],
)
def test_the_model_that_the_body_names_is_the_identifier_to_begin_with(either: Sheet, body: str, typed: str, shown: str) -> None:
    either.fill(body=body, configuration="structure", model_identifier=typed).press("configure")
    assert either.fields["model_identifier"] == shown


def test_a_connections_test_uses_the_structure_too(sheet: Sheet, allowed: RunningProvider) -> None:
    follow(sheet, allowed, "anthropic").test(prompt="Hail").save("confirm")
    connection = Connection.objects.get()
    sheet.client.post(f"/w/harbor/models/{connection.model_id}/connections/{connection.pk}/test/")
    assert [recorded.request.path for recorded in allowed.recorded] == ["/anthropic/v1/messages"] * 2


def test_going_back_and_forth_loses_nothing(either: Sheet, allowed: RunningProvider) -> None:
    """Everything typed for one configuration is there after a look at the other, and after a draft."""
    triage(either, allowed).fill(method="PUT", output_path="outcome.text")
    either.press("variable_toggle", toggle="use_system_prompt")
    either.fields["configuration"] = "structure"
    either.press("configure")
    either.fields |= {
        "structure": "gemini",
        "model_identifier": "gemini-2.5-pro",
        "feature-tool_calling": "on",
        "modality-image_to_text": "on",
    }
    either.press("configure")
    either.fields["configuration"] = "default"
    either.press("configure")

    def typed(sheet: Sheet) -> dict[str, str]:
        names = ["method", "body", "output_path", "use_system_prompt", "v-0-name", "v-1-name", "v-1-type"]
        names += ["model_identifier", "feature-tool_calling", "modality-image_to_text", "configuration"]
        return {name: sheet.fields.get(name, "") for name in names}

    expected = {
        "method": "PUT", "body": BODY, "output_path": "outcome.text", "use_system_prompt": "on",
        "v-0-name": "line", "v-1-name": "heat", "v-1-type": "number",
        "model_identifier": "gemini-2.5-pro", "feature-tool_calling": "on", "modality-image_to_text": "on", "configuration": "default",
    }  # fmt: skip
    assert typed(either) == expected
    either.save("draft")
    model = ExternalModel.objects.get()
    assert typed(Sheet(either.client).open(model.pk)) == expected

    again = Sheet(either.client, scripts=either.scripts).open(model.pk)
    again.fields |= {"configuration": "structure", "structure": "gemini"}
    again.save("draft")
    assert ExternalModel.objects.get().definition.wire_format == "gemini"
    assert typed(Sheet(either.client).open(model.pk)) == {**expected, "configuration": "structure"}


def test_confirm_keeps_only_what_is_used(sheet: Sheet, allowed: RunningProvider) -> None:
    """A template does not claim features that were tried out in the other configuration, and the other way round."""
    follow(triage(sheet, allowed), allowed, "openai").test(prompt="Hail").save("confirm")
    definition = ExternalModel.objects.get().definition
    assert (definition.body, definition.custom_variables) == ("", ())

    other = triage(Sheet(sheet.client).open(), allowed, name="By hand")
    other.fields |= {"feature-streaming": "on", "modality-text_to_text": "on", "model_identifier": "x"}
    other.test(prompt="Hail").fill(output_path="ref").save("confirm")
    definition = ExternalModel.objects.get(name="By hand").definition
    assert (definition.is_template, definition.features, definition.modalities, definition.model) == (True, (), (), "")


def test_a_draft_sent_again_after_back_is_the_same_model(sheet: Sheet, allowed: RunningProvider) -> None:
    """Also when it keeps what the configuration does not use."""
    follow(triage(sheet, allowed), allowed, "openai").test(prompt="Hail")
    back = Sheet(sheet.client, fields=dict(sheet.fields))
    sheet.save("draft")
    back.save("confirm")
    assert back.location == "/w/harbor/models/", back.text
    assert [model.state for model in ExternalModel.objects.all()] == ["active"]


def test_what_confirm_wants(either: Sheet, allowed: RunningProvider) -> None:
    """At least one feature or modality, the identifier, an API reference that there is; Parallel tool calling needs Tool calling."""
    follow(either, allowed, "openai", features="")
    either.fields |= {"model_identifier": " ", "structure": "gpt-over-carrier-pigeon"}
    either.save("untested")
    assert either.status == 422
    assert "Enter the name that the endpoint knows the model by" in either.problem("model_identifier")
    assert "Switch on at least one feature or modality" in either.problem("features")
    assert "Choose the API" in either.problem("structure")

    either.fields |= {"model_identifier": "m" * 201, "structure": "openai", "feature-parallel_tool_calling": "on"}
    either.save("untested")
    assert "at most 200 characters; this is 201" in either.problem("model_identifier")
    assert "needs Tool calling" in either.problem("features")

    either.fields |= {"model_identifier": "gpt-4o-mini", "feature-tool_calling": "on"}
    either.save("confirm")
    assert "has not been tested" in either.text
    either.save("untested")
    assert either.location == "/w/harbor/models/", either.text
    assert AuditEvent.objects.filter(event="model.activated_without_test").count() == 1


def test_a_modality_alone_is_enough(sheet: Sheet, allowed: RunningProvider) -> None:
    """Spec 02 counts Modalities among the features."""
    follow(sheet, allowed, "openai", features="").fields["modality-text_to_text"] = "on"
    sheet.test(prompt="Hail").save("confirm")
    assert ExternalModel.objects.get().definition.modalities == ("text_to_text",)


def test_a_draft_keeps_it_unfinished(sheet: Sheet) -> None:
    sheet.fields |= {"configuration": "structure", "structure": "anthropic", "feature-parallel_tool_calling": "on"}
    sheet.save("draft")
    definition = ExternalModel.objects.get().definition
    assert (definition.wire_format, definition.model, definition.features) == ("anthropic", "", ("parallel_tool_calling",))


def test_what_the_hidden_configuration_lacks_is_no_problem(sheet: Sheet, allowed: RunningProvider) -> None:
    follow(sheet, allowed, "openai").fill(body='{"ask": ', output_path="choices[", input_tokens_path="$$")
    sheet.test(prompt="Hail").save("confirm")
    assert sheet.location == "/w/harbor/models/", sheet.text


def test_what_the_test_covers(sheet: Sheet, allowed: RunningProvider) -> None:
    """An edit of what is sent puts the test out of date; what the model is said to be able to do is not sent."""
    follow(sheet, allowed, "openai").test(prompt="Hail")
    states = {}
    for change in [
        {"feature-tool_calling": "on"},
        {"modality-text_to_text": "on"},
        {"model_identifier": "gpt-4o"},
        {"structure": "anthropic"},
    ]:
        kept = dict(sheet.fields)
        sheet.fields |= change
        states[next(iter(change))] = sheet.press("configure").state
        sheet.fields = kept
    assert states == {
        "feature-tool_calling": "current",
        "modality-text_to_text": "current",
        "model_identifier": "stale",
        "structure": "stale",
    }


def test_an_answer_of_another_shape_does_not_pass(sheet: Sheet, allowed: RunningProvider) -> None:
    follow(sheet, allowed, "openai").fill(url=f"{allowed.url}/echo/v1/chat/completions").test(prompt="Hail")
    assert (sheet.failure, sheet.state) == ("not_the_format", "failed")


def test_a_path_parameter_stands_in_the_address(either: Sheet, allowed: RunningProvider) -> None:
    follow(either, allowed, "openai").fill(url=allowed.url + "/{team}/v1/chat/completions")
    either.press("address")
    assert shown_request(either)[0] == f"POST {allowed.url}/{{team}}/v1/chat/completions"
    either.fields["p-team"] = "openai"
    either.press("configure")
    assert shown_request(either)[0] == f"POST {allowed.url}/openai/v1/chat/completions"
    assert either.test(prompt="Hail").failure == ""


def test_gemini_says_where_calls_go(either: Sheet, allowed: RunningProvider) -> None:
    """The model stands in the address: another identifier is noticed, and where streamed calls go is shown."""
    follow(either, allowed, "gemini").press("configure")
    assert f"Streamed calls go to {allowed.url}/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse" in either.text
    assert "model" not in shown_request(either)[1]
    either.fields["model_identifier"] = "gemini-2.5-pro"
    either.press("configure")
    assert "The address calls the model gemini-2.5-flash, the model identifier says gemini-2.5-pro" in either.text


def test_a_base_url_is_noticed_and_not_changed(either: Sheet) -> None:
    either.fields |= {"configuration": "structure", "structure": "openai", "url": "https://models.example.com/v1"}
    either.press("address")
    assert "Chat Completions are served at https://models.example.com/v1/chat/completions" in either.text
    assert either.fields["url"] == "https://models.example.com/v1"


def test_header_offers_are_no_orders(either: Sheet, allowed: RunningProvider) -> None:
    """What the API's own documentation asks for is offered once; a gateway with a header of its own works without."""
    either.fields |= {"configuration": "structure", "structure": "anthropic"}
    either.press("configure")
    button = 'id="offer-anthropic-anthropic-version"'
    assert button in Sheet(either.client).open().html
    either.press("configure", offer="anthropic-version")
    assert either.fields[row_of(either, "anthropic-version")] == "2023-06-01"
    assert either.html.count(button) == (1 if either.scripts else 0)  # with scripts: what takes it away
    either.press("configure", offer="anthropic-version").press("configure", offer="X-Anything-Else")
    assert list(either.fields.values()).count("anthropic-version") == 1
    assert "X-Anything-Else" not in either.fields.values()


def test_the_key_is_kept_without_the_word_before_it(either: Sheet, allowed: RunningProvider) -> None:
    """Pasted with "Bearer" or without: it is sent once, and the hint shows the end of the key."""
    key = DEMO_KEYS["openai"].accepted
    follow(either, allowed, "openai", key=f"Bearer {key}").test(prompt="Hail")
    assert either.failure == ""
    assert allowed.recorded[-1].request.header("authorization") == f"Bearer {key}"
    either.save("confirm")
    (header,) = [header for header in ExternalModel.objects.get().definition.headers if header.secret]
    assert (header.name, header.prefix, header.value) == ("Authorization", "Bearer ", "")
    assert Connection.objects.get().key_hint == "sk-…7Q2M"
    again = Sheet(either.client, scripts=either.scripts).open(ExternalModel.objects.get().pk)
    assert "Sent as Bearer and the value" in again.text
    again.test(prompt="Hail again")
    assert allowed.recorded[-1].request.header("authorization") == f"Bearer {key}"


def test_a_word_before_a_key_cannot_be_made_up(sheet: Sheet, allowed: RunningProvider) -> None:
    """It is a hidden field of the page: only a word that a header can hold is one."""
    follow(sheet, allowed, "openai")
    lead = row_of(sheet, "Authorization").replace("-value", "-lead")
    sheet.fields[lead] = "Bearer\r\nX-Evil: 1 "
    sheet.test(prompt="Hail")
    assert allowed.recorded[-1].request.header("authorization") == DEMO_KEYS["openai"].accepted


def test_values_of_the_response_are_not_for_picking(either: Sheet, allowed: RunningProvider) -> None:
    """There is nothing to map, so the tree has no buttons."""
    follow(either, allowed, "openai").test(prompt="Hail")
    assert "choices" in either.html
    assert 'name="pick"' not in either.html


def test_definition_copy_and_audit(cast: Cast, client_for: ClientFor, sheet: Sheet, allowed: RunningProvider) -> None:
    """The Definition tab, the copy and the audit log say it in words."""
    follow(sheet, allowed, "openai", features="streaming structured_response").fields["modality-image_to_text"] = "on"
    sheet.test(prompt="Hail").save("confirm")
    model = ExternalModel.objects.get()
    page = said(sheet.client, f"/w/harbor/models/{model.pk}/definition/")
    for words in ["OpenAI (Chat Completions)", "gpt-4o-mini", "Structured response", "Streaming", "Image to text", "Authorization: Bearer"]:
        assert words in page, words
    assert "JSON paths" not in page

    copy = copy_model(model, by=author(cast.adam), workspace=cast.harbor)
    assert copy.definition == model.definition

    edit = Sheet(sheet.client).open(model.pk)
    del edit.fields["feature-streaming"]
    edit.fields["model_identifier"] = "gpt-4o"
    edit.save("untested")
    changes = AuditEvent.objects.filter(event="model.updated").latest("id").changes
    assert changes["model features"] == {"before": "Structured response, Streaming", "after": "Structured response"}
    assert changes["model identifier"] == {"before": "gpt-4o-mini", "after": "gpt-4o"}
    assert "model configuration" not in changes

    back = triage(Sheet(sheet.client).open(model.pk), allowed)
    back.fields["configuration"] = "default"
    back.fill(output_path="ref").save("untested")
    changes = AuditEvent.objects.filter(event="model.updated").latest("id").changes
    assert changes["model configuration"] == {"before": "OpenAI (Chat Completions)", "after": "Default"}
    assert changes["model features"] == {"before": "Structured response", "after": None}


def said(client: Client, url: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", client.get(url).content.decode()).split())
