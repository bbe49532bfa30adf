"""Amazon Bedrock as pure functions: regions, roles, model IDs, policies, AssumeRole, errors, families. No network, no secret."""

from apps.providers.aws.errors import AwsError, explain_bedrock_error
from apps.providers.aws.families import (
    Family,
    Operation,
    StartingPoint,
    converse_starting_point,
    family_of,
    invoke_path,
    speaks_converse,
)
from apps.providers.aws.model_ids import ModelKind, ModelReference, reduce_model_id
from apps.providers.aws.policies import empty_policy, permission_policy, session_policy, trust_policy
from apps.providers.aws.regions import REGIONS, Region, Service, base_url, find_region, region_choices
from apps.providers.aws.roles import RoleArn, is_role_arn, parse_role_arn, session_name
from apps.providers.aws.sts import AssumedCredentials, assume_role_body, read_assume_role

__all__ = [
    "REGIONS",
    "AssumedCredentials",
    "AwsError",
    "Family",
    "ModelKind",
    "ModelReference",
    "Operation",
    "Region",
    "RoleArn",
    "Service",
    "StartingPoint",
    "assume_role_body",
    "base_url",
    "converse_starting_point",
    "empty_policy",
    "explain_bedrock_error",
    "family_of",
    "find_region",
    "invoke_path",
    "is_role_arn",
    "parse_role_arn",
    "permission_policy",
    "read_assume_role",
    "reduce_model_id",
    "region_choices",
    "session_name",
    "session_policy",
    "speaks_converse",
    "trust_policy",
]
