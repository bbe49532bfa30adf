"""Spec 02, 5: Confirm wants a passed test of the configuration as it stands."""

import pytest

from apps.audit.models import AuditEvent
from apps.external_models.models import ExternalModel
from tests.onboarding.conftest import BODY, triage
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.sheet import Sheet

CHANGES: dict[str, dict[str, str]] = {
    "body": {"body": BODY.replace("60", "61")},
    "header value": {"h_0_value": "application/json; charset=utf-8"},
    "new header": {"h_2_key": "X-Desk", "h_2_value": "7"},
    "key": {"h_1_value": DEMO_KEYS["triage"].second},
    "URL": {"url": "{base}/triage/v3/assess?desk=7"},
    "method": {"method": "PUT"},
    "default of a variable": {"v_1_default": "0.9"},
}
SAME: dict[str, dict[str, str]] = {
    "name": {"name": "Another name"},
    "connection name": {"connection_name": "production"},
    "output path": {"output_path": "outcome.verdicts[0].body"},
    "token path": {"input_tokens_path": "meter.in", "output_tokens_path": "meter.out"},
}


def after_test(sheet: Sheet, provider: RunningProvider) -> Sheet:
    triage(sheet, provider).test(prompt="Hail on the roof")
    assert sheet.state == "current", sheet.text
    return sheet.fill(output_path="outcome.verdicts[1].body")


def test_a_change_of_the_request_needs_a_new_test(either: Sheet, allowed: RunningProvider) -> None:
    after_test(either, allowed)
    before = dict(either.fields)
    for what, change in CHANGES.items():
        either.fields = dict(before)
        either.fill(**{name: value.format(base=allowed.url) if name == "url" else value for name, value in change.items()})
        either.save("confirm")
        assert (either.status, either.state) == (422, "stale"), what
        assert "changed after the last test" in either.text, what
    assert not ExternalModel.objects.exists()
    either.save("untested")
    assert either.location == "/w/harbor/models/", either.text
    assert AuditEvent.objects.filter(event="model.activated_without_test").count() == 1


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_a_change_of_names_and_paths_does_not(sheet: Sheet, allowed: RunningProvider, change: dict[str, str]) -> None:
    after_test(sheet, allowed).fill(**change).save("confirm")
    assert sheet.location == "/w/harbor/models/", sheet.text
    assert ExternalModel.objects.get().tested_digest


def test_switching_a_variable_on_needs_a_new_test(either: Sheet, allowed: RunningProvider) -> None:
    after_test(either, allowed).press("variable_toggle", toggle="use_system_prompt")
    assert either.state == "stale"
    either.press("variable_toggle", toggle="use_system_prompt")
    assert either.state == "current"  # as it was


def test_an_address_parameter_is_part_of_the_request(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(url=f"{allowed.url}/triage/v3/{{desk}}").press("address")
    assert "p-desk" in either.fields
    either.fields["p-desk"] = "assess"
    either.test(prompt="Hail")
    assert either.state == "current", either.text
    either.fields["p-desk"] = "other"
    either.fill(output_path="ref").save("confirm")
    assert "changed after the last test" in either.text


def test_a_failed_test_does_not_count(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed, key="hk-wrong").test(prompt="Hail")
    either.fill(output_path="ref").save("confirm")
    assert either.status == 422
    assert "The last test did not pass" in either.text


def active(sheet: Sheet, provider: RunningProvider) -> Sheet:
    """Its edit page."""
    after_test(sheet, provider).save("confirm")
    return Sheet(sheet.client, scripts=sheet.scripts).open(ExternalModel.objects.get().pk)


def test_an_active_model_is_renamed_without_a_test(either: Sheet, allowed: RunningProvider) -> None:
    edit = active(either, allowed)
    edit.fill(name="Renamed").save("confirm")
    assert edit.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert (model.name, model.state, bool(model.tested_digest)) == ("Renamed", "active", True)


def test_an_active_models_new_body_wants_a_test(either: Sheet, allowed: RunningProvider) -> None:
    edit = active(either, allowed)
    edit.fill(body=BODY.replace("60", "61")).save("confirm")
    assert edit.status == 422
    assert "changed after the last test" in edit.text
    edit.test(prompt="Hail").save("confirm")
    assert edit.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert "61" in model.definition.body
    assert model.tested_digest


def test_an_active_model_saved_without_a_test_is_audited_as_such(either: Sheet, allowed: RunningProvider) -> None:
    edit = active(either, allowed)
    edit.fill(body=BODY.replace("60", "61")).save("untested")
    assert edit.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert (model.state, model.tested_digest) == ("active", "")
    event = AuditEvent.objects.filter(event="model.updated").latest("id")
    assert event.changes["tested"] == {"before": True, "after": False} or event.changes["tested"] == [True, False]


def test_an_active_model_is_never_saved_half_done(either: Sheet, allowed: RunningProvider) -> None:
    """*Save as draft* of a page that was opened before somebody confirmed the draft."""
    edit = active(either, allowed)
    edit.fill(body='{"ask": ').save("draft")
    assert edit.status == 422
    assert ExternalModel.objects.get().definition.body == BODY


def test_an_unknown_button_is_refused(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(output_path="ref").save("activate-it")
    assert either.status == 400
    assert not ExternalModel.objects.exists()
