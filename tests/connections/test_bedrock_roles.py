"""Registration of Bedrock roles: the check with AWS, the decision of staff, and what is logged of it (spec 02, spec 06, spec 07 G1, G2)."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Workspace
from apps.audit.models import AuditEvent
from apps.connections.actions import refuse_role, request_registration
from apps.connections.bedrock import AwsIdentity, BedrockRole, RoleCheck, RoleState, Verdict, external_id_of
from apps.connections.role_fields import registration_in_words
from apps.demo.provider.keys import AWS_SECRET_ACCESS_KEY
from apps.inference.role_checks import plan_trial, try_role
from tests.conftest import ClientFor
from tests.support.aws import ACCOUNT, Aws, allow, aws, good_role, register
from tests.support.cast import Cast
from tests.support.models import author
from tests.support.provider import provider, provider_server

__all__ = ["aws", "provider", "provider_server"]

WORDS = {
    Verdict.OPEN: "Put the condition on sts:ExternalId into the role's trust policy",
    Verdict.CLOSED: "trust policy names the trusted principal and the external ID",
    Verdict.SOUND: "gave it with the right one",
}


def check(aws: Aws, workspace: Workspace, role_arn: str, sts_region: str = "eu-west-1") -> RoleCheck:
    return async_to_sync(try_role)(plan_trial(workspace, role_arn=role_arn, sts_region=sts_region), rules=aws.rules)


def ask(cast: Cast, role_arn: str, found: RoleCheck, *, automatic: bool = False) -> BedrockRole:
    return request_registration(
        cast.harbor, role_arn=role_arn, sts_region="eu-west-1", check=found, automatic=automatic, by=author(cast.adam)
    )


def events() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(category="bedrock_roles").order_by("created_at", "pk")
    return [(event.event.partition(".")[2], "platform" if event.chain == "platform" else "workspace") for event in rows]


# The external ID


def test_every_workspace_has_one_external_id_for_ever(cast: Cast) -> None:
    """G1: pb- and 32 hex digits, random, its own."""
    mine = external_id_of(cast.harbor)
    assert mine == external_id_of(cast.harbor)
    assert mine != external_id_of(cast.other)
    assert mine.startswith("pb-")
    assert len(bytes.fromhex(mine[3:])) == 16
    assert AwsIdentity.objects.count() == 2


# The check


@pytest.mark.parametrize(
    ("path", "verdict", "tries"),
    [
        ("trusts/{id}/R", Verdict.SOUND, 3),
        ("open/R", Verdict.OPEN, 1),
        ("any-external-id/R", Verdict.OPEN, 2),
        ("NoSuchRole", Verdict.CLOSED, 3),
        (f"trusts/pb-{'0' * 32}/R", Verdict.CLOSED, 3),
    ],
)
def test_a_role_is_tried_before_it_is_registered(cast: Cast, aws: Aws, path: str, verdict: Verdict, tries: int) -> None:
    """G2: without an external ID, with a wrong one, then with the right one."""
    found = check(aws, cast.harbor, f"{ACCOUNT}/{path.format(id=external_id_of(cast.harbor))}")
    assert found.verdict is verdict
    assert WORDS[verdict] in found.words
    asked = aws.assumed()
    assert [fields.get("ExternalId") is None for fields in asked] == [True, False, False][:tries]
    assert "Deny" in asked[0]["Policy"], "a session that is only tried may do nothing"
    if tries == 3:
        assert asked[1]["ExternalId"] != asked[2]["ExternalId"] == external_id_of(cast.harbor)


def test_another_workspaces_external_id_does_not_open_the_role(cast: Cast, aws: Aws) -> None:
    """G1, the confused deputy: a role that trusts harbor is of no use to anybody else."""
    assert check(aws, cast.other, good_role(cast.harbor)).verdict is Verdict.CLOSED


@pytest.mark.parametrize("ending", ["half-hour"])
def test_a_role_that_does_not_allow_an_hour(cast: Cast, aws: Aws, ending: str) -> None:
    """G3: 3,600 s; better said at registration than at the first call."""
    found = check(aws, cast.harbor, good_role(cast.harbor, f"R-{ending}"))
    assert found.verdict is not Verdict.SOUND
    assert "1 hour" in found.words


def test_a_region_that_is_switched_off(cast: Cast, aws: Aws) -> None:
    assert "Choose another STS region" in check(aws, cast.harbor, good_role(cast.harbor), "af-south-1").words


def test_when_aws_cannot_be_asked_nothing_is_known(cast: Cast, aws: Aws, settings: Any) -> None:
    settings.PATCHBAY_AWS_ENDPOINT_URL = f"{aws.url}/fault/503/aws/{{service}}/{{region}}"
    assert check(aws, cast.harbor, good_role(cast.harbor)).verdict is Verdict.UNKNOWN
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = ""
    found = check(aws, cast.harbor, good_role(cast.harbor))
    assert found.verdict is Verdict.UNKNOWN
    assert "no AWS identity" in found.words


# The request


@pytest.mark.parametrize(
    ("verdict", "automatic", "state", "logged"),
    [
        (Verdict.SOUND, False, RoleState.REQUESTED, ["registration_requested"]),
        (Verdict.SOUND, True, RoleState.REGISTERED, ["registration_requested", "registered"]),
        (Verdict.OPEN, False, RoleState.REFUSED, ["registration_requested", "refused"]),
        (Verdict.OPEN, True, RoleState.REFUSED, ["registration_requested", "refused"]),
        (Verdict.CLOSED, True, RoleState.REFUSED, ["registration_requested", "refused"]),
        (Verdict.UNKNOWN, True, RoleState.REQUESTED, ["registration_requested"]),
    ],
)
def test_what_a_request_leads_to(cast: Cast, verdict: Verdict, automatic: bool, state: str, logged: list[str]) -> None:
    """Spec 02; G2: open roles are refused at once, sound ones wait for staff unless the deployment registers automatically."""
    role = ask(cast, good_role(cast.harbor), RoleCheck(verdict, "What the check said."), automatic=automatic)
    role.refresh_from_db()
    assert (role.state, role.check_result, role.requested_by) == (state, "What the check said.", cast.adam)
    assert role.reason == ("What the check said." if state == RoleState.REFUSED else "")
    assert events() == [(name, "workspace") for name in logged]


def test_a_refused_role_can_be_requested_again(cast: Cast) -> None:
    arn = good_role(cast.harbor)
    ask(cast, arn, RoleCheck(Verdict.CLOSED, "No."))
    role = ask(cast, arn, RoleCheck(Verdict.SOUND, "Yes."))
    assert (role.state, role.reason, role.decided_at) == (RoleState.REQUESTED, "", None)
    assert BedrockRole.objects.count() == 1


@pytest.mark.parametrize("automatic", [True, False])
@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.SOUND, RoleState.REQUESTED),
        (Verdict.UNKNOWN, RoleState.REQUESTED),
        (Verdict.OPEN, RoleState.REFUSED),
        (Verdict.CLOSED, RoleState.REFUSED),
    ],
)
def test_what_staff_refused_only_staff_register(cast: Cast, verdict: Verdict, state: str, automatic: bool) -> None:
    """Spec 02: platform staff decide. Asking again, however often, neither registers the role nor wipes who refused it and why."""
    refused = refuse_role(register(cast.harbor, good_role(cast.harbor)), reason="Left the company.", by=author(cast.pat))
    for _ in range(2):
        role = ask(cast, refused.role_arn, RoleCheck(verdict, "What the check said."), automatic=automatic)
        role.refresh_from_db()
        assert (role.state, role.reason, role.decided_by, role.decided_at) == (state, "Left the company.", cast.pat, refused.decided_at)
        assert (role.check_result, role.requested_by) == ("What the check said.", cast.adam)
    assert ("registration_requested", "workspace") in events()
    assert ("registered", "workspace") not in events()
    assert "Left the company." in registration_in_words(cast.harbor.pk, role.role_arn)


def test_a_role_that_staff_refused_is_registered_by_staff(cast: Cast, aws: Aws, pat: Client) -> None:
    """They see their reason beside the new request."""
    allow(aws)
    role = refuse_role(register(cast.harbor, good_role(cast.harbor)), reason="Left the company.", by=author(cast.pat))
    ask(cast, role.role_arn, RoleCheck(Verdict.SOUND, "Yes."), automatic=True)
    assert "State: Requested again (Left the company.)" in pat.get(reverse("admin:connections_bedrockrole_decide", args=[role.pk])).text
    assert decide(pat, role, decision="register").status_code == 302
    role.refresh_from_db()
    assert (role.state, role.reason) == (RoleState.REGISTERED, "")


def test_a_registered_role_stays_registered(cast: Cast) -> None:
    """A second click, or somebody else's request for the same role."""
    arn = good_role(cast.harbor)
    register(cast.harbor, arn)
    assert ask(cast, arn, RoleCheck(Verdict.OPEN, "No.")).is_registered
    assert events() == []


# Staff


@pytest.fixture
def pat(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.pat)


def decide(pat: Client, role: BedrockRole, **fields: str) -> Any:
    return pat.post(reverse("admin:connections_bedrockrole_decide", args=[role.pk]), fields)


def test_staff_register_a_sound_role(cast: Cast, aws: Aws, pat: Client) -> None:
    """Spec 06; D7: the check is made again, and the event is in the workspace's chain and in the platform's."""
    allow(aws)
    role = register(cast.harbor, good_role(cast.harbor), state=RoleState.REQUESTED)
    shown = pat.get(reverse("admin:connections_bedrockrole_decide", args=[role.pk])).text
    assert role.role_arn in shown
    assert decide(pat, role, decision="register").status_code == 302
    role.refresh_from_db()
    assert (role.state, role.decided_by) == (RoleState.REGISTERED, cast.pat)
    assert "gave it with the right one" in role.check_result
    assert events() == [("registered", "workspace"), ("registered", "platform")]
    assert "The role is registered" in pat.get(reverse("admin:connections_bedrockrole_change", args=[role.pk])).text


def test_an_open_role_needs_an_override_with_a_reason(cast: Cast, aws: Aws, pat: Client) -> None:
    """G2."""
    allow(aws)
    role = register(cast.harbor, f"{ACCOUNT}/open/R", state=RoleState.REFUSED)
    refused = decide(pat, role, decision="register")
    assert refused.status_code == 422
    assert "without any external ID" in refused.text
    assert decide(pat, role, decision="register", override="on").status_code == 422
    assert not BedrockRole.objects.get().is_registered
    assert decide(pat, role, decision="register", override="on", reason="A throw-away account.").status_code == 302
    assert BedrockRole.objects.get().is_registered
    changes = AuditEvent.objects.get(event="bedrock_role.registered", chain="platform").changes
    assert "override" in changes


def test_staff_refuse_with_a_reason(cast: Cast, aws: Aws, pat: Client) -> None:
    role = register(cast.harbor, good_role(cast.harbor))
    assert decide(pat, role, decision="refuse").status_code == 422
    assert decide(pat, role, decision="refuse", reason="Left the company.").status_code == 302
    role.refresh_from_db()
    assert (role.state, role.reason) == (RoleState.REFUSED, "Left the company.")
    assert events() == [("refused", "workspace"), ("refused", "platform")]
    assert not aws.provider.recorded


def test_rows_are_for_reading_otherwise(cast: Cast, pat: Client) -> None:
    """D7: nothing is edited in place, and no secret shows."""
    role = register(cast.harbor, good_role(cast.harbor))
    page = reverse("admin:connections_bedrockrole_change", args=[role.pk])
    assert "Register or refuse" in pat.get(page).text
    assert pat.post(page, {"state": "refused"}).status_code == 403
    assert pat.post(reverse("admin:connections_bedrockrole_delete", args=[role.pk]), {"post": "yes"}).status_code == 403
    listed = pat.get(reverse("admin:connections_bedrockrole_changelist"), {"q": "harbor"}).text
    assert role.role_arn in listed
    assert AWS_SECRET_ACCESS_KEY not in listed
    assert pat.get(reverse("admin:connections_bedrockrole_decide", args=["nonsense"])).status_code == 404
