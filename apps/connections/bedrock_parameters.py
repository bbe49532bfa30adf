"""The parameters of a Bedrock connection: which role is assumed where, and in which region the model is called. One check for all forms."""

from collections.abc import Mapping

from django.conf import settings

from apps.external_models.definition import BEDROCK_SCHEME
from apps.providers.aws import ModelReference, RoleArn, find_region, parse_role_arn, reduce_model_id

MAX_ROLE_ARN = 600  # characters, as many as a registration holds
ROLE, STS_REGION, REGION = NAMES = ("role_arn", "sts_region", "region")


def complete(values: Mapping[str, str]) -> dict[str, str]:
    """The three parameters as AWS writes them, without blanks around them; an STS region that is not chosen is the model's."""
    found = {name: str(values.get(name, "")).strip() for name in NAMES}
    found |= {name: found[name].lower() for name in (STS_REGION, REGION)}
    return found | {STS_REGION: found[STS_REGION] or found[REGION]}


def reference_of(text: str) -> ModelReference | None:
    """What is made of a model ID; None for one that is empty or cannot be one."""
    try:
        return reduce_model_id(text.removeprefix(BEDROCK_SCHEME))
    except ValueError:
        return None


def role_problems(model_url: str, values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the completed parameters, by name; {} when nothing is."""
    return problems_with(values, reference_of(model_url))


def problems_with(values: Mapping[str, str], model: ModelReference | None) -> dict[str, str]:
    """The same for a model ID as it was typed: an ARN may name a region that its ID does not."""
    principal_partition = partition_of(settings.PATCHBAY_AWS_PRINCIPAL_ARN)
    problems: dict[str, str] = {}
    role = None
    try:
        role = parse_role_arn(values[ROLE])
    except ValueError as error:
        problems[ROLE] = str(error)
    if len(values[ROLE]) > MAX_ROLE_ARN:
        problems[ROLE] = f"This ARN has more than {MAX_ROLE_ARN} characters. Use a role with a shorter path."
    if role and principal_partition and role.partition != principal_partition:
        problems[ROLE] = (
            f"This role is in the partition {role.partition}, and Patchbay's principal in {principal_partition}: AWS lets nobody assume a "
            f"role of another partition. Use a role of {principal_partition}."
        )
    for name in (STS_REGION, REGION):
        if problem := region_problem(values[name], None if ROLE in problems else role):
            problems[name] = problem
    if model and model.region and REGION not in problems and model.region != values[REGION]:
        problems[REGION] = f"The model ID is an ARN of {model.region}, and {values[REGION]} is chosen here. Use one region for both."
    if STS_REGION in problems and problems.get(REGION) == problems[STS_REGION]:
        del problems[STS_REGION]  # the same region, said once
    return problems


def region_problem(name: str, role: RoleArn | None) -> str:
    if not name:
        return "Choose a region."
    try:
        region = find_region(name)
    except ValueError as error:
        return str(error)
    if role and region.partition != role.partition:
        return (
            f"{region.name} is in the partition {region.partition}, and the role in {role.partition}. Choose a region of {role.partition}."
        )
    return ""


def partition_of(arn: str) -> str:
    """`aws` of `arn:aws:iam::123456789012:role/patchbay`; "" for what is no ARN."""
    scheme, _, rest = arn.partition(":")
    return rest.partition(":")[0] if scheme == "arn" else ""
