"""The part of IAM's policy language that session policies use here: Allow and Deny of actions on resources with wildcards."""

import json
import re
from typing import Any

from apps.demo.provider.aws.refusal import AwsRefusal


def check_policy(text: str) -> None:
    """Raises AwsRefusal, as STS does, for what is no policy."""
    try:
        statements = json.loads(text)["Statement"]
        usable = all(entry["Effect"] in ("Allow", "Deny") and entry["Action"] and entry["Resource"] for entry in statements)
    except (ValueError, KeyError, TypeError):
        usable = False
    if not usable:
        raise AwsRefusal(400, "MalformedPolicyDocument", "Syntax errors in policy.")


def allows(text: str, action: str, resource: str) -> bool:
    """Whether the policy lets the action through on the resource. A condition is taken as not met."""
    effects = {entry["Effect"] for entry in json.loads(text)["Statement"] if _fits(entry, action, resource)}
    return effects == {"Allow"}


def _fits(entry: dict[str, Any], action: str, resource: str) -> bool:
    if "Condition" in entry:
        return False
    return _any(entry["Action"], action, re.IGNORECASE) and _any(entry["Resource"], resource, 0)


def _any(patterns: str | list[str], value: str, flags: int) -> bool:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*").replace(r"\?", "."), value, flags) for one in wanted)
