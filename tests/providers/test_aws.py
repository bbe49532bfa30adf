"""Amazon Bedrock's pure part: regions, roles, model IDs, policies, families (spec 02 "Amazon Bedrock"; spec 07 G)."""

import json
from pathlib import Path

import botocore
import pytest

from apps.providers.aws import (
    REGIONS,
    ModelKind,
    Operation,
    Service,
    base_url,
    converse_starting_point,
    family_of,
    find_region,
    invoke_path,
    is_role_arn,
    parse_role_arn,
    permission_policy,
    reduce_model_id,
    session_name,
    session_policy,
    speaks_converse,
    trust_policy,
)
from apps.providers.aws.families import FAMILIES
from apps.providers.aws.policies import MAX_SESSION_POLICY
from apps.providers.aws.regions import DNS_SUFFIXES
from apps.providers.jsonpath import compile_path
from apps.providers.template import parse_template

ROLE = parse_role_arn("arn:aws:iam::210987654321:role/ml/HarborBedrock")
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


def test_regions_and_hosts_are_those_of_aws() -> None:
    """G3: the fixed list against botocore's own, each with its partition and DNS suffix."""
    known = json.loads((Path(botocore.__file__).parent / "data/partitions.json").read_text())["partitions"]
    ours = {partition: {r.name for r in REGIONS.values() if r.partition == partition} for partition in DNS_SUFFIXES}
    theirs = {p["id"]: {name for name in p["regions"] if not name.endswith("global")} for p in known if p["id"] in DNS_SUFFIXES}
    assert ours == theirs
    assert {p["id"]: p["outputs"]["dnsSuffix"] for p in known if p["id"] in DNS_SUFFIXES} == DNS_SUFFIXES


@pytest.mark.parametrize(
    ("service", "region", "url"),
    [
        (Service.STS, "eu-west-1", "https://sts.eu-west-1.amazonaws.com"),
        (Service.BEDROCK_RUNTIME, "us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        (Service.BEDROCK, "cn-north-1", "https://bedrock.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_hosts_are_built_from_the_region(service: Service, region: str, url: str) -> None:
    """G3."""
    assert base_url(service, find_region(region)) == url


def test_a_deployment_can_have_its_own_endpoint() -> None:
    mine = base_url(Service.STS, find_region("eu-west-1"), "http://127.0.0.1:8901/aws/{service}/{region}/")
    assert mine == "http://127.0.0.1:8901/aws/sts/eu-west-1"


@pytest.mark.parametrize("text", ["eu-west-9", "", "evil.example.com/", "eu-west-1.evil.example", "EU (Ireland)"])
def test_what_is_no_region_becomes_no_host(text: str) -> None:
    """G3."""
    with pytest.raises(ValueError, match="not an AWS region"):
        find_region(text)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::210987654321:role/HarborBedrock",
        " arn:aws:iam::210987654321:role/service-role/ml/Harbor+Bedrock=,.@-_1 \n",
        "arn:aws-us-gov:iam::210987654321:role/x",
        "arn:aws-cn:iam::210987654321:role/x",
    ],
)
def test_role_arns(arn: str) -> None:
    assert is_role_arn(arn)


def test_a_role_arn_is_taken_apart() -> None:
    assert (ROLE.partition, ROLE.account, ROLE.path, ROLE.name) == ("aws", "210987654321", "ml/", "HarborBedrock")


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("", "Enter the ARN"),
        ("HarborBedrock", "whole ARN"),
        ("arn:aws:iam::210987654321:user/ling", "names a user"),
        ("arn:aws:iam::210987654321:instance-profile/x", "names an instance profile"),
        ("arn:aws:iam::210987654321:root", "names a root"),
        ("arn:aws:iam::2109-8765-4321:role/x", "12 digits"),
        ("arn:aws:iam::21098765432:role/x", "12 digits"),
        ("arn:aws:sts::210987654321:assumed-role/HarborBedrock/me", "ARN of a session"),
        ("arn:aws:s3:::bucket", "not the ARN of an IAM role"),
        ("arn:aws:iam::210987654321:role/", "not the ARN of an IAM role"),
        ("arn:aws:iam::210987654321:role/Zürich", "not the ARN of an IAM role"),
        ("arn:aws:iam::210987654321:role/a b", "not the ARN of an IAM role"),
        ("arn:aws:iam::210987654321:role/" + "x" * 65, "not the ARN of an IAM role"),
        ("arn:aws:iam::210987654321:role/x\nX-Evil: 1", "not the ARN of an IAM role"),
        ("arn:aws:iam::२१०९८७६५४३२१:role/x", "not the ARN of an IAM role"),
        ("arn:aws-mars:iam::210987654321:role/x", "no partition"),
    ],
)
def test_what_is_no_role_says_why(arn: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_role_arn(arn)


@pytest.mark.parametrize(
    ("text", "model_id", "region", "kind"),
    [
        (HAIKU, HAIKU, "", ModelKind.FOUNDATION),
        (f"  “{HAIKU}” ", HAIKU, "", ModelKind.FOUNDATION),
        (f"bedrock://{HAIKU}", HAIKU, "", ModelKind.FOUNDATION),
        (
            "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0",
            "amazon.nova-pro-v1:0",
            "eu-central-1",
            ModelKind.FOUNDATION,
        ),
        ("arn:aws:bedrock:us-east-1::foundation-model/your-model-id", "your-model-id", "us-east-1", ModelKind.FOUNDATION),
        (f"eu.{HAIKU}", f"eu.{HAIKU}", "", ModelKind.PROFILE),
        (f"us-gov.{HAIKU}", f"us-gov.{HAIKU}", "", ModelKind.PROFILE),
        (f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}", f"eu.{HAIKU}", "eu-west-1", ModelKind.PROFILE),
        (
            "arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/a1b2c3d4e5f6",
            "arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/a1b2c3d4e5f6",
            "eu-west-1",
            ModelKind.APPLICATION_PROFILE,
        ),
        (
            "arn:aws:bedrock:us-west-2:210987654321:provisioned-model/abcdefgh1234",
            "arn:aws:bedrock:us-west-2:210987654321:provisioned-model/abcdefgh1234",
            "us-west-2",
            ModelKind.PROVISIONED,
        ),
        ("bedrock:provisioned-model-inference/my-throughput-id", "my-throughput-id", "", ModelKind.PROVISIONED),
        ("provisioned-model/my-throughput-id", "my-throughput-id", "", ModelKind.PROVISIONED),
        ("foundation-model/your-model-id", "your-model-id", "", ModelKind.FOUNDATION),
        ("my-throughput-id", "my-throughput-id", "", ModelKind.NAME),
        (
            "arn:aws:bedrock:us-west-2:210987654321:custom-model/amazon.titan-text-express-v1:0:8k/abcdefgh1234",
            "arn:aws:bedrock:us-west-2:210987654321:custom-model/amazon.titan-text-express-v1:0:8k/abcdefgh1234",
            "us-west-2",
            ModelKind.CUSTOM,
        ),
        (
            "arn:aws:sagemaker:us-east-1:210987654321:endpoint/harbor-claims",
            "arn:aws:sagemaker:us-east-1:210987654321:endpoint/harbor-claims",
            "us-east-1",
            ModelKind.MARKETPLACE,
        ),
        (
            f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{HAIKU.replace(':', '%3A')}/invoke",
            HAIKU,
            "eu-west-1",
            ModelKind.FOUNDATION,
        ),
    ],
)
def test_a_pasted_model_is_reduced_to_what_the_api_needs(text: str, model_id: str, region: str, kind: ModelKind) -> None:
    """Spec 02: every form of the sources, and what the page says of it."""
    reference = reduce_model_id(text)
    assert (reference.model_id, reference.region, reference.kind) == (model_id, region, kind)
    assert reference.kind.label in reference.note
    assert reference.note.endswith(".")


def test_what_was_reduced_is_not_reduced_further() -> None:
    once = reduce_model_id(f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}")
    assert reduce_model_id(once.model_id).model_id == once.model_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Enter the model's ID"),
        ("arn:aws:s3:::bucket/key", "another thing"),
        ("arn:aws:bedrock:eu-west-1:210987654321:guardrail/abc", "another thing"),
        ("arn:aws:bedrock:eu-west-1", "not a complete ARN"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/../../secret", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/*", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abc?", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:inference-profile/*", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/${aws:userid}", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:custom-model/a*/b", "characters that no model ID has"),
        ("arn:aws:bedrock:eu-west-1:210987654321:imported-model/Ünser", "characters that no model ID has"),
        ("arn:aws:bedrock:*:210987654321:imported-model/abc", "not a complete ARN"),
        ("arn:aws:bedrock:eu-west-1:*:imported-model/abc", "not a complete ARN"),
        ("arn:aws:sagemaker:us-east-1:210987654321:endpoint/*", "characters that no model ID has"),
        ("arn:aws:sagemaker:us-east-1:210987654321:endpoint/", "another thing"),
        (
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A210987654321"
            "%3Aprovisioned-model%2F%2A/invoke",
            "no model ID has",
        ),
        ("provisioned-model/*", "letters, digits"),
        ("https://api.openai.com/v1", "instead of a URL"),
        ("Claude 3 Haiku", "letters, digits"),
        ("a/../b", "letters, digits"),
        ("x" * 3000, "at most 2,048"),
    ],
)
def test_what_is_no_model_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        reduce_model_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:bedrock:us-west-2:210987654321:custom-model/amazon.titan-text-express-v1:0:8k/abcdefgh1234",
        "arn:aws:bedrock:us-west-2:210987654321:custom-model-deployment/abcdefgh1234",
        "arn:aws:bedrock:us-west-2:210987654321:imported-model/abcdefgh1234",
        "arn:aws:bedrock:us-west-2:210987654321:default-prompt-router/anthropic.claude:1",
        "arn:aws-us-gov:sagemaker:us-gov-west-1:210987654321:endpoint/Harbor-Claims",
    ],
)
def test_arns_of_ones_own_stay_whole(text: str) -> None:
    assert reduce_model_id(text).model_id == text


def test_policies_are_ready_to_paste() -> None:
    """Spec 02, G1: the trust policy names principal and external ID; the permission policy has the three actions."""
    trust = json.loads(trust_policy("arn:aws:iam::905418002211:role/patchbay", "pb-0123"))["Statement"][0]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::905418002211:role/patchbay"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "pb-0123"}}
    assert json.loads(permission_policy())["Statement"][0]["Action"] == [
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "bedrock:ListFoundationModels",
    ]


@pytest.mark.parametrize(
    ("text", "resources"),
    [
        (HAIKU, [f"arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}"]),
        (
            f"eu.{HAIKU}",
            [
                f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}",
                f"arn:aws:bedrock:*::foundation-model/{HAIKU}",
            ],
        ),
        (
            "arn:aws:bedrock:eu-west-1:333333333333:provisioned-model/abc",
            ["arn:aws:bedrock:eu-west-1:333333333333:provisioned-model/abc"],
        ),
        ("provisioned-model/my-throughput-id", ["arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/*"]),
    ],
)
def test_a_session_may_only_invoke_its_model(text: str, resources: list[str]) -> None:
    """G3."""
    (statement,) = json.loads(session_policy(reduce_model_id(text), region="eu-west-1", role=ROLE))["Statement"]
    assert statement["Action"] == ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    assert statement["Resource"] == resources


def test_the_longest_session_policy_fits_into_sts() -> None:
    long = f"arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/{'x' * 64}"
    assert len(session_policy(reduce_model_id(long), region="ap-southeast-1", role=ROLE)) < MAX_SESSION_POLICY


@pytest.mark.parametrize(
    ("workspace", "connection", "name"),
    [
        ("claims", "Production", "pb-claims-Production"),
        ("claims", "Nova Pro (EU)", "pb-claims-Nova-Pro-EU"),
        ("claims", "Zürich / Köln", "pb-claims-Zurich-Koln"),
        ("claims", "生産", "pb-claims-connection"),
        ("w" * 80, "c" * 80, f"pb-{'w' * 28}-{'c' * 32}"),
    ],
)
def test_session_names_are_what_sts_takes(workspace: str, connection: str, name: str) -> None:
    """G3."""
    assert session_name(workspace, connection) == name
    assert 2 <= len(name) <= 64


@pytest.mark.parametrize(
    ("model_id", "converse"),
    [
        (HAIKU, True),
        (f"global.{HAIKU}", True),
        ("amazon.nova-pro-v1:0", True),
        ("amazon.nova-canvas-v1:0", False),
        ("amazon.titan-text-express-v1", True),
        ("amazon.titan-embed-text-v2:0", False),
        ("meta.llama3-8b-instruct-v1:0", True),
        ("mistral.mistral-large-2402-v1:0", True),
        ("cohere.command-r-plus-v1:0", True),
        ("cohere.command-text-v14", False),
        ("my-throughput-id", False),
        ("arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abc", False),
    ],
)
def test_known_chat_models_speak_converse(model_id: str, converse: bool) -> None:
    """Spec 04: Converse for known chat models, InvokeModel with the template otherwise."""
    assert speaks_converse(model_id) is converse


def test_every_starting_point_is_a_body_that_parses_with_paths_that_compile() -> None:
    points = [family.invoke for family in FAMILIES if family.invoke]
    for point in [*points, converse_starting_point(), converse_starting_point(system_prompt=True)]:
        assert "{{prompt}}" in point.body
        parse_template(point.body)
        for path in filter(None, (point.output, point.input_tokens, point.output_tokens)):
            compile_path(path)


def test_an_empty_system_prompt_is_not_sent() -> None:
    """Bedrock refuses it, so the body has one only where the model's variable is on."""
    assert "{{system_prompt}}" in converse_starting_point(system_prompt=True).body
    assert "system" not in converse_starting_point().body


def test_unknown_models_have_no_family() -> None:
    assert family_of("acme.model-v1") is None


def test_the_model_is_one_step_of_the_path() -> None:
    assert invoke_path(HAIKU, Operation.CONVERSE) == "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    arn = "arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abc"
    assert invoke_path(arn, Operation.INVOKE).count("/") == 3
