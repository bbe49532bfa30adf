"""Copy (spec 02): a new draft *Copy of NAME* with everything but secrets."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionSecret
from apps.external_models.models import ExternalModel
from apps.external_models.names import MAX_NAME
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import KEY, definition, make_connection, make_model


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


def copy(client: Client, model: ExternalModel) -> ExternalModel:
    response = client.post(reverse("external_models:copy_model", args=["harbor", model.pk]))
    made = ExternalModel.objects.order_by("created_at").last()
    assert made is not None
    assert response.status_code == 302
    assert response["Location"] == reverse("onboarding:edit", args=["harbor", made.pk])
    return made


def test_a_copy_has_everything_but_secrets(cast: Cast, bob: Client) -> None:
    like = definition(plain=[("X-Region", "eu")], secret=["X-Api-Key", "X-Client-Key"])
    model = make_model(cast.harbor, cast.adam, like=like)
    make_connection(model, cast.adam)
    ExternalModel.objects.filter(pk=model.pk).update(model_id="triage-7", first_byte_seconds=7, total_seconds=70, may_pay_twice=True)
    made = copy(bob, model)
    assert (made.name, made.status, made.inferencing_enabled) == ("Copy of Claims triage", "draft", False)
    assert (made.definition, made.endpoint_host) == (like, "api.example.com")
    assert (made.model_id, made.first_byte_seconds, made.total_seconds, made.may_pay_twice) == ("triage-7", 7, 70, True)
    assert (made.created_by, made.tested_digest, made.tested_at) == (cast.bob, "", None)
    assert not made.connections.exists()
    assert (Connection.objects.count(), ConnectionSecret.objects.count()) == (1, 2)
    assert made.creation_key != model.creation_key


def test_the_page_that_follows_holds_no_secret(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.adam)
    make_connection(model, cast.adam)
    made = copy(bob, model)
    page = bob.get(reverse("onboarding:custom_edit", args=["harbor", made.pk])).content.decode()
    assert "Copied to “Copy of Claims triage”" in page
    assert KEY not in page
    assert KEY[-4:] not in page


def test_copies_are_numbered(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.adam)
    assert [copy(bob, model).name for _ in range(3)] == [
        "Copy of Claims triage",
        "Copy of Claims triage 2",
        "Copy of Claims triage 3",
    ]


def test_a_taken_number_is_passed_over_without_case(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.adam)
    make_model(cast.harbor, cast.adam, "COPY OF  CLAIMS TRIAGE")
    assert copy(bob, model).name == "Copy of Claims triage 2"


def test_names_of_other_workspaces_do_not_count(cast: Cast, bob: Client) -> None:
    make_model(cast.other, cast.charlie, "Copy of Claims triage")
    assert copy(bob, make_model(cast.harbor, cast.adam)).name == "Copy of Claims triage"


@pytest.mark.parametrize("name", ["x" * MAX_NAME, "\ufdfa" * 26, "ß" * MAX_NAME], ids=["ascii", "expanding", "folding"])
def test_copies_of_copies_of_a_long_name(name: str, cast: Cast, bob: Client) -> None:
    """Names and their keys keep within their columns, which PostgreSQL minds."""
    model = make_model(cast.harbor, cast.adam, name)
    for _ in range(4):
        model = copy(bob, model)
    twins = [copy(bob, model).name for _ in range(2)]
    assert len({*twins}) == 2
    assert all(len(twin) <= MAX_NAME for twin in twins)


def test_one_event_names_both(cast: Cast, bob: Client) -> None:
    model = make_model(cast.harbor, cast.adam)
    made = copy(bob, model)
    event = AuditEvent.objects.get(event="model.copied")
    assert (event.target_id, event.target_name, event.actor_name) == (str(made.pk), "Copy of Claims triage", "Bob Member")
    assert event.changes == {"copied from": {"after": f"Claims triage ({model.pk})"}}


def test_a_draft_can_be_copied(cast: Cast, bob: Client) -> None:
    assert copy(bob, make_model(cast.harbor, cast.adam, state="draft")).is_draft
