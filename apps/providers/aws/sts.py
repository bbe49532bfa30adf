"""AssumeRole: the form that is sent, and the XML that comes back, read strictly and with its secrets closed at once."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.etree import ElementTree

from apps.providers.aws.errors import explain_sts_error
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import MAX_MESSAGE, provider_message
from apps.providers.jsonread import storable
from apps.providers.types import Response

VERSION = "2011-06-15"  # of the STS API
DURATION = 3600  # seconds, spec 07 G3
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_MAX_XML = 64 * 1024  # bytes; an answer of AssumeRole has about 2 KiB
# What the headers of a signed call take. STS gives 20, 40 and about 1,000 characters, and reserves the right to more.
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_]{1,128}")
_SECRET_KEY = re.compile(r"[\x21-\x7e]{1,1024}")
_SESSION_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


@dataclass(frozen=True, slots=True)
class AssumedCredentials[Opaque]:
    """A session of a role. The two secrets are whatever the reader was told to make of them."""

    access_key: str
    secret_key: Opaque = field(repr=False)
    session_token: Opaque = field(repr=False)
    expires_at: datetime
    assumed_arn: str


def assume_role_body(*, role_arn: str, session_name: str, policy: str, external_id: str | None, duration: int = DURATION) -> bytes:
    """The form of AssumeRole. `external_id` None sends none, to try whether the role asks for one (spec 07 G2)."""
    fields = {
        "Action": "AssumeRole",
        "Version": VERSION,
        "RoleArn": role_arn,
        "RoleSessionName": session_name,
        "DurationSeconds": str(duration),
        "Policy": policy,
    }
    if external_id is not None:
        fields["ExternalId"] = external_id
    return urlencode(fields).encode()


def read_assume_role[Opaque](response: Response, *, region: str, close: Callable[[str], Opaque]) -> AssumedCredentials[Opaque]:
    """The credentials in STS's answer; `close` makes each secret opaque. Raises AwsError for a refusal, or ProviderError."""
    if not 200 <= response.status <= 299:
        raise explain_sts_error(response, region=region, said=read_error)
    try:
        result = _only(_parse(response.body), "AssumeRoleResult")
        credentials = _only(result, "Credentials")
        expires_at = datetime.fromisoformat(_text(credentials, "Expiration"))
        return AssumedCredentials(
            access_key=_written(_ACCESS_KEY, credentials, "AccessKeyId"),
            secret_key=close(_written(_SECRET_KEY, credentials, "SecretAccessKey")),
            session_token=close(_written(_SESSION_TOKEN, credentials, "SessionToken")),
            expires_at=expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC),
            assumed_arn=_text(_only(result, "AssumedRoleUser"), "Arn"),
        )
    except ValueError:
        # The answer may hold a secret, so nothing of it is quoted.
        message = f"What answered for AWS STS in {region} did not send the credentials of a role."
        raise ProviderError(ErrorKind.STS_FAILED, message, "Check PATCHBAY_AWS_ENDPOINT_URL.") from None


def read_error(body: bytes) -> tuple[str, str]:
    """Code and message of STS's ErrorResponse; ("", what can be made of it) for something else, such as a proxy's page."""
    try:
        error = _only(_parse(body), "Error")
        code, message = _text(error, "Code"), error.findtext("{*}Message") or ""
    except ValueError:
        return "", provider_message(body)
    return code[:80], storable(" ".join(message.split()))[:MAX_MESSAGE]


def _parse(body: bytes) -> ElementTree.Element:
    """The root of an XML document. Raises ValueError for anything that STS never sends: too large, not UTF-8, a DTD (and so entities)."""
    if len(body) > _MAX_XML:
        raise ValueError("too large")
    text = body.decode("utf-8-sig")
    if "<!" in text:
        raise ValueError("a declaration")  # DOCTYPE and ENTITY, with which a few bytes become gigabytes; also comments and CDATA
    try:
        return ElementTree.fromstring(text)  # noqa: S314  # no DTD can be left, and the size is bounded
    except ElementTree.ParseError as error:
        raise ValueError("not XML") from error


def _only(parent: ElementTree.Element, name: str) -> ElementTree.Element:
    found = parent.findall(f"{{*}}{name}")
    if len(found) != 1:
        raise ValueError(name)
    return found[0]


def _text(parent: ElementTree.Element, name: str) -> str:
    text = (_only(parent, name).text or "").strip()
    if not text:
        raise ValueError(name)
    return text


def _written(form: re.Pattern[str], parent: ElementTree.Element, name: str) -> str:
    text = _text(parent, name)
    if not form.fullmatch(text):
        raise ValueError(name)
    return text
