"""Spec 02, *Variables*: the dialog, the toggles, and what the body uses."""

import pytest

from apps.external_models.models import ExternalModel
from apps.providers.types import DataType, Variable
from tests.support.provider import RunningProvider
from tests.support.sheet import Sheet


def saved(sheet: Sheet) -> tuple[Variable, ...]:
    sheet.save("draft")
    return stored()


def stored() -> tuple[Variable, ...]:
    return ExternalModel.objects.get().definition.custom_variables


DEFAULTS: list[tuple[str, str, object]] = [
    ("string", "motor", "motor"),
    ("string", "42", "42"),
    ("string", "", None),
    ("number", "0", 0),
    ("number", "-0.25", -0.25),
    ("number", "12345678901234567890", 12345678901234567890),
    ("boolean", "false", False),
    ("boolean", "true", True),
    ("json", '{"b": [1, null], "a": "ü"}', {"b": [1, None], "a": "ü"}),
    ("json", "[]", []),
    ("json", "", None),
]


def test_a_default_of_each_type_survives_the_page_and_the_database(either: Sheet, db: None) -> None:
    for number, (kind, text, _) in enumerate(DEFAULTS):
        either.add_variable(f"v{number}", kind, label="A <b>value</b>", default=text, required="on")
    either.press("address").press("variable_dialog").press("variable_toggle", toggle="use_examples")
    defaults = [default for _, _, default in DEFAULTS]
    assert [variable.default for variable in saved(either)] == defaults
    assert {(variable.display_name, variable.required) for variable in stored()} == {("A <b>value</b>", True)}
    assert [variable.data_type for variable in stored()] == [DataType(kind) for kind, _, _ in DEFAULTS]

    again = Sheet(either.client).open(ExternalModel.objects.get().pk)
    assert (again.fields["v-0-name"], again.fields["v-0-type"], again.fields["v-0-required"]) == ("v0", "string", "on")
    again.save("draft")
    assert [variable.default for variable in stored()] == defaults
    assert "<b>value</b>" not in either.seen + again.seen


def test_add_edit_and_remove(either: Sheet, db: None) -> None:
    either.add_variable("tone", label="Tone").add_variable("heat", "number", default="0.2")
    either.press("variable_dialog", edit="tone")
    assert (either.fields["nv-name"], either.fields["nv-label"], either.fields["nv-editing"]) == ("tone", "Tone", "tone")
    either.fields |= {"nv-name": "voice", "nv-label": "Voice"}
    either.press("variable_save")
    assert "variable" not in either.ids  # the dialog is gone
    either.press("variable_remove", remove="heat")
    assert [variable.name for variable in saved(either)] == ["voice"]


NAMES: list[tuple[str, str]] = [
    ("", "Enter a name"),
    ("9lives", "letter"),
    ("with space", ""),
    ("ünïcode", ""),
    ("a" * 65, "64"),
    ("prompt", "prompt variable"),
    ("system.prompt", "prompt variable"),
    ("examples", "prompt variable"),
    ("tone", "already"),
]


def test_a_bad_or_taken_name_is_refused_in_the_dialog(either: Sheet, db: None) -> None:
    either.add_variable("tone")
    for name, words in NAMES:
        either.add_variable(name, default="kept")
        assert either.status == 422, name
        assert "variable" in either.ids, name
        assert words in either.text, name
        assert 'aria-invalid="true"' in either.html, name
        assert (either.fields["nv-name"], either.fields["nv-default"]) == (name, "kept")
    assert [variable.name for variable in saved(either)] == ["tone"]


def test_names_that_are_right(either: Sheet, db: None) -> None:
    """Letter or _ first, then letters, digits, `_`, `.`, `-`; at most 64; case-sensitive."""
    names = ["tone", "Tone", "_x", "a.b-c_9", "a" * 64]
    for name in names:
        either.add_variable(name)
    assert [variable.name for variable in saved(either)] == names


def test_a_default_that_is_not_of_its_type_is_refused(either: Sheet, db: None) -> None:
    for kind, text in [("number", "many"), ("number", "NaN"), ("boolean", "perhaps"), ("json", "{a: 1}")]:
        either.add_variable("v", kind, default=text)
        assert either.status == 422, text
        assert either.html.count('aria-invalid="true"') == 1, text


@pytest.mark.parametrize("body", ['{"a": "{{tone}}", "b": "{{prompt}}"}', '{"a": "{{tone}}", '], ids=["valid", "not JSON"])
def test_removing_one_that_the_body_uses_says_so(either: Sheet, db: None, body: str) -> None:
    either.add_variable("tone").fill(body=body).press("variable_remove", remove="tone")
    assert "tone is removed, but the body still uses it" in either.text
    assert "v-0-name" not in either.fields


def test_removing_one_that_is_not_used_says_nothing(either: Sheet, db: None) -> None:
    either.add_variable("tone").fill(body='{"a": "{{prompt}}"}').press("variable_remove", remove="tone")
    assert "still uses it" not in either.text


def test_the_table_says_which_the_body_uses(either: Sheet, db: None) -> None:
    either.fill(body='{"a": "{{ tone }}"}').add_variable("tone").add_variable("other")
    assert 'data-used="tone">Yes<' in either.html
    assert 'data-used="other">Not in the body<' in either.html


@pytest.mark.parametrize(("switch", "name"), [("use_system_prompt", "system_prompt"), ("use_examples", "examples")])
def test_prompt_variables_are_switched_on_and_off(either: Sheet, allowed: RunningProvider, switch: str, name: str) -> None:
    body = f'{{"ask": "{{{{prompt}}}}", "more": "{{{{{name}}}}}"}}'
    either.fill(name="x", url=f"{allowed.url}/echo", body=body).press("sample")
    assert name in either.problem("body")
    either.press("variable_toggle", toggle=switch).press("sample")
    assert either.status == 200
    assert f"s-{name}" in either.fields
    either.press("variable_toggle", toggle=switch)
    assert name in either.press("sample").problem("body")


def test_system_prompt_has_two_spellings(either: Sheet, allowed: RunningProvider) -> None:
    either.press("variable_toggle", toggle="use_system_prompt")
    either.fill(name="x", url=f"{allowed.url}/echo", body='{"a": "{{system.prompt}}", "b": "{{prompt}}"}')
    either.test(prompt="p", system_prompt="s")
    assert allowed.recorded[0].request.body == b'{"a":"s","b":"p"}'


def test_a_dialog_keeps_what_was_typed_on_the_page(either: Sheet, db: None) -> None:
    """Spec 02: Back never loses what was typed."""
    typed = {"name": "N", "url": "https://x.example/{region}", "body": '{"a":\n  1}\n', "output_path": "a.b", "method": "PUT"}
    either.fill(**typed, h_0_key="X-A", h_0_value="1", h_4_key="X-B", h_4_value="<2>").press("address")
    either.fields["p-region"] = "eu"
    either.add_variable("tone").press("variable_toggle", toggle="use_examples").press("variable_dialog", edit="tone")
    kept = {name: either.fields[name] for name in typed}
    assert kept == typed
    assert (either.fields["p-region"], either.fields["h-4-value"]) == ("eu", "<2>")
