"""One AssumeRole at the regional endpoint of STS, through the one way out (spec 07 G3)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from apps.core import sigv4
from apps.core.egress import EgressRule
from apps.core.http import Limits, OutboundError, send
from apps.core.outbound import Failure
from apps.core.secrets import Secret
from apps.inference.aws_platform import AwsPlatform, aws_url
from apps.inference.masking import response_of
from apps.providers.aws import AssumedCredentials, Region, Service, assume_role_body, read_assume_role
from apps.providers.aws.sts import CONTENT_TYPE
from apps.providers.errors import ErrorKind, ProviderError

LIMITS = Limits(first_byte=10.0, total=15.0, body_bytes=64 * 1024)


@dataclass(frozen=True, slots=True)
class RoleQuestion:
    """What STS is asked for. `external_id` None sends none."""

    role_arn: str
    region: Region
    session_name: str
    policy: str
    external_id: str | None


async def assume_role(platform: AwsPlatform, question: RoleQuestion, *, rules: Sequence[EgressRule]) -> AssumedCredentials[Secret]:
    """A session of the role. Raises AwsError for what STS refuses, ProviderError(STS_FAILED, URL_NOT_ALLOWED) when it cannot be asked.

    STS's answer holds the session's secrets in clear: it goes no further than this function. Its refusals are told to all who wait for the
    same session, so what they repeat is masked here, where the deployment's own secret is known.
    """
    body = assume_role_body(
        role_arn=question.role_arn, session_name=question.session_name, policy=question.policy, external_id=question.external_id
    )
    await asyncio.to_thread(sigv4.prepare)
    try:
        answer = await send(
            "POST",
            f"{aws_url(Service.STS, question.region)}/",
            (("Content-Type", CONTENT_TYPE), ("Accept", "text/xml")),
            body,
            rules=rules,
            limits=LIMITS,
            signer=platform.signer(question.region, Service.STS),
        )
    except OutboundError as error:
        raise _unreachable(error, question.region) from error
    return read_assume_role(response_of(answer), region=question.region.name, close=Secret)


def _unreachable(error: OutboundError, region: Region) -> ProviderError:
    """A refusal by the egress rules stays one, for the audit log; everything else is STS that could not be asked."""
    kind = ErrorKind.URL_NOT_ALLOWED if error.code is Failure.URL_NOT_ALLOWED else ErrorKind.STS_FAILED
    return ProviderError(kind, f"AWS STS in {region.name} could not be asked: {error.message}", error.hint, retryable=error.retryable)
