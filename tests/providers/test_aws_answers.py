"""What STS and Bedrock answer, read strictly and told apart (spec 02; spec 07 G)."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from apps.providers.aws import AwsError, Service, assume_role_body, explain_bedrock_error, read_assume_role
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import Response

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
# As printed in the STS API reference.
GRANTED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult>
<SourceIdentity>Alice</SourceIdentity>
  <AssumedRoleUser>
    <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
    <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
  </AssumedRoleUser>
  <Credentials>
    <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
    <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
    <SessionToken>
     AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi
    </SessionToken>
    <Expiration>2019-11-09T13:34:41Z</Expiration>
  </Credentials>
  <PackedPolicySize>6</PackedPolicySize>
</AssumeRoleResult>
<ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>"""


class Closed:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Closed()"


def refused(code: str, message: str, status: int = 403) -> Response:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return Response(status, (("content-type", "text/xml"),), body.encode())


def sts_error(response: Response) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read_assume_role(response, region="eu-west-1", close=Closed)
    return caught.value


def bedrock_error(code: str, message: str, status: int, model: str = MODEL, region: str = "eu-west-1") -> AwsError:
    headers = (("x-amzn-ErrorType", f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"),)
    return explain_bedrock_error(
        Response(status, headers, f'{{"message":"{message}"}}'.encode() if message else b""), region=region, model=model
    )


def test_credentials_are_read_and_closed() -> None:
    """A5: both secrets are opaque from the first moment, and a repr shows neither."""
    credentials = read_assume_role(Response(200, (), GRANTED), region="eu-west-1", close=Closed)
    assert credentials.access_key == "ASIAIOSFODNN7EXAMPLE"
    assert credentials.secret_key.text.endswith("EXAMPLEKEY")
    assert credentials.session_token.text.startswith("AQoD")
    assert credentials.expires_at == datetime(2019, 11, 9, 13, 34, 41, tzinfo=UTC)
    assert "wJalr" not in repr(credentials)
    assert "AQoD" not in repr(credentials)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"{}",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + GRANTED,
        b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://evil.example/x.dtd">' + GRANTED,
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x []><x/>'.encode("utf-16"),
        GRANTED.replace(b"</AssumeRoleResult>", b"<Credentials/></AssumeRoleResult>"),
        GRANTED.replace(b"2019-11-09T13:34:41Z", b"soon"),
        GRANTED.replace(b"AssumeRoleResult", b"Other"),
        GRANTED + b" " * 70_000,
        b"<a>" * 20_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_of_sts_is_refused_without_quoting_it(body: bytes) -> None:
    """No DTD, so no entities; nothing of an answer that may hold secrets is repeated."""
    error = sts_error(Response(200, (), body))
    assert error.kind is ErrorKind.STS_FAILED
    assert "EXAMPLE" not in error.message + error.provider_message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AccessKeyId", "ASIA&#13;&#10;X-Evil: 1"),
        ("AccessKeyId", "ASIA\u00c9EXAMPLE"),
        ("AccessKeyId", "ASIA/20261121"),
        ("AccessKeyId", "A" * 129),
        ("SecretAccessKey", "EXAMPLE\u00c9KEY"),
        ("SecretAccessKey", "EXAMPLE" * 200),
        ("SessionToken", "EXAMPLE&#10;TOKEN"),
        ("SessionToken", "EXAMPLE\u00c9TOKEN"),
        ("SessionToken", "EXAMPLE TOKEN"),
        ("SessionToken", "EXAMPLE\u007f"),
        ("SessionToken", "EXAMPLE!" * 1025),
    ],
)
def test_credentials_that_no_header_takes_are_refused(name: str, value: str) -> None:
    """B9: they become headers of every call; and none of them is quoted."""
    body = re.sub(f"<{name}>.*?</{name}>", f"<{name}>{value}</{name}>", GRANTED.decode(), flags=re.DOTALL)
    error = sts_error(Response(200, (), body.encode()))
    assert error.kind is ErrorKind.STS_FAILED
    assert "EXAMPLE" not in error.message + error.provider_message


def test_the_longest_token_of_sts_is_taken() -> None:
    body = re.sub("<SessionToken>.*?</", f"<SessionToken>{'a+/=' * 2048}</", GRANTED.decode(), flags=re.DOTALL)
    assert len(read_assume_role(Response(200, (), body.encode()), region="eu-west-1", close=Closed).session_token.text) == 8192


def test_assume_role_asks_for_what_it_should() -> None:
    """G3: session name, external ID, an hour, the narrowing policy."""
    body = assume_role_body(role_arn="arn:aws:iam::1:role/r", session_name="pb-a-b", policy='{"a":1}', external_id="pb-1+2")
    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert fields == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::1:role/r",
        "RoleSessionName": "pb-a-b",
        "DurationSeconds": "3600",
        "Policy": '{"a":1}',
        "ExternalId": "pb-1+2",
    }
    assert b"ExternalId" not in assume_role_body(role_arn="r", session_name="s", policy="{}", external_id=None)


@pytest.mark.parametrize(
    ("response", "kind", "hint"),
    [
        (
            refused("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y"),
            ErrorKind.ROLE_REFUSED,
            "trust policy",
        ),
        (refused("AccessDenied", "x with an explicit deny in a service control policy"), ErrorKind.ROLE_REFUSED, "organization"),
        (refused("RegionDisabledException", "STS is not activated in this region"), ErrorKind.ROLE_REFUSED, "another STS region"),
        (
            refused("InvalidClientTokenId", "The security token included in the request is invalid."),
            ErrorKind.STS_FAILED,
            "platform staff",
        ),
        (refused("SignatureDoesNotMatch", "The request signature we calculated does not match"), ErrorKind.STS_FAILED, "platform staff"),
        (refused("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than 2027"), ErrorKind.STS_FAILED, "clock"),
        (refused("ExpiredToken", "The security token included in the request is expired"), ErrorKind.STS_FAILED, "renew"),
        (refused("ValidationError", "1 validation error detected", 400), ErrorKind.STS_FAILED, "role's ARN"),
        (
            refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration", 400),
            ErrorKind.ROLE_REFUSED,
            "1 hour",
        ),
        (refused("Throttling", "Rate exceeded", 400), ErrorKind.STS_FAILED, "Wait"),
        (refused("ServiceUnavailable", "busy", 503), ErrorKind.STS_FAILED, "Try again"),
        (Response(502, (), b"<html><title>Bad gateway</title></html>"), ErrorKind.STS_FAILED, "Try again"),
    ],
)
def test_refusals_of_sts_say_what_to_fix(response: Response, kind: ErrorKind, hint: str) -> None:
    """Spec 02."""
    error = sts_error(response)
    assert isinstance(error, AwsError)
    assert (error.service, error.kind) == (Service.STS, kind)
    assert hint in error.hint
    assert "{" not in error.message + error.hint


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "hint"),
    [
        (
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            403,
            ErrorKind.UPSTREAM_AUTH,
            "Model access",
        ),
        (
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: bedrock:InvokeModel on resource: m because no "
            "identity-based policy allows the bedrock:InvokeModel action",
            403,
            ErrorKind.UPSTREAM_AUTH,
            "Attach the permission policy",
        ),
        (
            "AccessDeniedException",
            "User: x is not authorized to perform: bedrock:InvokeModel on resource: m because no session policy allows it",
            403,
            ErrorKind.UPSTREAM_AUTH,
            "inference profile",
        ),
        ("AccessDeniedException", "Model access is denied: aws-marketplace:Subscribe", 403, ErrorKind.UPSTREAM_AUTH, "Subscribe"),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            403,
            ErrorKind.UPSTREAM_AUTH,
            "Enable eu-west-1",
        ),
        ("ThrottlingException", "Too many requests", 429, ErrorKind.UPSTREAM_RATE_LIMITED, "quota"),
        ("ServiceQuotaExceededException", "Quota", 400, ErrorKind.UPSTREAM_RATE_LIMITED, "Service Quotas"),
        ("ResourceNotFoundException", "Could not resolve the foundation model", 404, ErrorKind.UPSTREAM_REFUSED, "region"),
        ("ResourceNotFoundException", "This model version has reached the end of its life.", 404, ErrorKind.UPSTREAM_REFUSED, "newer"),
        ("ResourceNotFoundException", "Model use case details have not been submitted", 404, ErrorKind.UPSTREAM_AUTH, "use case form"),
        (
            "ValidationException",
            "Invocation of model ID m with on-demand throughput isn\u2019t supported. Retry your request with an inference profile",
            400,
            ErrorKind.UPSTREAM_REFUSED,
            f"eu.{MODEL}",
        ),
        ("ValidationException", "The provided model identifier is invalid.", 400, ErrorKind.UPSTREAM_REFUSED, "typing errors"),
        ("ValidationException", "Malformed input request", 400, ErrorKind.UPSTREAM_REFUSED, "body"),
        ("ModelNotReadyException", "not ready", 429, ErrorKind.UPSTREAM_ERROR, "few minutes"),
        ("ModelTimeoutException", "timed out", 408, ErrorKind.UPSTREAM_ERROR, "shorter"),
        ("ModelErrorException", "failed", 424, ErrorKind.UPSTREAM_ERROR, "Try again"),
        ("InternalServerException", "oops", 500, ErrorKind.UPSTREAM_ERROR, "health"),
        ("SomethingNewException", "hm", 400, ErrorKind.UPSTREAM_REFUSED, "says why"),
        ("", "", 503, ErrorKind.UPSTREAM_ERROR, "health"),
    ],
)
def test_refusals_of_bedrock_say_what_to_fix(code: str, message: str, status: int, kind: ErrorKind, hint: str) -> None:
    """Spec 02: each told apart from the others and from those of STS."""
    error = bedrock_error(code, message, status)
    assert (error.service, error.code, error.kind, error.status) == (Service.BEDROCK_RUNTIME, code, kind, status)
    assert hint in error.hint
    assert "{" not in error.message + error.hint


def test_an_expired_session_is_known_as_such() -> None:
    """G4: the one error after which new credentials help."""
    assert bedrock_error("ExpiredTokenException", "The security token included in the request is expired", 403).expired
    assert not bedrock_error("AccessDeniedException", "no", 403).expired


def test_a_profile_of_other_regions_is_named_as_the_reason() -> None:
    error = bedrock_error("ValidationException", "The provided model identifier is invalid.", 400, model=f"us.{MODEL}")
    assert "regions of “us”, not to eu-west-1" in error.hint


def test_the_type_of_an_error_may_stand_in_its_body() -> None:
    body = b'{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"nope"}'
    assert explain_bedrock_error(Response(403, (), body), region="eu-west-1", model=MODEL).code == "AccessDeniedException"


def test_braces_in_what_aws_says_stay_text() -> None:
    error = bedrock_error("ValidationException", "expected {model} or {0.__class__}", 400)
    assert "expected {model} or {0.__class__}" in error.message
