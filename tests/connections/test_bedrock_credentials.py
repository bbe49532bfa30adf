"""Connections of a Bedrock model (spec 02, 03): another role or region of the same model, with the checks of its page."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.connections.models import BedrockRole, Connection, RoleState
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.aws import ACCOUNT, Aws, allow, aws, good_role
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.page import read
from tests.support.provider import provider, provider_server

__all__ = ["aws", "provider", "provider_server"]

ROLE = "arn:aws:iam::210987654321:role/patchbay-bedrock-invoke"
NOVA = Definition(url="bedrock://amazon.nova-pro-v1:0", wire_format="converse", model="amazon.nova-pro-v1:0")
PROVISIONED = "arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abc123"


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.alice, "Nova", like=NOVA)


def add(client: Client, model: ExternalModel, **fields: str) -> Any:
    url = reverse("connections:add_connection", args=["harbor", model.pk])
    given = {"name": "Second", "p-role_arn": ROLE, "p-sts_region": "", "p-region": "eu-central-1"}
    return client.post(url, given | {f"p-{name}": value for name, value in fields.items()})


def test_a_second_role_is_added_and_its_sts_region_follows_the_models(bob: Client, model: ExternalModel) -> None:
    response = add(bob, model, role_arn=f"  {ROLE} ")
    assert response.status_code == 302
    assert Connection.objects.get().parameters == {"role_arn": ROLE, "sts_region": "eu-central-1", "region": "eu-central-1"}


def test_regions_are_kept_as_aws_writes_them(bob: Client, model: ExternalModel) -> None:
    assert add(bob, model, region="EU-Central-1", sts_region=" US-EAST-1 ").status_code == 302
    assert Connection.objects.get().parameters == {"role_arn": ROLE, "sts_region": "us-east-1", "region": "eu-central-1"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"role_arn": ""}, "Enter the ARN of the role"),
        ({"role_arn": "arn:aws:iam::210987654321:role/x\x00"}, "Null characters are not allowed"),
        ({"role_arn": "arn:aws:iam::210987654321:user/bob"}, "names a user, not a role"),
        ({"role_arn": "arn:aws:iam::2109-8765-4321:role/x"}, "12 digits"),
        ({"role_arn": "arn:aws-cn:iam::210987654321:role/x"}, "eu-central-1 is in the partition aws, and the role in aws-cn"),
        ({"region": ""}, "Choose a region."),
        ({"region": "mars-north-1"}, "“mars-north-1” is not an AWS region"),
        ({"sts_region": "us-gov-west-1"}, "us-gov-west-1 is in the partition aws-us-gov"),
    ],
)
def test_what_is_not_right_is_said(bob: Client, model: ExternalModel, fields: dict[str, str], says: str) -> None:
    response = add(bob, model, **fields)
    assert response.status_code == 422
    page = read(response)
    errors = [error.text for error in page.all("p") if "error" in error.attrs.get("class", "").split()]
    assert len([error for error in errors if says in error]) == 1, errors
    assert not Connection.objects.exists()


def test_an_arn_is_called_in_its_own_region(bob: Client, cast: Cast) -> None:
    model = make_model(cast.harbor, cast.alice, "Own", like=Definition(url=f"bedrock://{PROVISIONED}", body='{"inputText": "{{prompt}}"}'))
    assert "The model ID is an ARN of eu-west-1, and eu-central-1 is chosen here" in read(add(bob, model)).text
    assert add(bob, model, region="eu-west-1").status_code == 302


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (None, "This role is not registered yet."),
        (RoleState.REQUESTED, "The registration of this role is requested"),
        (RoleState.REGISTERED, "This role is registered."),
        (RoleState.REFUSED, "The registration of this role was refused: it lets anybody in"),
    ],
)
def test_editing_shows_how_the_registration_stands(bob: Client, model: ExternalModel, cast: Cast, state: str | None, says: str) -> None:
    parameters = {"role_arn": ROLE, "sts_region": "us-east-1", "region": "eu-central-1"}
    connection = make_connection(model, cast.alice, parameters=parameters)
    if state:
        BedrockRole.objects.create(workspace=cast.harbor, role_arn=ROLE, sts_region="us-east-1", state=state, reason="it lets anybody in")
    page = read(bob.get(reverse("connections:edit_connection", args=["harbor", model.pk, connection.pk])))
    assert says in page.text
    chosen = [option["value"] for option in page.all("option") if "selected" in option.attrs]
    assert chosen == ["us-east-1", "eu-central-1"]


def test_a_row_says_what_its_role_waits_for_and_asks_for_it(bob: Client, model: ExternalModel, cast: Cast, aws: Aws) -> None:
    """Spec 02: a second role is registered from its connection's menu; until then the row says so."""
    allow(aws)
    good, open_role = good_role(cast.harbor), f"{ACCOUNT}/open/claims"
    places = {"sts_region": "eu-central-1", "region": "eu-central-1"}
    first = make_connection(model, cast.alice, "First", parameters={"role_arn": good, **places})
    second = make_connection(model, cast.alice, "Second", parameters={"role_arn": open_role, **places})
    third = make_connection(model, cast.alice, "Third", parameters={"role_arn": "not a role", **places})
    page = reverse("connections:connection_list", args=["harbor", model.pk])
    assert rows(bob, page) == ["Role not registered"] * 3

    for connection in (first, second, third):
        asking = reverse("onboarding:bedrock_register_connection", args=["harbor", model.pk, connection.pk])
        assert bob.post(asking).headers["Location"] == page
    assert BedrockRole.objects.count() == 2
    waiting, refused, unknown = rows(bob, page)
    assert (waiting, unknown) == ("Role waits for its registration", "Role not registered")
    assert refused.startswith("Role refused: AWS gave the role without any external ID")
    BedrockRole.objects.filter(role_arn=good).update(state=RoleState.REGISTERED)
    assert rows(bob, page)[0] == "Never used"


def rows(client: Client, page: str) -> list[str]:
    """What stands under the name of each connection."""
    return [element.text for element in read(client.get(page)).one(id_="connections").all("small")]
