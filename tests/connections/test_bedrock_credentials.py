"""Connections of a Bedrock model (spec 02, 03): another role or region of the same model, with the checks of its page."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.connections.models import BedrockRole, Connection, RoleState
from apps.external_models.definition import Definition
from apps.external_models.models import ExternalModel
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import make_connection, make_model
from tests.support.page import read

ROLE = "arn:aws:iam::210987654321:role/patchbay-bedrock-invoke"
NOVA = Definition(url="bedrock://amazon.nova-pro-v1:0", wire_format="converse", model="amazon.nova-pro-v1:0")
PROVISIONED = "arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abc123"


@pytest.fixture
def bob(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.bob)


@pytest.fixture
def model(cast: Cast) -> ExternalModel:
    return make_model(cast.harbor, cast.alice, "Nova", like=NOVA)


def add(client: Client, model: ExternalModel, **fields: str) -> object:
    url = reverse("connections:add_connection", args=["harbor", model.pk])
    given = {"name": "Second", "p-role_arn": ROLE, "p-sts_region": "", "p-region": "eu-central-1"}
    return client.post(url, given | {f"p-{name}": value for name, value in fields.items()})


def test_a_second_role_is_added_and_its_sts_region_follows_the_models(bob: Client, model: ExternalModel) -> None:
    response = add(bob, model, role_arn=f"  {ROLE} ")
    assert response.status_code == 302  # type: ignore[attr-defined]
    assert Connection.objects.get().parameters == {"role_arn": ROLE, "sts_region": "eu-central-1", "region": "eu-central-1"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"role_arn": ""}, "Enter the ARN of the role"),
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
    assert response.status_code == 422  # type: ignore[attr-defined]
    page = read(response)
    errors = [error.text for error in page.all("p") if "error" in error.attrs.get("class", "").split()]
    assert len([error for error in errors if says in error]) == 1, errors
    assert not Connection.objects.exists()


def test_an_arn_is_called_in_its_own_region(bob: Client, cast: Cast) -> None:
    model = make_model(cast.harbor, cast.alice, "Own", like=Definition(url=f"bedrock://{PROVISIONED}", body='{"inputText": "{{prompt}}"}'))
    assert "The model ID is an ARN of eu-west-1, and eu-central-1 is chosen here" in read(add(bob, model)).text
    assert add(bob, model, region="eu-west-1").status_code == 302  # type: ignore[attr-defined]


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
