"""The fields of a Bedrock connection in *Add a connection* and *Edit*: the role, with how its registration stands, and the regions."""

from collections.abc import Iterable
from uuid import UUID

from django import forms

from apps.connections.bedrock import BedrockRole, RoleState
from apps.connections.models import Connection
from apps.external_models.models import ExternalModel
from apps.providers.aws import is_role_arn, region_choices
from apps.providers.aws.roles import EXAMPLE

REQUEST_LATER = "Request its registration from the connection's menu, once it is saved."


def role_fields(workspace_id: UUID | None, role_arn: str) -> dict[str, forms.Field]:
    """By parameter, for the role as it is typed or stored. They are checked by `role_problems`, as on the model's own page."""
    arn = forms.CharField(
        label="IAM role ARN",
        error_messages={"required": f"Enter the ARN of the role, such as {EXAMPLE}."},
        max_length=3000,
        widget=forms.TextInput(attrs={"class": "mono", "spellcheck": "false", "autocapitalize": "off"}),
        help_text=registration_in_words(workspace_id, role_arn.strip()),
    )
    sts_region = region_field("STS region", "Same as the model region")
    sts_region.required = False
    return {"role_arn": arn, "sts_region": sts_region, "region": region_field("Model region", "Choose a region")}


class RegionField(forms.ChoiceField):
    """A region as AWS writes it, however it was typed."""

    def to_python(self, value: object) -> str:
        return str(super().to_python(value)).strip().lower()


def region_field(label: str, empty: str) -> RegionField:
    said = {"invalid_choice": "“%(value)s” is not an AWS region. Choose one from the list.", "required": "Choose a region."}
    return RegionField(label=label, choices=[("", empty), *region_choices()], error_messages=said)


def registration_in_words(workspace_id: UUID | None, role_arn: str) -> str:
    """How the registration of a role stands."""
    if not is_role_arn(role_arn):
        return f"A role is used only once it is registered. {REQUEST_LATER}"
    role = BedrockRole.objects.filter(workspace=workspace_id, role_arn=role_arn).first()
    if role is None:
        return f"This role is not registered yet. {REQUEST_LATER}"
    if role.state == RoleState.REFUSED:
        return f"The registration of this role was refused: {role.reason}"
    if role.asked_again:
        return f"The registration of this role is requested again; platform staff decide. They refused it before: {role.reason}"
    return "This role is registered." if role.is_registered else "The registration of this role is requested; platform staff decide."


def give_roles(model: ExternalModel, connections: Iterable[Connection]) -> None:
    """Read the registrations of all the connections' roles at once."""
    if not model.definition.is_bedrock:
        return
    roles = {role.role_arn: role for role in BedrockRole.objects.filter(workspace=model.workspace_id)}
    for connection in connections:
        connection.role = roles.get(connection.role_arn)
