"""Spec 02, Custom integration: from an empty page to an active model, by plain forms and by htmx."""

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.onboarding.conftest import BODY, KEY, triage
from tests.support.provider import RunningProvider
from tests.support.sheet import Sheet

PATHS = {"a": "outcome.verdicts[1].body", "b": "meter.in", "c": "meter.out"}


def events() -> list[str]:
    return list(AuditEvent.objects.filter(category__in=["models", "connections"]).order_by("id").values_list("event", flat=True))


def test_from_an_empty_page_to_an_active_model(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: the whole way, with the key wrong once."""
    triage(either, allowed, key="hk-not-the-key-0000")

    either.save("confirm")
    assert either.status == 422
    assert "has not been tested" in either.text or "Choose where the answer's text is" in either.text
    assert not ExternalModel.objects.exists()

    either.fill(h_1_value="hk-not-the-key-0000").test(prompt="Rear-end collision")
    assert either.status == 200
    assert "403 Forbidden" in either.text
    assert "key not known" in either.text
    assert either.state == "failed"

    either.fill(h_1_value=KEY).test(prompt="Rear-end collision on the A4")
    assert "200 OK" in either.text
    assert either.state == "current"
    assert [record.request.header("x-harbor-key") for record in allowed.recorded] == ["hk-not-the-key-0000", KEY]

    for slot, path in PATHS.items():
        either.press("pick", armed=slot, pick=path)
    assert {name: either.fields[name] for name in ("output_path", "input_tokens_path", "output_tokens_path")} == {
        "output_path": "outcome.verdicts[1].body",
        "input_tokens_path": "meter.in",
        "output_tokens_path": "meter.out",
    }
    either.save("confirm")

    assert either.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert (model.name, model.state, bool(model.tested_digest)) == ("Claims triage", "active", True)
    connection = model.connections.get()
    assert (connection.name, connection.state, connection.created_by_name) == ("Claims triage", "on", "Adam Admin")
    listed = either.client.get("/w/harbor/models/").content.decode()
    assert "Claims triage" in listed
    assert KEY not in either.seen + listed
    assert events() == ["model.tested", "model.tested", "model.added", "connection.added", "model.activated"]


def test_a_draft_keeps_what_is_there_valid_or_not(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02, 5: *Save as draft* keeps whatever there is."""
    broken = {"url": "htp:/nowhere here", "body": '{"ask": {{promt}},\n', "output_path": "choices.0.x"}
    either.fill(name="Half done", **broken, h_1_key="bad name", h_1_value="värde").save("draft")
    assert either.location == "/w/harbor/models/"

    model = ExternalModel.objects.get()
    assert model.state == "draft"
    again = Sheet(either.client).open(model.pk)
    assert {name: again.fields[name] for name in broken} == broken
    assert (again.fields["h-1-key"], again.fields["h-1-value"]) == ("bad name", "värde")
    again.save("confirm")
    assert again.status == 422
    for key in ["url", "body", "output_path", "h-1-key", "h-1-value"]:
        assert again.problem(key), key


def test_a_draft_without_a_name_gets_one(either: Sheet, allowed: RunningProvider) -> None:
    either.fill(name="").save("draft")
    assert ExternalModel.objects.get().name == "Untitled model"


def test_a_draft_is_finished_later(either: Sheet, allowed: RunningProvider) -> None:
    """The issue: save as draft, come back, confirm. The key that was typed before the test need not be typed again."""
    triage(either, allowed).test(prompt="Hail on the roof").save("draft")
    model = ExternalModel.objects.get()
    assert (model.state, model.connections.get().state) == ("draft", "on")

    again = Sheet(either.client, scripts=either.scripts).open(model.pk)
    assert again.state == "current"
    assert again.fields["h-1-value"] == ""
    assert again.fields["body"] == BODY
    again.fill(output_path="outcome.verdicts[1].body").save("confirm")
    assert again.location == "/w/harbor/models/", again.text
    assert ExternalModel.objects.get().state == "active"
    assert Connection.objects.count() == 1
    assert KEY not in either.seen + again.seen


def test_the_first_connection_is_named_like_the_model_or_as_typed(sheet: Sheet, allowed: RunningProvider) -> None:
    triage(sheet, allowed).fill(connection_name="production", output_path="ref").save("untested")
    assert Connection.objects.get().name == "production"


def test_a_taken_connection_name_is_said_at_its_field(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(connection_name="production", output_path="ref").save("untested")
    second = triage(Sheet(either.client, scripts=either.scripts).open(), allowed, name="Another")
    second.fill(connection_name="Production", output_path="ref").save("untested")
    assert second.status == 422
    assert "production" in second.problem("connection_name").lower()
    assert ExternalModel.objects.count() == 1  # nothing of the second is half saved


def test_a_taken_model_name_is_said_at_its_field(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(output_path="ref").save("untested")
    second = triage(Sheet(either.client, scripts=either.scripts).open(), allowed, name="CLAIMS  Triage")
    second.fill(output_path="ref").save("untested")
    assert second.status == 422
    assert "already has a model" in second.problem("name")


def test_confirm_without_a_test_is_audited_as_such(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).fill(output_path="ref").save("untested")
    assert ExternalModel.objects.get().tested_digest == ""
    assert events()[-1] == "model.activated_without_test"
    assert not allowed.recorded


def test_confirm_wants_paths_that_find_something(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: Confirm checks everything; a path that misses in the tested response is not confirmed."""
    triage(either, allowed).test(prompt="Hail").fill(output_path="outcome.verdict")
    either.save("confirm")
    assert either.status == 422
    assert "outcome.verdict" in either.problem("output_path")
