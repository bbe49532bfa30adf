"""Checks Signature Version 4 from the published rules, without botocore: what the product signs is proved by somebody else's code."""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus

from apps.demo.provider.aws.refusal import AwsRefusal
from apps.demo.provider.messages import Request

CLOCK_SKEW = 5 * 60  # seconds, AWS's own
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^, ]+), ?SignedHeaders=(?P<headers>[a-z0-9;._-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the request came to: the credential scope has to say the same."""

    region: str
    service: str


def check_signature(request: Request, scope: Scope, secret_of: Callable[[str, str], str]) -> str:
    """The access key of a request whose signature holds. `secret_of` gives the secret of (access key, session token), or raises."""
    found = _AUTHORIZATION.fullmatch(request.header("authorization"))
    if found is None:
        raise _missing(request)
    access_key, date, region, service, ending = (*str(found["credential"]).rsplit("/", 4), "", "", "", "")[:5]
    if (region, service, ending) != (scope.region, scope.service, "aws4_request"):
        raise _no_match(f"Credential should be scoped to a valid region. Expected {scope.region}/{scope.service}.")
    _check_time(request.header("x-amz-date"), date)
    signed = found["headers"].split(";")
    _check_signed_headers(request, signed)
    secret = secret_of(access_key, request.header("x-amz-security-token"))
    key = _signing_key(secret, date, scope)
    expected = hmac.new(key, string_to_sign(request, signed, date, scope).encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, found["signature"]):
        raise _no_match(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
            "method. Consult the service documentation for details."
        )
    return access_key


def string_to_sign(request: Request, signed: list[str], date: str, scope: Scope) -> str:
    canonical = hashlib.sha256(canonical_request(request, signed).encode()).hexdigest()
    return f"AWS4-HMAC-SHA256\n{request.header('x-amz-date')}\n{date}/{scope.region}/{scope.service}/aws4_request\n{canonical}"


def canonical_request(request: Request, signed: list[str]) -> str:
    """The six parts of the request. Every step of the path is encoded once more: only S3 signs the path as it is sent."""
    values = (",".join(" ".join(value.split()) for key, value in request.headers if key == name) for name in signed)
    headers = "".join(f"{name}:{value}\n" for name, value in zip(signed, values, strict=True))
    payload = hashlib.sha256(request.body).hexdigest()
    path = "/".join(quote(step, safe="~") for step in _normalized(request.path).split("/"))
    return "\n".join((request.method, path, _canonical_query(request.query), headers, ";".join(signed), payload))


def _normalized(path: str) -> str:
    """Without empty steps and dots, as AWS does it; a slash at the end stays."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            steps[-1:] = []
        elif step not in ("", "."):
            steps.append(step)
    end = "/" if path.endswith("/") and steps else ""
    return f"/{'/'.join(steps)}{end}"


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted((quote(unquote_plus(name), safe="~"), quote(unquote_plus(value), safe="~")) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _signing_key(secret: str, date: str, scope: Scope) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _check_time(stamp: str, date: str) -> None:
    try:
        moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise AwsRefusal(403, "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.") from None
    if stamp[:8] != date:
        raise _no_match("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    now = datetime.now(UTC)
    late = (now - moment).total_seconds()
    if abs(late) > CLOCK_SKEW:
        what = "Signature expired" if late > 0 else "Signature not yet current"
        raise _no_match(f"{what}: {stamp} is now {'earlier' if late > 0 else 'later'} than {now:%Y%m%dT%H%M%SZ} (5 min.)")


def _check_signed_headers(request: Request, signed: list[str]) -> None:
    needed = {"host"} | {name for name, _ in request.headers if name.startswith("x-amz-")}
    missing = sorted(needed - set(signed))
    if missing or signed != sorted(signed):
        raise _no_match(f"These headers have to be signed: {', '.join(missing) or 'in alphabetical order'}.")
    given = request.header("x-amz-content-sha256")
    if given and given != hashlib.sha256(request.body).hexdigest():
        raise _no_match("The value of x-amz-content-sha256 is not the body's.")


def _missing(request: Request) -> AwsRefusal:
    if request.header("authorization"):
        return AwsRefusal(
            403, "IncompleteSignatureException", "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders'."
        )
    return AwsRefusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def _no_match(message: str) -> AwsRefusal:
    return AwsRefusal(403, "InvalidSignatureException", message)
