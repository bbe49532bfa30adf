"""Amazon Bedrock at run time, against the stand-in for STS and Bedrock (spec 02, spec 04, spec 07 G)."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.actions import refuse_role, replace_credentials
from apps.connections.bedrock import RoleState, external_id_of
from apps.connections.models import Connection
from apps.demo.provider.keys import AWS_SECRET_ACCESS_KEY
from apps.external_models.definition import Header, Paths
from apps.inference import pipeline
from apps.inference.result import Result
from apps.inference.target import Target, target_of
from apps.providers.types import JsonValue
from tests.conftest import ClientFor
from tests.support.aws import ACCOUNT, HAIKU, MISTRAL_BODY, Aws, allow, aws, bedrock_definition, connect_bedrock, good_role, register
from tests.support.cast import Cast
from tests.support.models import actor, author

__all__ = ["aws"]

PROMPT: dict[str, JsonValue] = {"prompt": "Is the claim covered?"}


def call(aws: Aws, connection: Connection, values: dict[str, JsonValue] | None = None, *, target: Target | None = None) -> Result:
    return async_to_sync(pipeline.run)(target or target_of(connection), values or PROMPT, rules=aws.rules)


def refusal(aws: Aws, connection: Connection) -> Any:
    failure = call(aws, connection).failure
    assert failure is not None
    return failure


def test_a_known_chat_model_is_called_with_converse(cast: Cast, aws: Aws) -> None:
    """Spec 04; G3: regional endpoint, session name, external ID, an hour, and a session narrowed to the model."""
    result = call(aws, connect_bedrock(cast.harbor, cast.alice), {**PROMPT, "system_prompt": "Be brief."})
    assert result.failure is None, result.failure
    assert result.output.startswith('You asked: "Is the claim covered?". System prompt of 2 words')
    assert (result.input_tokens, result.output_tokens) == (6, len(result.output.split()))
    (asked,) = aws.assumed()
    assert asked["RoleSessionName"] == "pb-harbor-Production"
    assert asked["ExternalId"] == external_id_of(cast.harbor)
    assert asked["DurationSeconds"] == "3600"
    assert json.loads(asked["Policy"])["Statement"][0]["Resource"] == [f"arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}"]
    assert aws.invoked() == [f"eu-west-1/model/{HAIKU}/converse"]


def test_anything_else_is_called_with_invoke_and_the_template(cast: Cast, aws: Aws) -> None:
    """Spec 04; the counts come from the headers, as this family has none in its JSON."""
    definition = bedrock_definition("my-throughput-id", body=MISTRAL_BODY)
    result = call(aws, connect_bedrock(cast.harbor, cast.alice, definition))
    assert result.failure is None, result.failure
    assert result.output.startswith('You asked: "Is the claim covered?".')
    assert (result.input_tokens, result.output_tokens) == (4, len(result.output.split()))
    assert aws.invoked() == ["eu-west-1/model/my-throughput-id/invoke"]


@pytest.mark.parametrize(
    "model_id",
    [
        f"eu.{HAIKU}",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/a1b2c3d4e5f6",
        "arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abcdefgh1234",
    ],
)
def test_profiles_and_arns_are_signed_and_allowed(cast: Cast, aws: Aws, model_id: str) -> None:
    """G3: the session's policy lets through what IAM asks about, also in the profile's other regions; the path is signed as it is sent."""
    result = call(aws, connect_bedrock(cast.harbor, cast.alice, bedrock_definition(model_id)))
    assert result.failure is None, result.failure


def test_the_role_may_live_in_another_region_than_the_model(cast: Cast, aws: Aws) -> None:
    connection = connect_bedrock(cast.harbor, cast.alice, sts_region="us-east-1")
    assert call(aws, connection).failure is None
    assert aws.provider.recorded[0].request.path == "/aws/sts/us-east-1/"


def test_regions_in_capitals_are_the_same_regions(cast: Cast, aws: Aws) -> None:
    connection = connect_bedrock(cast.harbor, cast.alice, sts_region="US-EAST-1", region=" EU-West-1")
    assert call(aws, connection).failure is None
    assert [record.request.path.split("/")[3] for record in aws.provider.recorded] == ["us-east-1", "eu-west-1"]


def test_nothing_of_the_session_shows(cast: Cast, aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    """A9: neither the platform's key nor the session's stands in what is kept or shown of a call; headers that sign are not shown."""
    connection = connect_bedrock(
        cast.harbor, cast.alice, bedrock_definition(headers=(Header("X-Amz-Security-Token", "typed by somebody"),))
    )
    result = call(aws, connection)
    shown = json.dumps(result.to_json()) + repr(target_of(connection)) + caplog.text
    token = next(value for record in aws.provider.recorded for name, value in record.request.headers if name == "x-amz-security-token")
    assert token not in shown
    assert token != "typed by somebody"
    assert AWS_SECRET_ACCESS_KEY not in shown
    assert "Signature=" not in shown


# Refusals


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "is not registered with the platform"),
        (RoleState.REQUESTED, "registration is requested"),
        (RoleState.REFUSED, "refused: It lets anybody in."),
    ],
)
def test_a_role_that_is_not_registered_is_never_assumed(cast: Cast, aws: Aws, state: str | None, words: str) -> None:
    """Spec 02, Role registration."""
    connection = connect_bedrock(cast.harbor, cast.alice, registered=False)
    if state:
        register(cast.harbor, connection.parameters["role_arn"], state=state, reason="It lets anybody in.")
    failure = refusal(aws, connection)
    assert (failure.kind, failure.stage) == ("role_not_registered", "Getting authorized")
    assert words in failure.message
    assert not aws.provider.recorded


def test_the_registration_of_another_workspace_does_not_count(cast: Cast, aws: Aws) -> None:
    """G1, D2."""
    connection = connect_bedrock(cast.harbor, cast.alice, registered=False)
    register(cast.other, connection.parameters["role_arn"])
    assert refusal(aws, connection).kind == "role_not_registered"


@pytest.mark.parametrize(
    ("role", "more", "kind", "words"),
    [
        (f"{ACCOUNT}/trusts/pb-{'0' * 32}/R", {}, "role_refused", "trust policy names the trusted principal and the external ID"),
        (f"{ACCOUNT}/NoSuchRole", {}, "role_refused", "Check the role's ARN"),
        ("", {"sts_region": "af-south-1"}, "role_refused", "Choose another STS region"),
        ("half-hour", {}, "role_refused", "maximum session duration"),
        ("no-bedrock", {}, "upstream_auth", "Attach the permission policy"),
        ("", {"region": "af-south-1"}, "upstream_auth", "Enable af-south-1"),
    ],
)
def test_refusals_of_roles_and_regions(cast: Cast, aws: Aws, role: str, more: dict[str, str], kind: str, words: str) -> None:
    """Spec 02: errors of STS and of Bedrock are told apart and say what to fix."""
    arn = role if role.startswith("arn:") else good_role(cast.harbor, f"HarborBedrock-{role}" if role else "HarborBedrock")
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice, role_arn=arn, **more))
    assert failure.kind == kind
    assert words in failure.hint


@pytest.mark.parametrize(
    ("model_id", "kind", "words"),
    [
        ("anthropic.demo-no-access-v1:0", "upstream_auth", "Model access"),
        ("anthropic.demo-not-subscribed-v1:0", "upstream_auth", "Subscribe"),
        ("anthropic.demo-throttled-v1:0", "upstream_rate_limited", "raise the quota"),
        ("anthropic.demo-quota-v1:0", "upstream_rate_limited", "Service Quotas"),
        ("anthropic.demo-not-ready-v1:0", "upstream_error", "few minutes"),
        ("anthropic.demo-timeout-v1:0", "upstream_error", "shorter answer"),
        ("anthropic.demo-unavailable-v1:0", "upstream_error", "health page"),
        ("anthropic.demo-retired-v1:0", "upstream_refused", "newer version"),
        ("anthropic.demo-use-case-v1:0", "upstream_auth", "use case form"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "upstream_refused", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("meta.llama3-8b-instruct-v1:0", "upstream_refused", "offered in this region"),
        (f"us.{HAIKU}", "upstream_refused", "not to eu-west-1"),
    ],
)
def test_refusals_of_bedrock(cast: Cast, aws: Aws, model_id: str, kind: str, words: str) -> None:
    """Spec 02: model access, throttling, region."""
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice, bedrock_definition(model_id)))
    assert failure.kind == kind
    assert words in failure.hint
    assert failure.provider_message


def test_paths_that_find_nothing_are_said_as_anywhere(cast: Cast, aws: Aws) -> None:
    definition = bedrock_definition("my-throughput-id", body=MISTRAL_BODY, paths=Paths("results[0].outputText"))
    assert refusal(aws, connect_bedrock(cast.harbor, cast.alice, definition)).kind == "output_path_no_match"


def test_without_an_identity_of_the_deployment(cast: Cast, aws: Aws, settings: Any) -> None:
    """G5: nothing is looked for elsewhere."""
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = ""
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice))
    assert failure.kind == "sts_failed"
    assert "platform staff" in failure.hint
    assert not aws.provider.recorded


def test_with_a_wrong_key_of_the_deployment(cast: Cast, aws: Aws, settings: Any) -> None:
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = "wrong"
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice))
    assert (failure.kind, failure.stage) == ("sts_failed", "Getting authorized")
    assert "platform staff" in failure.hint


def test_sts_that_is_not_there(cast: Cast, aws: Aws, settings: Any) -> None:
    settings.PATCHBAY_AWS_ENDPOINT_URL = f"{aws.url}/fault/hangup/aws/{{service}}/{{region}}"
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice))
    assert failure.kind == "sts_failed"
    assert "AWS STS in eu-west-1 could not be asked" in failure.message


def test_sts_that_answers_something_else(cast: Cast, aws: Aws, settings: Any) -> None:
    settings.PATCHBAY_AWS_ENDPOINT_URL = f"{aws.url}/fault/html/aws/{{service}}/{{region}}"
    failure = refusal(aws, connect_bedrock(cast.harbor, cast.alice))
    assert failure.kind == "sts_failed"


def test_the_egress_rules_hold_for_sts(cast: Cast, aws: Aws) -> None:
    """B4."""
    result = async_to_sync(pipeline.run)(target_of(connect_bedrock(cast.harbor, cast.alice)), PROMPT, rules=[])
    assert result.refused_by_egress
    assert not aws.provider.recorded


@pytest.mark.parametrize("more", [{"region": "eu-west-9"}, {"region": ""}, {"sts_region": "evil.example"}, {"role_arn": "nonsense"}])
def test_parameters_that_make_no_address(cast: Cast, aws: Aws, more: dict[str, str]) -> None:
    """G3: hosts come from the list of regions only."""
    connection = connect_bedrock(cast.harbor, cast.alice)
    connection.parameters |= more
    failure = refusal(aws, connection)
    assert failure.kind in {"needs_credentials", "url_invalid"}
    assert not aws.provider.recorded


# Sessions


def test_a_session_is_used_until_ten_minutes_before_its_end(cast: Cast, aws: Aws) -> None:
    """G4."""
    connection = connect_bedrock(cast.harbor, cast.alice)
    start = timezone.now()
    for minutes, sessions in ((0, 1), (49, 1), (51, 2), (99, 2), (200, 3)):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            assert call(aws, connection).failure is None
        assert len(aws.assumed()) == sessions, minutes


def test_while_sts_is_away_a_session_is_used_to_its_end(cast: Cast, aws: Aws, settings: Any) -> None:
    connection = connect_bedrock(cast.harbor, cast.alice)
    start = timezone.now()
    assert call(aws, connection).failure is None
    settings.PATCHBAY_AWS_ACCESS_KEY_ID = "AKIAWRONG"
    with time_machine.travel(start + timedelta(minutes=55), tick=False):
        assert call(aws, connection).failure is None
    with time_machine.travel(start + timedelta(minutes=61), tick=False):
        assert refusal(aws, connection).kind == "sts_failed"


def test_a_role_that_is_taken_back_is_not_used_to_its_end(cast: Cast, aws: Aws) -> None:
    """Staff refuse it: the next call is refused, however long the session would last."""
    connection = connect_bedrock(cast.harbor, cast.alice)
    assert call(aws, connection).failure is None
    refuse_role(cast.harbor.bedrock_roles.get(), reason="Left the company.", by=author(cast.pat))
    assert refusal(aws, connection).kind == "role_not_registered"


def test_a_session_that_bedrock_calls_expired_is_renewed_once(cast: Cast, aws: Aws) -> None:
    """G4: exactly one retry."""
    connection = connect_bedrock(cast.harbor, cast.alice, bedrock_definition("anthropic.demo-expired-v1:0"))
    failure = refusal(aws, connection)
    assert "have expired" in failure.message
    assert (len(aws.assumed()), len(aws.invoked())) == (2, 2)


def test_a_session_that_ended_early_is_renewed_and_the_call_succeeds(cast: Cast, aws: Aws) -> None:
    """G4: AWS may end a session before its time; the caller does not notice."""
    connection = connect_bedrock(cast.harbor, cast.alice, role_arn=good_role(cast.harbor, "HarborBedrock-early"))
    assert call(aws, connection).failure is None
    with time_machine.travel(timezone.now() + timedelta(minutes=40), tick=False):
        assert call(aws, connection).failure is None
        assert call(aws, connection).failure is None
    assert (len(aws.assumed()), len(aws.invoked())) == (2, 4)


def test_other_refusals_are_not_tried_again(cast: Cast, aws: Aws) -> None:
    refusal(aws, connect_bedrock(cast.harbor, cast.alice, bedrock_definition("anthropic.demo-no-access-v1:0")))
    assert (len(aws.assumed()), len(aws.invoked())) == (1, 1)


def test_an_edit_begins_a_new_session(cast: Cast, aws: Aws) -> None:
    """G4: dropped on edit, whatever was edited."""
    connection = connect_bedrock(cast.harbor, cast.alice)
    call(aws, connection)
    replace_credentials(connection, secrets={}, parameters={**connection.parameters, "region": "eu-central-1"}, actor=actor(cast.alice))
    call(aws, Connection.objects.get(pk=connection.pk))
    assert len(aws.assumed()) == 2
    assert aws.invoked()[-1].startswith("eu-central-1/")


def test_two_connections_with_one_role_have_sessions_of_their_own(cast: Cast, aws: Aws) -> None:
    """G4: each with its own name in the customer's CloudTrail."""
    first = connect_bedrock(cast.harbor, cast.alice)
    call(aws, first)
    call(aws, Connection(id=cast.alice.pk, name="Night desk", model=first.model, workspace=cast.harbor, parameters=first.parameters))
    assert [asked["RoleSessionName"] for asked in aws.assumed()] == ["pb-harbor-Production", "pb-harbor-Night-desk"]


def test_the_signer_signs_for_bedrock_in_the_models_region(cast: Cast, aws: Aws) -> None:
    """Not for STS's region, and not for bedrock-runtime, which is a host and no service."""
    target = target_of(connect_bedrock(cast.harbor, cast.alice, sts_region="us-east-1"))
    assert target.authorization is not None
    assert call(aws, Connection(), target=target).failure is None
    header = next(record.request.header("authorization") for record in aws.provider.recorded if "bedrock" in record.request.path)
    assert "/eu-west-1/bedrock/aws4_request" in header


# On the page


def test_the_connections_test_says_what_to_fix(cast: Cast, aws: Aws, client_for: ClientFor) -> None:
    """Spec 02: Test of a role that is not registered says so; registered, it works."""
    allow(aws)
    connection = connect_bedrock(cast.harbor, cast.adam, registered=False)
    url = reverse("inference:test_connection", args=["harbor", connection.model_id, connection.pk])
    adam: Client = client_for(cast.adam)
    assert "This role is not registered with the platform." in adam.post(url, headers={"HX-Request": "true"}).text
    register(cast.harbor, connection.parameters["role_arn"])
    assert "Production works" in adam.post(url, headers={"HX-Request": "true"}).text
    assert [event.outcome for event in AuditEvent.objects.filter(event="connection.tested").order_by("sequence")] == ["failed", "success"]
