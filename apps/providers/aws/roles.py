"""IAM role ARNs, and the names of the sessions in which a role is assumed."""

import re
import unicodedata
from dataclasses import dataclass

from apps.providers.aws.regions import DNS_SUFFIXES

MAX_ARN = 600  # characters; IAM allows six more, with a path that fills its 512
EXAMPLE = "arn:aws:iam::123456789012:role/patchbay-bedrock-invoke"
_ROLE = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/(?P<path>(?:[\x21-\x2e\x30-\x7e]+/)*)(?P<name>[\w+=,.@-]{1,64})"
)
_MAX_PATH = 510  # characters between "role/" and the name; IAM counts two slashes more
_SESSION_LENGTH = 64
_NOT_IN_SESSIONS = re.compile(r"[^A-Za-z0-9_=,.@+-]+")
_SLUG_LENGTH = 28


@dataclass(frozen=True, slots=True)
class RoleArn:
    """An IAM role, taken apart. `path` is "" or ends with a slash."""

    arn: str
    partition: str
    account: str
    path: str
    name: str


def parse_role_arn(text: str) -> RoleArn:
    """The role that an ARN names. Raises ValueError with a sentence that says what is wrong with it."""
    arn = text.strip()
    found = _ROLE.fullmatch(arn)
    if found is None or not arn.isascii() or len(arn) > MAX_ARN or len(found["path"]) > _MAX_PATH:
        raise ValueError(_what_is_wrong(arn))
    if found["partition"] not in DNS_SUFFIXES:
        raise ValueError(f"“{found['partition']}” is no partition of AWS that Patchbay knows.")
    return RoleArn(arn, found["partition"], found["account"], found["path"], found["name"])


def is_role_arn(text: str) -> bool:
    """Whether the text is the ARN of an IAM role."""
    try:
        parse_role_arn(text)
    except ValueError:
        return False
    return True


def session_name(workspace_slug: str, connection_name: str) -> str:
    """`pb-<workspace>-<connection>` in the letters and the length (2 to 64) that STS takes: what CloudTrail of the customer shows."""
    slug = _in_session_letters(workspace_slug)[:_SLUG_LENGTH].strip("-") or "workspace"
    name = _in_session_letters(connection_name) or "connection"
    return f"pb-{slug}-{name}"[:_SESSION_LENGTH].rstrip("-")


def _in_session_letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_IN_SESSIONS.sub("-", plain).strip("-")


def _what_is_wrong(arn: str) -> str:
    parts = arn.split(":")
    if not arn:
        return f"Enter the ARN of the role, such as {EXAMPLE}."
    if arn.startswith("arn:") and ":sts:" in arn and "assumed-role/" in arn:
        return "This is the ARN of a session. Enter the ARN of the role itself: IAM > Roles > the role > ARN."
    if len(parts) >= 6 and parts[2] == "iam" and not parts[5].startswith("role/"):
        return f"This ARN names {_an(parts[5].partition('/')[0])}, not a role. A role's ARN looks like {EXAMPLE}."
    if len(parts) >= 6 and parts[2] == "iam" and not re.fullmatch(r"\d{12}", parts[4]):
        return "The account in the ARN has to be 12 digits, without hyphens."
    if not arn.startswith("arn:"):
        return f"Enter the whole ARN of the role, such as {EXAMPLE}."
    return f"This is not the ARN of an IAM role. It looks like {EXAMPLE}."


def _an(kind: str) -> str:
    word = kind.replace("-", " ")[:30] or "nothing"
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"
