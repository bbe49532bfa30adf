"""Trying a role before it is registered: it has to refuse who does not know the external ID, and to let in who does (spec 07 G2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.accounts.models import Workspace
from apps.connections.bedrock import RoleCheck, Verdict, external_id_of, new_external_id
from apps.core.egress import EgressRule
from apps.core.secrets import call_secrets, redact
from apps.inference.assume_role import RoleQuestion, assume_role
from apps.inference.aws_platform import AwsPlatform, aws_platform
from apps.providers.aws import AwsError, empty_policy, find_region, parse_role_arn, session_name
from apps.providers.errors import ErrorKind, ProviderError

REFUSED = frozenset({"AccessDenied", "AccessDeniedException"})
SOUND = "AWS refused the role without the external ID and with a wrong one, and gave it with the right one."
OPEN = (
    "AWS gave the role {how}. Anybody who may use this platform could then have it assumed. Put the condition on sts:ExternalId into the "
    "role's trust policy as it is shown under Credentials, wait a minute, and request the registration again."
)


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that trying a role needs, read from the database before."""

    question: RoleQuestion
    external_id: str


def plan_trial(workspace: Workspace, *, role_arn: str, sts_region: str) -> Trial:
    """What to ask AWS. The sessions may do nothing. Raises ValueError for what is no role or no region."""
    external_id = external_id_of(workspace)
    role, region = parse_role_arn(role_arn), find_region(sts_region)
    name = session_name(workspace.slug, "registration")
    return Trial(RoleQuestion(role.arn, region, name, empty_policy(), external_id), external_id)


async def try_role(trial: Trial, *, rules: Sequence[EgressRule]) -> RoleCheck:
    """AssumeRole without an external ID, with a wrong one, and with the right one. Never raises for what AWS says.

    Calls out: never inside a transaction.
    """
    with call_secrets():
        try:
            platform = aws_platform()
            for external_id, how in ((None, "without any external ID"), (new_external_id(), "with a wrong external ID")):
                if await _lets_in(platform, replace(trial.question, external_id=external_id), rules):
                    return RoleCheck(Verdict.OPEN, OPEN.format(how=how))
            await assume_role(platform, trial.question, rules=rules)
        except ProviderError as error:
            verdict = Verdict.CLOSED if error.kind is ErrorKind.ROLE_REFUSED else Verdict.UNKNOWN
            return RoleCheck(verdict, redact(f"{error.message} {error.hint}".strip())[:500])
    return RoleCheck(Verdict.SOUND, SOUND)


async def _lets_in(platform: AwsPlatform, question: RoleQuestion, rules: Sequence[EgressRule]) -> bool:
    """Whether AWS gives the role for this question. Raises ProviderError for every other answer than yes and no."""
    try:
        await assume_role(platform, question, rules=rules)
    except AwsError as error:
        if error.code in REFUSED:
            return False
        raise
    return True
