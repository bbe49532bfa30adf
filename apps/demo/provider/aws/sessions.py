"""Access keys: the platform's one, and the temporary ones of assumed roles, which carry their own session so that nothing is kept."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import asdict, dataclass

from apps.demo.provider.aws.refusal import AwsRefusal
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY

_SEAL = b"demo provider, session tokens"


@dataclass(frozen=True, slots=True)
class Session:
    """A role assumed by somebody. `expires` is a Unix time; `policy` the session policy's JSON, "" without one."""

    account: str
    role_path: str
    session_name: str
    expires: float
    policy: str

    @property
    def arn(self) -> str:
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role_name}/{self.session_name}"

    @property
    def role_name(self) -> str:
        return self.role_path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Issued:
    access_key: str
    secret: str
    token: str


def issue(session: Session) -> Issued:
    """Temporary credentials for the session."""
    payload = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
    token = f"{payload}.{_sealed('token', payload)}"
    return Issued(_access_key_of(token), _sealed("secret", token)[:40], token)


def session_of(token: str) -> Session:
    """The session in a token that this server made. Raises AwsRefusal for another one and for one that has run out."""
    payload, _, seal = token.partition(".")
    if not hmac.compare_digest(seal, _sealed("token", payload)):
        raise _unknown()
    session = Session(**json.loads(base64.urlsafe_b64decode(payload)))
    if time.time() >= session.expires:
        raise AwsRefusal(403, "ExpiredTokenException", "The security token included in the request is expired")
    return session


def secret_of(access_key: str, token: str) -> str:
    """The secret to check a signature with. Raises AwsRefusal for keys that this server does not know."""
    if not token:
        if access_key != AWS_ACCESS_KEY_ID:
            raise _unknown()
        return AWS_SECRET_ACCESS_KEY
    session_of(token)
    if access_key != _access_key_of(token):
        raise _unknown()
    return _sealed("secret", token)[:40]


def _access_key_of(token: str) -> str:
    return "ASIA" + base64.b32encode(hashlib.sha256(token.encode()).digest()).decode()[:16]


def _sealed(what: str, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.new(_SEAL, f"{what} {text}".encode(), hashlib.sha256).digest()).decode().rstrip("=")


def _unknown() -> AwsRefusal:
    return AwsRefusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
