"""The policies of the customer's role, ready to paste, and the session policy that narrows a session to its model (07 G1, G3)."""

import json

from apps.providers.aws.model_ids import ModelKind, ModelReference, without_geography
from apps.providers.aws.roles import RoleArn

VERSION = "2012-10-17"  # of IAM's policy language
INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
LIST = "bedrock:ListFoundationModels"
MAX_SESSION_POLICY = 2048  # characters, STS's own limit

type Statement = dict[str, object]


def permission_policy() -> str:
    """What the role has to be allowed to do."""
    return _pretty({"Effect": "Allow", "Action": [*INVOKE, LIST], "Resource": "*"})


def trust_policy(principal_arn: str, external_id: str) -> str:
    """Who may assume the role: this deployment, and only for the workspace whose external ID it is."""
    return _pretty(
        {
            "Effect": "Allow",
            "Principal": {"AWS": principal_arn},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )


def session_policy(model: ModelReference, *, region: str, role: RoleArn) -> str:
    """What a session may do of what the role may: invoke this model, nothing else. Compact, for AssumeRole's Policy."""
    statements: list[Statement] = [{"Effect": "Allow", "Action": list(INVOKE), "Resource": _resources(model, region, role)}]
    if model.kind is ModelKind.MARKETPLACE:
        # Bedrock calls the endpoint in the session's name.
        through = {"StringEquals": {"aws:CalledViaLast": "bedrock.amazonaws.com"}}
        statements.append({"Effect": "Allow", "Action": ["sagemaker:InvokeEndpoint"], "Resource": [model.model_id], "Condition": through})
    return json.dumps({"Version": VERSION, "Statement": statements}, separators=(",", ":"))


def empty_policy() -> str:
    """A session that may do nothing: for trying whether a role lets somebody in."""
    return json.dumps({"Version": VERSION, "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}, separators=(",", ":"))


def _resources(model: ModelReference, region: str, role: RoleArn) -> list[str]:
    """The ARNs that IAM asks about when this model is invoked.

    A profile sends the call on to a model in another region, which IAM asks about as well. What an application profile stands for does not
    show in its ARN, so there every model of AWS is let through; the role's own policy still stands behind it.
    """
    bedrock = f"arn:{role.partition}:bedrock"
    account = model.account or role.account
    match model.kind:
        case ModelKind.FOUNDATION:
            return [f"{bedrock}:{region}::foundation-model/{model.model_id}"]
        case ModelKind.PROFILE:
            base = without_geography(model.model_id)
            return [f"{bedrock}:{region}:{account}:inference-profile/{model.model_id}", f"{bedrock}:*::foundation-model/{base}"]
        case ModelKind.APPLICATION_PROFILE | ModelKind.ROUTER:
            own = model.model_id if model.model_id.startswith("arn:") else f"{bedrock}:{region}:{account}:{_folder(model)}/{model.model_id}"
            return [own, f"{bedrock}:*:{account}:inference-profile/*", f"{bedrock}:*::foundation-model/*"]
        case ModelKind.MARKETPLACE:
            return [model.model_id, f"{bedrock}:{region}:{account}:marketplace/model-endpoint/all-access"]
    if model.model_id.startswith("arn:"):
        return [model.model_id]
    # A name or an ID of the customer's own: which of these it is only Bedrock knows.
    folders = [f"{bedrock}:{region}:{account}:{folder}/*" for folder in ("provisioned-model", "imported-model", "custom-model*")]
    return folders[:1] if model.kind is ModelKind.PROVISIONED else [*folders, f"{bedrock}:{region}::foundation-model/{model.model_id}"]


def _folder(model: ModelReference) -> str:
    return "application-inference-profile" if model.kind is ModelKind.APPLICATION_PROFILE else "prompt-router"


def _pretty(statement: Statement) -> str:
    return json.dumps({"Version": VERSION, "Statement": [statement]}, indent=2)
