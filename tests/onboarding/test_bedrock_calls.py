"""How a Bedrock model is called from its page: Converse or a body of one's own, and what goes wrong told apart (spec 02)."""

import pytest

from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.bedrock_sheet import BedrockSheet
from tests.onboarding.conftest import allow_loopback
from tests.support.aws import ACCOUNT, Aws, aws, good_role, register
from tests.support.cast import Cast

__all__ = ["aws"]

NOVA, MISTRAL, COMMAND = "amazon.nova-pro-v1:0", "mistral.mistral-large-2402-v1:0", "cohere.command-text-v14"
PROFILE = "arn:aws:bedrock:eu-central-1:210987654321:application-inference-profile/abc123"


@pytest.fixture
def page(cast: Cast, client_for: ClientFor, aws: Aws, scripts: bool) -> BedrockSheet:
    """Adam's page with a name, a registered role and a region; calls to the stand-in are allowed."""
    allow_loopback(aws.provider.port)
    register(cast.harbor, good_role(cast.harbor))
    sheet = BedrockSheet(client_for(cast.adam), scripts=scripts).open()
    return sheet.fill(name="Claims", role_arn=good_role(cast.harbor), region="eu-central-1")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("typed", "sent", "says"),
    [
        (NOVA, NOVA, f"Read as {NOVA}, a foundation model."),
        (f"arn:aws:bedrock:eu-central-1::foundation-model/{NOVA}", NOVA, f"Read as {NOVA}, a foundation model in eu-central-1."),
        (
            "arn:aws:bedrock:eu-central-1:210987654321:inference-profile/eu.amazon.nova-pro-v1:0",
            "eu.amazon.nova-pro-v1:0",
            "an inference profile of AWS",
        ),
        (PROFILE, PROFILE, "Read as an application inference profile in eu-central-1; Bedrock takes its whole ARN."),
        ("bedrock:provisioned-model-inference/my-throughput-id", "my-throughput-id", "Read as my-throughput-id, provisioned throughput."),
        ("“amazon.nova-pro-v1:0”", NOVA, f"Read as {NOVA}"),
    ],
)
def test_the_page_says_what_it_made_of_the_model_id(page: BedrockSheet, typed: str, sent: str, says: str) -> None:
    """Spec 02: a pasted ARN is reduced to what the API needs, and the page shows what it made of it; what was typed stays."""
    page.model(typed)
    assert says in page.text_of("reading")
    assert page.fields["model_id"] == typed
    page.save("draft")
    assert ExternalModel.objects.get().definition.url == f"bedrock://{sent}"


def test_an_arn_of_another_region_is_said_and_taken_over_by_a_click(page: BedrockSheet) -> None:
    page.model(f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}")
    assert "The ARN is of eu-west-1, and the model region here is eu-central-1." in page.text_of("reading")
    page.press("model", use_region="eu-west-1")
    assert page.fields["region"] == "eu-west-1"
    assert "The ARN is of" not in page.text
    page.press("model", use_region="mars-north-1")
    assert page.fields["region"] == "eu-west-1"


def test_a_known_family_fills_in_body_and_paths(page: BedrockSheet) -> None:
    """Spec 02: choosing a known family fills in a working body and paths; known chat models speak Converse."""
    page.model(NOVA)
    assert (page.fields["configuration"], '"inferenceConfig"' in page.fields["body"]) == ("structure", True)
    page.model(COMMAND)
    assert "does not speak Converse" in page.text_of("call")
    assert page.fields["configuration"] == "default"
    assert (page.fields["output_path"], '"prompt": "{{prompt}}"' in page.fields["body"]) == ("generations[0].text", True)
    page.model("my-own-model")
    assert "The ID does not say which model this is." in page.text_of("call")
    assert (page.fields["configuration"], page.fields["body"], page.fields["output_path"]) == ("default", "", "")


def test_an_id_that_says_nothing_leaves_the_call_as_it_is(page: BedrockSheet) -> None:
    page.model(NOVA).model("my-own-model")
    assert page.fields["configuration"] == "structure"
    page.model(COMMAND)
    assert page.fields["configuration"] == "default"


def test_what_somebody_wrote_or_chose_is_never_replaced(page: BedrockSheet) -> None:
    page.model(NOVA)
    own = '{"prompt": "{{prompt}}"}\n'
    page.fill(configuration="default", body=own, output_path="text").model(MISTRAL)
    assert (page.fields["configuration"], page.fields["body"], page.fields["output_path"]) == ("default", own, "text")
    page.fill(configuration="structure").press("variable_toggle", toggle="use_system_prompt")
    assert (page.fields["configuration"], page.fields["body"]) == ("structure", own)


def test_a_body_of_ones_own_is_tested_and_confirmed(page: BedrockSheet, aws: Aws) -> None:
    """Spec 02: Variables, Body, Test response and JSON paths are the same parts as in a custom integration."""
    page.model(MISTRAL).add_variable("heat", "number", default="0.7")
    page.fill(configuration="default", body='{"prompt": "{{prompt}}", "max_tokens": 50, "temperature": {{heat}}}', output_path="")
    page.test(prompt="Sum up the claim")
    assert "200 OK" in page.text
    assert page.fields["output_path"] == "outputs[0].text"
    page.press("pick", armed="a", pick="outputs[0].text")
    page.save("confirm")
    assert page.location
    definition = ExternalModel.objects.get().definition
    assert (definition.is_template, definition.paths.output, len(definition.custom_variables)) == (True, "outputs[0].text", 1)
    assert aws.invoked() == [f"eu-central-1/model/{MISTRAL}/invoke"]


def test_a_problem_in_the_body_is_shown_as_everywhere(page: BedrockSheet) -> None:
    page.model(MISTRAL).fill(configuration="default", body='{"prompt": "{{promt}}"}').press("sample")
    assert (page.status, "promt" in page.problem("body")) == (422, True)
    page.fill(body="", output_path="").save("confirm")
    assert "Enter the JSON that the endpoint takes" in page.problem("body")
    assert page.problem("output_path")
    page.fill(configuration="structure").press("sample")
    assert page.status == 200


def test_another_model_makes_the_test_out_of_date(page: BedrockSheet) -> None:
    page.model(NOVA).test(prompt="Hello")
    assert page.state == "current"
    page.model("amazon.nova-lite-v1:0")
    assert page.state == "stale"
    page.model(NOVA).fill(region="us-east-1").save("confirm")
    assert (page.status, page.state) == (422, "stale")


FAILURES = [
    # role, model, region, STS region: kind, what the page says, what it advises
    (
        "trusts/pb-00000000000000000000000000000000/x",
        NOVA,
        "eu-central-1",
        "",
        "role_refused",
        "AWS did not let Patchbay assume the role",
        "external ID",
    ),
    ("{good}", NOVA, "eu-central-1", "eu-south-1", "role_refused", "AWS STS is switched off in eu-south-1", "Choose another STS region"),
    ("{good}-no-bedrock", NOVA, "eu-central-1", "", "upstream_auth", f"The role is not allowed to invoke {NOVA}", "permission policy"),
    ("{good}", "amazon.demo-no-access-v1:0", "eu-central-1", "", "upstream_auth", "The AWS account has no access to", "Model access"),
    ("{good}", "meta.llama3-8b-instruct-v1:0", "eu-central-1", "", "upstream_refused", "", "region"),
    (
        "{good}",
        "amazon.demo-throttled-v1:0",
        "eu-central-1",
        "",
        "upstream_rate_limited",
        "Bedrock is limiting requests",
        "raise the quota",
    ),
    ("{good}-0s", NOVA, "eu-central-1", "", "upstream_auth", "credentials have expired", "Try again"),
]


@pytest.mark.parametrize(
    ("role", "model_id", "region", "sts_region", "kind", "says", "advises"), FAILURES, ids=[f"{row[4]} {row[5][:30]}" for row in FAILURES]
)
def test_each_failure_is_told_apart(
    page: BedrockSheet, cast: Cast, role: str, model_id: str, region: str, sts_region: str, kind: str, says: str, advises: str
) -> None:
    """Spec 02: trust policy, region, model access not granted, throttling, expiry; each says how far it came and what to fix."""
    arn = role.replace("{good}", good_role(cast.harbor)) if "{good}" in role else f"{ACCOUNT}/{role}"
    if arn != good_role(cast.harbor):
        register(cast.harbor, arn)
    page.fill(role_arn=arn, region=region, sts_region=sts_region).model(model_id).fill(configuration="structure")
    page.test(prompt="Hello")
    shown = page.text_of("result")
    assert (page.status, page.state, page.failure) == (200, "failed", kind), shown
    assert says in shown
    assert advises in shown
    refused = kind == "role_refused"
    assert ("Could not assume your role" in shown, "Could not invoke the model" in shown) == (refused, not refused)
    assert ("sts:ExternalId" in shown) == ("external ID" in advises)
    assert ('"bedrock:InvokeModel"' in shown) == ("permission policy" in advises)
    page.save("confirm")
    assert (page.status, "did not pass" in page.text) == (422, True)


def test_no_credentials_of_aws_are_ever_in_a_page(page: BedrockSheet, aws: Aws) -> None:
    """A6, A9: neither the platform's key nor the session's, nor its token, also where the request that was sent is shown."""
    page.model(NOVA).test(prompt="Hello")
    sent = [record.request for record in aws.provider.recorded]
    assert {request.header("authorization").partition(" ")[0] for request in sent} == {"AWS4-HMAC-SHA256"}
    token = sent[-1].header("x-amz-security-token")
    assert token
    for secret in (token, sent[-1].header("authorization"), "aws-demo-harbor-mutual-platform-key-7Q2M"):
        assert secret not in page.seen


def test_a_secret_header_stays_with_its_role_and_region(page: BedrockSheet) -> None:
    """A8: another role or region clears it, unless it is typed in the same request."""
    page.fill(h_1_key="X-Gateway-Key", h_1_value="gw-7f3a-0000-1111-2222").model(NOVA).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    again = BedrockSheet(page.client, scripts=page.scripts).open(model.pk)
    again.fill(region="us-east-1").press("sample")
    assert "Enter the secret value." in again.text
    again.fill(h_1_value="gw-7f3a-0000-1111-2222").test(prompt="Hello").save("confirm")
    assert again.location, again.text
    assert Connection.objects.get().missing_secrets() == []
    assert "gw-7f3a" not in page.seen + again.seen
