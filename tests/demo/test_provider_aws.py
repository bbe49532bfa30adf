"""The stand-in for STS and Bedrock: what botocore signs passes, everything else is refused in AWS's own words.

The signer here is botocore's; the check is the stand-in's own. Neither knows the other.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from django.utils import timezone

from apps.core.secrets import Secret
from apps.core.sigv4 import SigningKeys, SigV4Signer
from apps.demo.provider.aws.catalogue import FAILURES, MODELS
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from tests.support.provider import RunningProvider

PLATFORM = Credentials(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
EXTERNAL_ID = "pb-" + "0123456789abcdef" * 2
GOOD = f"arn:aws:iam::210987654321:role/trusts/{EXTERNAL_ID}/HarborBedrock"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
HELLO = {"messages": [{"role": "user", "content": [{"text": "Is the claim covered?"}]}]}


@dataclass
class Aws:
    """A client of the stand-in, for one set of credentials."""

    base: str
    credentials: Credentials = PLATFORM

    def send(self, method: str, service: str, region: str, path: str, body: bytes = b"", **changes: Any) -> httpx.Response:
        url = f"{self.base}/aws/{service}/{region}{path}"
        scope = changes.pop("scope", ("sts" if service == "sts" else "bedrock", region))
        kind = "application/x-www-form-urlencoded" if service == "sts" else "application/json"
        request = AWSRequest(method=method, url=url, data=body, headers={"Host": urlsplit(url).netloc, "Content-Type": kind})
        SigV4Auth(self.credentials, *scope).add_auth(request)
        headers = {**dict(request.headers.items()), **changes.pop("headers", {})}
        return httpx.request(method, url, headers=headers, content=changes.pop("content", body))

    def assume(self, role: str = GOOD, region: str = "eu-west-1", **changes: Any) -> httpx.Response:
        fields: Mapping[str, Any] = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": "pb-claims-Production",
            "DurationSeconds": 3600,
            "ExternalId": EXTERNAL_ID,
            **changes,
        }
        body = urlencode({name: value for name, value in fields.items() if value is not None}).encode()
        return self.send("POST", "sts", region, "/", body)

    def as_role(self, role: str = GOOD, **changes: Any) -> "Aws":
        answer = self.assume(role, **changes)
        assert answer.status_code == 200, answer.text
        texts = {one.tag.rpartition("}")[2]: one.text for one in parsed(answer).iter()}
        return Aws(self.base, Credentials(texts["AccessKeyId"], texts["SecretAccessKey"], texts["SessionToken"]))

    def call(self, model: str, operation: str = "converse", body: Any = HELLO, region: str = "eu-west-1") -> httpx.Response:
        path = f"/model/{quote(model, safe='')}/{operation}"
        return self.send("POST", "bedrock-runtime", region, path, json.dumps(body).encode())


@pytest.fixture
def aws(provider: RunningProvider) -> Aws:
    return Aws(provider.url)


@pytest.fixture
def role(aws: Aws) -> Aws:
    return aws.as_role()


def parsed(answer: httpx.Response) -> ElementTree.Element:
    return ElementTree.fromstring(answer.text)  # noqa: S314


def code(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "text/xml":
        return next(one.text or "" for one in parsed(answer).iter() if one.tag.endswith("}Code"))
    return str(answer.headers["x-amzn-errortype"]).partition(":")[0]


def test_who_am_i(aws: Aws, role: Aws) -> None:
    body = urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"}).encode()
    assert AWS_PRINCIPAL_ARN in aws.send("POST", "sts", "eu-west-1", "/", body).text
    assert "assumed-role/HarborBedrock/pb-claims-Production" in role.send("POST", "sts", "eu-west-1", "/", body).text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"content": b"Action=AssumeRole&tampered=1"}, "SignatureDoesNotMatch"),
        ({"scope": ("sts", "us-east-1")}, "SignatureDoesNotMatch"),
        ({"scope": ("bedrock", "eu-west-1")}, "SignatureDoesNotMatch"),
        ({"headers": {"x-amz-meta": "added on the way"}}, "SignatureDoesNotMatch"),
        ({"headers": {"Host": "sts.evil.example"}}, "SignatureDoesNotMatch"),
        ({"headers": {"Authorization": ""}}, "MissingAuthenticationToken"),
        ({"headers": {"Authorization": "Bearer x"}}, "IncompleteSignature"),
    ],
)
def test_a_request_that_was_changed_after_signing_is_refused(aws: Aws, changes: dict[str, Any], expected: str) -> None:
    answer = aws.send("POST", "sts", "eu-west-1", "/", b"Action=GetCallerIdentity&Version=2011-06-15", **changes)
    assert (answer.status_code, code(answer)) == (403, expected)


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (Credentials(AWS_ACCESS_KEY_ID, "wrong"), "SignatureDoesNotMatch"),
        (Credentials("AKIANOBODY", AWS_SECRET_ACCESS_KEY), "InvalidClientTokenId"),
        (Credentials("ASIANOBODY", "x", "made.up"), "InvalidClientTokenId"),
    ],
)
def test_other_keys_are_refused(aws: Aws, credentials: Credentials, expected: str) -> None:
    assert code(Aws(aws.base, credentials).assume()) == expected


def test_the_token_of_one_session_does_not_fit_the_keys_of_another(aws: Aws, role: Aws) -> None:
    other = aws.as_role(RoleSessionName="another").credentials
    mixed = Credentials(role.credentials.access_key, role.credentials.secret_key, other.token)
    assert code(Aws(aws.base, mixed).call(HAIKU)) == "UnrecognizedClientException"


def test_headers_of_one_name_are_signed_together(aws: Aws) -> None:
    """The product's own signer, against a check that is not botocore's."""
    url = f"{aws.base}/aws/sts/eu-west-1/"
    signer = SigV4Signer(SigningKeys(AWS_ACCESS_KEY_ID, Secret(AWS_SECRET_ACCESS_KEY)), "eu-west-1", "sts")
    given = [("Host", urlsplit(url).netloc), ("X-Claim", "one"), ("X-Claim", "two  of  them"), ("Content-Type", "text/plain")]
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    assert httpx.post(url, headers=signer.sign("POST", url, given, body), content=body, timeout=60).status_code == 200


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_is_good_for_five_minutes(aws: Aws, minutes: int) -> None:
    """The stand-in's clock stands still while the request waits."""
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False):
        url = f"{aws.base}/aws/sts/eu-west-1/"
        request = AWSRequest(method="POST", url=url, data=b"Action=GetCallerIdentity", headers={"Host": urlsplit(url).netloc})
        SigV4Auth(PLATFORM, "sts", "eu-west-1").add_auth(request)
    answer = httpx.post(url, headers=dict(request.headers.items()), content=b"Action=GetCallerIdentity", timeout=60)
    assert code(answer) == "SignatureDoesNotMatch"
    assert "Signature" in answer.text


@pytest.mark.parametrize(
    ("role_path", "external_id", "lets_in"),
    [
        (f"trusts/{EXTERNAL_ID}/R", EXTERNAL_ID, True),
        (f"trusts/{EXTERNAL_ID}/R", "pb-wrong", False),
        (f"trusts/{EXTERNAL_ID}/R", None, False),
        ("any-external-id/R", EXTERNAL_ID, True),
        ("any-external-id/R", "pb-wrong", True),
        ("any-external-id/R", None, False),
        ("open/R", EXTERNAL_ID, True),
        ("open/R", None, True),
        ("NoSuchRole", EXTERNAL_ID, False),
    ],
)
def test_a_trust_policy_is_kept(aws: Aws, role_path: str, external_id: str | None, lets_in: bool) -> None:
    """The four kinds of role that registration has to tell apart."""
    answer = aws.assume(f"arn:aws:iam::210987654321:role/{role_path}", ExternalId=external_id)
    assert (answer.status_code == 200) is lets_in
    if not lets_in:
        assert (answer.status_code, code(answer)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"role": "arn:aws:iam::999999999999:role/open/R"}, "AccessDenied"),
        ({"role": "arn:aws:iam::210987654321:user/x"}, "ValidationError"),
        ({"RoleSessionName": "has blanks"}, "ValidationError"),
        ({"RoleSessionName": "x"}, "ValidationError"),
        ({"DurationSeconds": 60}, "ValidationError"),
        ({"role": f"{GOOD}-half-hour"}, "ValidationError"),
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"ExternalId": "with blank"}, "ValidationError"),
        ({"region": "af-south-1"}, "RegionDisabledException"),
        ({"Action": "DeleteEverything"}, "InvalidAction"),
        ({"Version": "2012-01-01"}, "InvalidAction"),
    ],
)
def test_what_sts_refuses(aws: Aws, changes: dict[str, Any], expected: str) -> None:
    assert code(aws.assume(**changes)) == expected


def test_a_role_cannot_assume_a_role(role: Aws) -> None:
    assert code(role.assume()) == "AccessDenied"


def test_sessions_run_out(aws: Aws) -> None:
    """For STS and for Bedrock, under their own names."""
    short = aws.as_role(f"{GOOD}-0s")
    assert (short.call(HAIKU).status_code, code(short.call(HAIKU)), code(short.assume())) == (403, "ExpiredTokenException", "ExpiredToken")


def test_converse(role: Aws) -> None:
    body = {**HELLO, "system": [{"text": "Be brief."}], "inferenceConfig": {"maxTokens": 200, "temperature": 0.5}}
    answer = role.call(HAIKU, body=body).json()
    assert answer["output"]["message"]["content"][0]["text"].startswith('You asked: "Is the claim covered?". System prompt of 2 words')
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]
    assert answer["stopReason"] == "end_turn"


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Decoded by botocore, which checks both checksums of every message."""
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    buffer = EventStreamBuffer()
    buffer.add_data(answer.content)
    for message in buffer:
        yield message.headers[":event-type"], json.loads(message.payload)


def test_converse_streams_in_the_framing_of_aws(role: Aws) -> None:
    whole = role.call(HAIKU).json()["output"]["message"]["content"][0]["text"]
    found = list(events(role.call(HAIKU, "converse-stream")))
    assert "".join(data["delta"]["text"] for name, data in found if name == "contentBlockDelta") == whole
    assert [name for name, _ in found if name != "contentBlockDelta"] == ["messageStart", "contentBlockStop", "messageStop", "metadata"]


def test_converse_calls_tools(role: Aws) -> None:
    tool = {"toolSpec": {"name": "look_up", "inputSchema": {"json": {"type": "object", "properties": {"id": {"type": "string"}}}}}}
    body = {"messages": [{"role": "user", "content": [{"text": "call look_up"}]}], "toolConfig": {"tools": [tool]}}
    (block,) = role.call(HAIKU, body=body).json()["output"]["message"]["content"]
    assert block["toolUse"]["name"] == "look_up"
    streamed = [name for name, _ in events(role.call(HAIKU, "converse-stream", body))]
    assert streamed == ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]


@pytest.mark.parametrize(
    ("model", "region", "body", "at"),
    [
        (
            HAIKU,
            "eu-west-1",
            {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]},
            ("content", 0, "text"),
        ),
        (
            "amazon.titan-text-express-v1",
            "eu-west-1",
            {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 99}},
            ("results", 0, "outputText"),
        ),
        (
            "eu.amazon.nova-lite-v1:0",
            "eu-west-1",
            {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
            ("output", "message", "content", 0, "text"),
        ),
        ("meta.llama3-8b-instruct-v1:0", "us-east-1", {"prompt": "Hi", "max_gen_len": 99}, ("generation",)),
        ("mistral.mistral-large-2402-v1:0", "eu-west-1", {"prompt": "Hi", "max_tokens": 99}, ("outputs", 0, "text")),
        ("cohere.command-r-plus-v1:0", "us-east-1", {"message": "Hi"}, ("text",)),
        ("cohere.command-text-v14", "us-east-1", {"prompt": "Hi"}, ("generations", 0, "text")),
        ("my-throughput-id", "eu-west-1", {"prompt": "Hi", "max_tokens": 200, "temperature": 0.7}, ("outputs", 0, "text")),
    ],
)
def test_invoke_speaks_the_shape_of_each_family(role: Aws, model: str, region: str, body: dict[str, Any], at: tuple[Any, ...]) -> None:
    answer = role.call(model, "invoke", body, region)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["x-amzn-bedrock-input-token-count"]) == 1
    found = answer.json()
    for step in at:
        found = found[step]
    assert found.startswith('You asked: "Hi".')


def test_invoke_streams_the_models_own_json(role: Aws) -> None:
    ((name, data),) = events(role.call("my-throughput-id", "invoke-with-response-stream", {"prompt": "Hi"}))
    assert name == "chunk"
    assert set(data) == {"bytes"}


@pytest.mark.parametrize(
    "model",
    [
        f"arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}",
        f"eu.{HAIKU}",
        f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}",
        "arn:aws:bedrock:eu-west-1:210987654321:application-inference-profile/a1b2c3d4e5f6",
        "arn:aws:bedrock:eu-west-1:210987654321:provisioned-model/abcdefgh1234",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_every_way_of_naming_a_model(role: Aws, model: str) -> None:
    """Colons and slashes travel percent-encoded, and the signature is over the path encoded once more."""
    assert role.call(model).status_code == 200


@pytest.mark.parametrize(
    ("model", "region", "status", "expected"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", 400, "on-demand throughput"),
        ("meta.llama3-8b-instruct-v1:0", "eu-west-1", 400, "model identifier is invalid"),
        (f"us.{HAIKU}", "eu-west-1", 400, "model identifier is invalid"),
        ("acme.no-such-v1:0", "eu-west-1", 400, "model identifier is invalid"),
        ("arn:aws:bedrock:us-east-1:210987654321:provisioned-model/abcdefgh1234", "eu-west-1", 400, "model identifier is invalid"),
        *((f"meta.demo-{name}-v1:0", "eu-west-1", no.status, no.message) for name, no in FAILURES.items()),
    ],
)
def test_models_that_fail(role: Aws, model: str, region: str, status: int, expected: str) -> None:
    answer = role.call(model, region=region)
    assert (answer.status_code, code(answer)) != (200, "")
    assert answer.status_code == status
    assert expected in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "messages"),
        ({**HELLO, "prompt": "x"}, "extraneous key [prompt]"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "is blank"),
        ({**HELLO, "inferenceConfig": {"maxTokens": "many"}}, "must be a whole number"),
        ([], "JSON object"),
    ],
)
def test_a_bad_body_is_a_validation_exception(role: Aws, body: Any, said: str) -> None:
    answer = role.call(HAIKU, body=body)
    assert (answer.status_code, code(answer)) == (400, "ValidationException")
    assert said in answer.json()["message"]


def policy(*resources: str, action: str = "bedrock:InvokeModel*") -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resources}]})


@pytest.mark.parametrize(
    ("resources", "model", "allowed"),
    [
        ((f"arn:aws:bedrock:eu-west-1::foundation-model/{HAIKU}",), HAIKU, True),
        (("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",), HAIKU, False),
        ((f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}",), f"eu.{HAIKU}", False),
        (
            (f"arn:aws:bedrock:eu-west-1:210987654321:inference-profile/eu.{HAIKU}", f"arn:aws:bedrock:*::foundation-model/{HAIKU}"),
            f"eu.{HAIKU}",
            True,
        ),
    ],
)
def test_a_session_policy_narrows_the_session(aws: Aws, resources: tuple[str, ...], model: str, allowed: bool) -> None:
    """A profile needs the model in its other regions, too."""
    answer = aws.as_role(Policy=policy(*resources)).call(model)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert "because no session policy allows" in answer.json()["message"]


def test_a_role_without_the_permission(aws: Aws) -> None:
    answer = aws.as_role(f"{GOOD}-no-bedrock").call(HAIKU)
    assert (answer.status_code, code(answer)) == (403, "AccessDeniedException")
    assert "no identity-based policy" in answer.json()["message"]


def test_the_platforms_own_user_may_not_use_bedrock(aws: Aws) -> None:
    assert code(aws.call(HAIKU)) == "AccessDeniedException"


def test_a_signature_for_another_region_is_refused(role: Aws) -> None:
    path = f"/model/{quote(HAIKU, safe='')}/converse"
    answer = role.send("POST", "bedrock-runtime", "eu-west-1", path, b"{}", scope=("bedrock", "us-east-1"))
    assert code(answer) == "InvalidSignatureException"


def test_a_region_that_is_not_switched_on(role: Aws) -> None:
    assert code(role.call(HAIKU, region="af-south-1")) == "UnrecognizedClientException"


def test_the_models_of_a_region_are_listed(role: Aws) -> None:
    listed = role.send("GET", "bedrock", "us-east-1", "/foundation-models").json()["modelSummaries"]
    assert {model["modelId"] for model in listed} == {model.id for model in MODELS}
    european = {model["modelId"] for model in role.send("GET", "bedrock", "eu-west-1", "/foundation-models").json()["modelSummaries"]}
    assert "meta.llama3-8b-instruct-v1:0" not in european


def test_faults_work_in_front_of_aws_too(role: Aws) -> None:
    """The signature is over the path with the fault in it."""
    slow = Aws(f"{role.base}/fault/slow/0", role.credentials)
    assert slow.call(HAIKU).status_code == 200
    assert code(Aws(f"{role.base}/fault/429", role.credentials).call(HAIKU)) == "ThrottlingException"


def test_the_index_says_what_there_is(aws: Aws) -> None:
    told = httpx.get(f"{aws.base}/", timeout=60).json()["aws"]
    assert told["principal"] == AWS_PRINCIPAL_ARN
    assert any("/trusts/" in role for role in told["roles"])
    assert told["models that fail"]["anthropic.demo-throttled-v1:0"] == "429 ThrottlingException"
