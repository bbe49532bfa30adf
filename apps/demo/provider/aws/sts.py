"""STS: POST /aws/sts/{region}/ with AssumeRole or GetCallerIdentity, answered in STS's XML."""

import hashlib
import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from apps.demo.provider.aws.policy import check_policy
from apps.demo.provider.aws.refusal import AwsRefusal
from apps.demo.provider.aws.sessions import Session, issue, secret_of, session_of
from apps.demo.provider.aws.sigv4 import Scope, check_signature
from apps.demo.provider.keys import AWS_PRINCIPAL_ARN
from apps.demo.provider.messages import Dialect, Refusal, Reply, Request, Why

CUSTOMER_ACCOUNT = "210987654321"
REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "eu-west-3",
    "eu-north-1",
    "ap-northeast-1",
    "ap-southeast-2",
)
NOT_OPTED_IN = ("af-south-1", "ap-east-1", "eu-south-1", "me-central-1")  # regions that the account has not switched on
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
# STS's own names for what Bedrock calls otherwise.
CODES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "IncompleteSignature",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "ExpiredTokenException": "ExpiredToken",
}
_ROLE = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?P<path>(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64})")
_LIFE = re.compile(r".*-(\d+)s")


def answer(request: Request, path: str) -> Reply:
    """`path` is what follows /aws/sts: /{region}/."""
    region = path.strip("/")
    try:
        return _answer(request, region)
    except AwsRefusal as refusal:
        return _error(refusal)


def _answer(request: Request, region: str) -> Reply:
    if region in NOT_OPTED_IN:
        message = (
            f"STS is not activated in this region for account:{CUSTOMER_ACCOUNT}. Your account administrator can activate STS in this "
            "region using the IAM Console."
        )
        raise AwsRefusal(403, "RegionDisabledException", message)
    if region not in REGIONS:
        raise Refusal(Why.NOT_FOUND)
    check_signature(request, Scope(region, "sts"), secret_of)
    fields = dict(parse_qsl(request.body.decode("latin-1") or request.query, keep_blank_values=True))
    token = request.header("x-amz-security-token")
    caller = session_of(token).arn if token else AWS_PRINCIPAL_ARN
    if fields.get("Version") != "2011-06-15":
        raise AwsRefusal(400, "InvalidAction", f"Could not find operation {fields.get('Action')} for version {fields.get('Version')}")
    match fields.get("Action"):
        case "AssumeRole":
            return _assume_role(fields, caller)
        case "GetCallerIdentity":
            return _xml("GetCallerIdentity", f"<Arn>{escape(caller)}</Arn><UserId>DEMO</UserId><Account>{caller.split(':')[4]}</Account>")
    raise AwsRefusal(400, "InvalidAction", f"Could not find operation {fields.get('Action')} for version 2011-06-15")


def _assume_role(fields: dict[str, str], caller: str) -> Reply:
    arn, name = fields.get("RoleArn", ""), fields.get("RoleSessionName", "")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII):
        raise _invalid(f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy [\\w+=,.@-]{{2,64}}")
    found = _ROLE.fullmatch(arn)
    if found is None:
        raise _invalid(f"{arn} is invalid")
    external_id = fields.get("ExternalId")
    if external_id is not None and not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", external_id, re.ASCII):
        raise _invalid("Value at 'externalId' failed to satisfy constraint")
    if found["account"] != CUSTOMER_ACCOUNT or caller != AWS_PRINCIPAL_ARN or not _trusts(found["path"], external_id):
        raise AwsRefusal(403, "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    policy = fields.get("Policy", "")
    if policy:
        check_policy(policy)
    if len(policy) > 2048:
        raise _invalid("Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048")
    now, life = time.time(), _life(fields, found["path"])
    session = Session(CUSTOMER_ACCOUNT, found["path"], name, now + (life / 2 if arn.endswith("-early") else life), policy)
    issued = issue(session)
    moment = datetime.fromtimestamp(now + life, UTC)
    return _xml(
        "AssumeRole",
        f"<AssumedRoleUser><AssumedRoleId>AROADEMO:{escape(name)}</AssumedRoleId><Arn>{escape(session.arn)}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{issued.access_key}</AccessKeyId><SecretAccessKey>{issued.secret}</SecretAccessKey>"
        f"<SessionToken>{issued.token}</SessionToken><Expiration>{moment:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<PackedPolicySize>{len(policy) * 100 // 2048}</PackedPolicySize>",
    )


def _trusts(path: str, external_id: str | None) -> bool:
    """The role's trust policy, which its path names."""
    kind, *more = path.split("/")
    if kind == "trusts" and len(more) == 2:
        return external_id == more[0]
    if kind == "any-external-id" and len(more) == 1:
        return external_id is not None
    return kind == "open" and len(more) == 1


def _life(fields: dict[str, str], path: str) -> int:
    """How long the session lasts, in seconds."""
    asked = fields.get("DurationSeconds", "3600")
    if not asked.isdigit() or not 900 <= int(asked) <= 43200:
        raise _invalid(f"Value '{asked}' at 'durationSeconds' failed to satisfy constraint: Member must have value from 900 to 43200")
    longest = 1800 if path.endswith("-half-hour") else 3600
    if int(asked) > longest:
        raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    short = _LIFE.fullmatch(path)
    return int(short[1]) if short else int(asked)


def refuse(refusal: Refusal) -> Reply:
    match refusal.why:
        case Why.RATE_LIMITED:
            return _error(AwsRefusal(400, "Throttling", "Rate exceeded"))
        case Why.UNKNOWN_KEY | Why.MISSING_KEY:
            return _error(AwsRefusal(403, "InvalidClientTokenId", "The security token included in the request is invalid."))
        case Why.NOT_FOUND:
            return _error(AwsRefusal(404, "NoSuchHost", "There is no STS in this region."))
    return _error(AwsRefusal(500, "InternalFailure", "The request processing has failed because of an unknown error."))


def _invalid(message: str) -> AwsRefusal:
    return AwsRefusal(400, "ValidationError", message)


def _xml(operation: str, result: str) -> Reply:
    identifier = hashlib.sha256(result.encode()).hexdigest()[:32]
    text = (
        f'<{operation}Response xmlns="{NAMESPACE}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{identifier}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Reply(200, (text.encode(),), content_type="text/xml")


def _error(refusal: AwsRefusal) -> Reply:
    side = "Sender" if refusal.status < 500 else "Receiver"
    text = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{side}</Type><Code>{CODES.get(refusal.code, refusal.code)}</Code>'
        f"<Message>{escape(refusal.message)}</Message></Error><RequestId>demo</RequestId></ErrorResponse>"
    )
    return Reply(refusal.status, (text.encode(),), content_type="text/xml")


DIALECT = Dialect("aws-sts", "/aws/sts", answer, refuse)
