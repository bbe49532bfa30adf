"""The form of *Amazon Bedrock*: what the integration page has, and the role, the model's ID and the regions."""

from typing import ClassVar

from django import forms

from apps.onboarding.forms import IntegrationForm
from apps.providers.aws import REGIONS, region_choices

PARTITIONS = {"aws": "AWS", "aws-us-gov": "AWS GovCloud (US)", "aws-cn": "AWS China", "aws-eusc": "AWS European Sovereign Cloud"}


class BedrockForm(IntegrationForm):
    """Roles, regions and the model's ID are checked together by the builder: each depends on the others.

    `configuration` is Converse where it follows a structure, else InvokeModel with body and paths.
    """

    places: ClassVar[tuple[str, ...]] = (
        "role_arn", "sts_region", "name", "region", "model_id", "connection_name", "body",
        "output_path", "input_tokens_path", "output_tokens_path",
    )  # fmt: skip

    role_arn = forms.CharField(required=False, label="IAM role ARN", max_length=3000)
    # Text, not choices: a draft keeps whatever there is, and the builder says what is wrong with it.
    sts_region = forms.CharField(required=False, label="STS region", max_length=100)
    region = forms.CharField(required=False, label="Model region", max_length=100)
    model_id = forms.CharField(required=False, label="Model ID", max_length=3000)

    @property
    def region_groups(self) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
        """Every region by partition, the usual one first, as the groups of a select."""
        return [(title, region_choices(partition)) for partition, title in PARTITIONS.items()]

    @property
    def region_names(self) -> frozenset[str]:
        return frozenset(REGIONS)
