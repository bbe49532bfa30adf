"""What STS says, on its way in: read by several callers, and by people (spec 07 A9)."""

import json
from html import escape
from typing import Any

import pytest

from apps.core.http import Limits
from apps.core.secrets import Secret, call_secrets
from apps.core.sigv4 import SigningKeys
from apps.inference import pipeline
from apps.inference.assume_role import RoleQuestion, assume_role
from apps.inference.aws_platform import AwsPlatform
from apps.inference.role_sessions import SessionKey, role_sessions
from apps.inference.roles import RoleAuthorization
from apps.inference.target import Target
from apps.providers.aws import AwsError, find_region
from tests.support.aws import bedrock_definition
from tests.support.outbound import loopback_rule
from tests.support.servers import Connection, answering, json_answer, serve

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


async def refusal(settings: Any, document: str) -> AwsError:
    """STS's refusal as all who wait for this session get it: nobody but who asked knows the platform's secret by value."""
    question = RoleQuestion("arn:aws:iam::123456789012:role/R", find_region("eu-west-1"), "pb-a-b", "{}", "pb-1")
    async with serve(answering(json_answer(document.encode(), "403 Forbidden"))) as server:
        settings.PATCHBAY_AWS_ENDPOINT_URL = f"http://127.0.0.1:{server.port}"
        with pytest.raises(AwsError) as caught, call_secrets():
            await assume_role(AwsPlatform("arn", SigningKeys("AKIAEXAMPLE", Secret(KEY))), question, rules=[loopback_rule(server.port)])
    return caught.value


@pytest.mark.parametrize("filler", [0, *range(460, 502, 7)])
@pytest.mark.parametrize("page", ["<ErrorResponse><Error><Code>Odd</Code><Message>{}</Message></Error></ErrorResponse>", "<h1>{}</h1>"])
async def test_what_sts_repeats_is_masked_before_it_is_cut(settings: Any, page: str, filler: int) -> None:
    """Half a secret is not recognized."""
    error = await refusal(settings, page.format(escape("." * filler + KEY)))
    assert error.provider_message.startswith("." * filler)
    assert KEY[:8] not in f"{error.message} {error.hint} {error.provider_message} {error.code}"


async def test_a_secret_as_the_name_of_an_error(settings: Any) -> None:
    error = await refusal(settings, f"<ErrorResponse><Error><Code>{'A' * 60}{KEY}</Code></Error></ErrorResponse>")
    assert KEY[:8] not in f"{error.message} {error.code}"


TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN0123456789"
GRANTED = (
    "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE"
    f"</AccessKeyId><SecretAccessKey>s3cr3t-of-the-session</SecretAccessKey><SessionToken>{TOKEN}</SessionToken><Expiration>"
    "2126-11-21T12:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


async def repeating(connection: Connection) -> None:
    """STS that gives a session, and Bedrock that names its error after the session's token."""
    await connection.read_request()
    if b"Action=AssumeRole" in connection.server.requests[-1]:
        await connection.send(json_answer(GRANTED.encode()))
    else:
        await connection.send(json_answer(b"", "403 Forbidden", f"x-amzn-ErrorType: {'A' * 60}{TOKEN}"))


async def test_what_bedrock_repeats_in_a_header_is_masked_before_it_is_cut(settings: Any) -> None:
    settings.PATCHBAY_AWS_PRINCIPAL_ARN, settings.PATCHBAY_AWS_ACCESS_KEY_ID = "arn", "AKIAEXAMPLE"
    settings.PATCHBAY_AWS_SECRET_ACCESS_KEY = KEY
    role_sessions.forget_all()
    key = SessionKey("w", "", 0, "arn:aws:iam::123456789012:role/R", "pb-1", "eu-west-1", "eu-west-1", "{}", "pb-a-b")
    async with serve(repeating) as server:
        settings.PATCHBAY_AWS_ENDPOINT_URL = f"http://127.0.0.1:{server.port}"
        target = Target(bedrock_definition(), {}, {"region": "eu-west-1"}, limits=Limits(total=60), authorization=RoleAuthorization(key))
        result = await pipeline.run(target, {"prompt": "hi"}, rules=[loopback_rule(server.port)])
    assert len(server.requests) == 2
    assert result.failure
    assert result.failure.kind == "upstream_auth"
    assert TOKEN[:8] not in json.dumps(result.to_json())
