"""Spec 02, Amazon Bedrock: from an empty page to a working model, by plain forms and by htmx, against the stand-in for AWS."""

import json
import re
from typing import Any

import pytest

from apps.audit.models import AuditEvent
from apps.connections.actions import refuse_role, register_role
from apps.connections.bedrock import RoleCheck, Verdict, external_id_of
from apps.connections.models import BedrockRole, Connection
from apps.demo.provider.keys import AWS_PRINCIPAL_ARN
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.onboarding.bedrock_sheet import BedrockSheet
from tests.onboarding.conftest import allow_loopback
from tests.support.aws import ACCOUNT, HAIKU, Aws, aws, good_role, register
from tests.support.cast import Cast
from tests.support.catalog import SEES, fill, offer
from tests.support.models import author

__all__ = ["aws"]

NOVA = "amazon.nova-pro-v1:0"
SOUND = RoleCheck(Verdict.SOUND, "AWS refused everybody else.")


@pytest.fixture
def page(cast: Cast, client_for: ClientFor, aws: Aws, scripts: bool) -> BedrockSheet:
    """A new page of Adam's, with and without scripts; calls to the stand-in are allowed."""
    allow_loopback(aws.provider.port)
    return BedrockSheet(client_for(cast.adam), scripts=scripts).open()


def filled(page: BedrockSheet, cast: Cast, *, role: str = "", model_id: str = NOVA, region: str = "eu-central-1") -> BedrockSheet:
    """With a registered role, unless another one is given."""
    arn = role or good_role(cast.harbor)
    if not role:
        register(cast.harbor, arn)
    page.fill(name="Nova Pro (EU)", role_arn=arn, region=region)
    page.press("role")
    return page.model(model_id)


def events() -> list[str]:
    """Of the workspace's own chain."""
    own = AuditEvent.objects.exclude(chain="platform").filter(category__in=["models", "connections", "bedrock_roles"])
    return list(own.order_by("id").values_list("event", flat=True))


def test_from_an_unknown_role_to_a_working_model(page: BedrockSheet, cast: Cast, aws: Aws) -> None:
    """Spec 02: the whole way. While the role is not registered, Test and Confirm say so, and nothing is sent."""
    arn = good_role(cast.harbor)
    page.fill(name="Nova Pro (EU)", role_arn=arn, region="eu-central-1").press("role")
    assert "This role is not registered" in page.text_of("role")
    page.model(NOVA)
    assert f"Read as {NOVA}, a foundation model." in page.text_of("reading")
    assert page.fields["configuration"] == "structure"
    assert '"{{prompt}}"' in page.text_of("request")
    for press in (lambda: page.press("sample"), lambda: page.save("confirm"), lambda: page.save("untested")):
        press()
        assert (page.status, "This role is not registered" in page.problem("role_arn")) == (422, True)
    assert not aws.provider.recorded

    page.press("register")
    assert page.status == 200
    assert "Registration requested" in page.text_of("role")
    assert "Adam Admin asked for it" in page.text_of("role")
    assert [call.get("ExternalId") for call in aws.assumed()][0::2] == [None, external_id_of(cast.harbor)]
    page.press("sample")
    assert "The registration of this role is requested" in page.problem("role_arn")

    register_role(BedrockRole.objects.get(), check=SOUND, override=False, reason="", by=author(cast.pat))
    page.press("role")
    assert "Approved by platform staff" in page.text_of("role")
    page.test(prompt="Sum up the claim")
    assert "200 OK" in page.text
    assert page.state == "current"
    assert 'You asked: "Sum up the claim"' in page.text_of("converse-mapping")
    page.save("confirm")

    assert page.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert (model.name, model.state, bool(model.tested_digest)) == ("Nova Pro (EU)", "active", True)
    assert (model.integration_type, model.provider, model.model_id) == ("easy", "bedrock", NOVA)
    assert (model.definition.wire_format, model.definition.url) == ("converse", f"bedrock://{NOVA}")
    connection = model.connections.get()
    assert connection.parameters == {"role_arn": arn, "sts_region": "eu-central-1", "region": "eu-central-1"}
    assert events() == [
        "bedrock_role.registration_requested",
        "bedrock_role.registered",
        "model.tested",
        "model.added",
        "connection.added",
        "model.activated",
    ]


def test_an_arn_is_checked_as_soon_as_it_is_typed(page: BedrockSheet, cast: Cast) -> None:
    """At its field: what was wrong goes with the right ARN, and another one says so at once. The summary is for what was asked for."""
    page.fill(role_arn="", region="eu-central-1").press("register")
    assert (page.status, bool(page.problem("role_arn")), "1 thing to mend" in page.text) == (422, True, True)
    page.fill(role_arn=good_role(cast.harbor)).press("role")
    assert (page.status, page.problem("role_arn"), "to mend" in page.text) == (200, "", False)
    page.fill(role_arn="arn:aws:iam::210987654321:user/bob").press("role")
    assert "This ARN names a user, not a role" in page.problem("role_arn")
    assert "to mend" not in page.text
    page.fill(role_arn="").press("role")
    assert page.problem("role_arn") == ""


def test_the_policies_stand_open_while_the_role_is_not_registered(page: BedrockSheet, cast: Cast) -> None:
    arn = good_role(cast.harbor)
    register(cast.harbor, arn)
    page.fill(role_arn=arn).press("role")
    assert re.search(r'<details[^>]* id="policies"[^>]*>', page.html)
    assert not re.search(r'<details[^>]* id="policies"[^>]* open>', page.html)
    page.fill(role_arn=f"{ACCOUNT}/another").press("role")
    assert re.search(r'<details[^>]* id="policies"[^>]* open>', page.html)


def test_the_policies_are_ready_to_paste(page: BedrockSheet, cast: Cast) -> None:
    """Spec 02, help panel; G1: principal and external ID stand in the trust policy, and the external ID is the workspace's own."""
    external_id = external_id_of(cast.harbor)
    trust = json.loads(page.text_of("trust-policy"))["Statement"][0]
    assert trust["Principal"] == {"AWS": AWS_PRINCIPAL_ARN}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": external_id}}
    permission = json.loads(page.text_of("permission-policy"))["Statement"][0]
    assert set(permission["Action"]) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:ListFoundationModels"}
    assert f'id="external-id" value="{external_id}" readonly' in page.html
    assert f'id="principal" value="{AWS_PRINCIPAL_ARN}" readonly' in page.html
    assert external_id_of(cast.other) not in page.html
    page.fill(external_id="pb-of-my-own").press("role")
    assert external_id_of(cast.harbor) == external_id


def test_a_deployment_without_an_identity_says_so(page: BedrockSheet, cast: Cast, settings: Any) -> None:
    settings.PATCHBAY_AWS_PRINCIPAL_ARN = ""
    page.open()
    assert "This deployment has no AWS identity yet" in page.text
    page.fill(role_arn=good_role(cast.harbor)).press("register")
    assert "This deployment has no AWS identity" in page.text_of("role")
    assert BedrockRole.objects.get().state == "requested"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("open/claims", "AWS gave the role without any external ID"),
        ("any-external-id/claims", "AWS gave the role with a wrong external ID"),
        ("trusts/pb-00000000000000000000000000000000/claims", "AWS did not let Patchbay assume the role"),
        ("not-there", "AWS did not let Patchbay assume the role"),
    ],
)
def test_a_role_that_is_not_sound_is_refused_with_the_reason(page: BedrockSheet, path: str, says: str) -> None:
    """G2: a role that lets anybody in, and one that does not know the workspace's external ID."""
    page.fill(role_arn=f"{ACCOUNT}/{path}").press("register")
    assert "Registration refused" in page.text_of("role")
    assert says in page.text_of("role")
    assert BedrockRole.objects.get().state == "refused"
    page.model(NOVA).press("sample")
    assert "The registration of this role is refused" in page.problem("role_arn")


def test_a_deployment_can_register_by_itself(page: BedrockSheet, cast: Cast, settings: Any) -> None:
    settings.PATCHBAY_AWS_AUTO_REGISTER_ROLES = True
    page.fill(role_arn=good_role(cast.harbor)).press("register")
    assert "Role registered" in page.text_of("role")


def test_a_registration_that_was_taken_back_stops_the_page(page: BedrockSheet, cast: Cast) -> None:
    filled(page, cast).test(prompt="Hello")
    assert page.state == "current"
    refuse_role(BedrockRole.objects.get(), reason="The account was closed.", by=author(cast.pat))
    page.save("confirm")
    assert page.status == 422
    page.press("role")
    assert "The account was closed." in page.text_of("role")
    assert not ExternalModel.objects.exists()


ROLE = f"{ACCOUNT}/patchbay"


@pytest.mark.parametrize(
    ("fields", "place", "says"),
    [
        ({"role_arn": ""}, "role_arn", "Enter the ARN of the role"),
        ({"role_arn": "arn:aws:iam::210987654321:user/bob"}, "role_arn", "This ARN names a user, not a role"),
        ({"role_arn": "arn:aws:sts::210987654321:assumed-role/patchbay/me"}, "role_arn", "the ARN of a session"),
        ({"role_arn": "patchbay-bedrock-invoke"}, "role_arn", "Enter the whole ARN"),
        ({"role_arn": "arn:aws-cn:iam::210987654321:role/patchbay"}, "role_arn", "This role is in the partition aws-cn"),
        ({"role_arn": '"><script>alert(1)</script>'}, "role_arn", "Enter the whole ARN"),
        ({"region": ""}, "region", "Choose a region."),
        ({"region": "mars-north-1"}, "region", "“mars-north-1” is not an AWS region"),
        ({"sts_region": "cn-north-1"}, "sts_region", "cn-north-1 is in the partition aws-cn, and the role in aws"),
        ({"model_id": ""}, "model_id", "Enter the model's ID"),
        ({"model_id": "amazon nova"}, "model_id", "A model ID has letters, digits"),
        ({"model_id": "arn:aws:s3:::bucket"}, "model_id", "This ARN is of another thing"),
        (
            {"model_id": f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}"},
            "region",
            "The model ID is an ARN of eu-west-1, and us-east-1",
        ),
    ],
)
def test_what_cannot_be_right_is_said_at_its_field(
    page: BedrockSheet, cast: Cast, aws: Aws, fields: dict[str, str], place: str, says: str
) -> None:
    register(cast.harbor, ROLE)
    page.fill(**{"name": "Nova", "role_arn": ROLE, "region": "us-east-1", "model_id": NOVA, **fields})
    for action in ("sample", "save"):
        page.press(action, **({"action": "confirm"} if action == "save" else {}))
        assert page.status == 422
        assert says in page.problem(place)
        assert page.fields["model_id"] == fields.get("model_id", NOVA)
    assert "<script>alert" not in page.seen
    assert not aws.provider.recorded
    assert not ExternalModel.objects.exists()


def test_blanks_around_what_was_pasted_do_no_harm(page: BedrockSheet, cast: Cast) -> None:
    filled(page, cast, model_id=f"  {NOVA}\t")
    page.fill(role_arn=f" {good_role(cast.harbor)} ").press("role")
    assert "Role registered" in page.text_of("role")
    page.test(prompt="Hello").save("confirm")
    assert Connection.objects.get().parameters["role_arn"] == good_role(cast.harbor)


def test_a_draft_keeps_what_is_there_valid_or_not(page: BedrockSheet, cast: Cast) -> None:
    """Spec 02: *Save as draft* keeps whatever there is; the connection holds role and regions."""
    typed = {"role_arn": "arn:aws:iam::12:role/half", "region": "us-west-2", "sts_region": "us-east-1", "model_id": "half an ID"}
    page.fill(**typed).save("draft")
    assert page.location == "/w/harbor/models/"
    model = ExternalModel.objects.get()
    assert (model.state, model.provider) == ("draft", "bedrock")
    again = BedrockSheet(page.client, scripts=page.scripts).open(model.pk)
    assert {name: again.fields[name] for name in typed} == typed
    again.fill(name="Nova later", model_id=NOVA).save("draft")
    assert ExternalModel.objects.get().model_id == NOVA


def test_an_active_model_is_edited_on_the_same_page(page: BedrockSheet, cast: Cast) -> None:
    filled(page, cast, model_id=HAIKU, region="eu-west-1").test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    again = BedrockSheet(page.client, scripts=page.scripts).open(model.pk)
    assert again.state == "current"
    assert (again.fields["model_id"], again.fields["role_arn"]) == (HAIKU, good_role(cast.harbor))
    again.fill(region="us-east-1").save("confirm")
    assert (again.status, again.state) == (422, "stale")
    again.test(prompt="Hello").save("confirm")
    assert again.location, again.text
    connection = model.connections.get()
    assert (connection.parameters["region"], connection.parameters["sts_region"]) == ("us-east-1", "eu-west-1")


def test_the_catalogue_preselects_a_model(page: BedrockSheet, cast: Cast) -> None:
    """*Connect* on a row of Supported models: ID, name and call are there; what the model can do is the catalogue's word."""
    fill(offer("bedrock", NOVA, "Nova Pro", **SEES))
    page.open(query=f"?model={NOVA}")
    assert (page.fields["model_id"], page.fields["name"], page.fields["configuration"]) == (NOVA, "Nova Pro", "structure")
    filled(page, cast, model_id=f"eu.{NOVA}").test(prompt="Hello").save("confirm")
    definition = ExternalModel.objects.get().definition
    assert set(definition.features) == {"streaming", "tool_calling"}
    assert set(definition.modalities) == {"text_to_text", "image_to_text"}
    page.open(query="?model=%00amazon.titan-text-express-v1")
    assert page.status == 200


def test_a_copy_is_finished_on_the_same_page(page: BedrockSheet, cast: Cast) -> None:
    """Copy opens a draft with everything but the role: that is its connection's."""
    filled(page, cast).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    response = page.client.post(f"/w/harbor/models/{model.pk}/copy/")
    copy = ExternalModel.objects.exclude(pk=model.pk).get()
    assert response.headers["Location"].endswith(f"/{copy.pk}/edit/")
    again = BedrockSheet(page.client, scripts=page.scripts).open(copy.pk)
    assert (again.fields["model_id"], again.fields["role_arn"]) == (NOVA, "")


def test_two_people_editing_at_once_are_told(page: BedrockSheet, cast: Cast, client_for: ClientFor) -> None:
    """Spec 02, the model page: nobody's work is lost, and the next save replaces the other's knowingly."""
    filled(page, cast).test(prompt="Hello").save("confirm")
    model = ExternalModel.objects.get()
    mine, theirs = (BedrockSheet(client_for(who), scripts=page.scripts).open(model.pk) for who in (cast.adam, cast.bob))
    theirs.fill(name="Bob's Nova").save("confirm")
    assert theirs.location
    mine.fill(name="Adam's Nova").save("confirm")
    assert (mine.status, "changed this model while you were editing it" in mine.text) == (409, True)
    mine.save("confirm")
    assert ExternalModel.objects.get().name == "Adam's Nova"
