"""AWS Signature Version 4 over the exact request that is sent (spec 07 G5), as the signer that `http.send` calls last.

Only botocore's signer is used: no session, no configuration files, no instance metadata, no data files, no network. Its modules take
0.2 s to import, so they are imported at the first signature and not at the start of every process (`prepare` does it beforehand).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from apps.core.secrets import Secret

OWN_HEADERS = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
# What something on the way may change; AWS asks for Host and x-amz-* only.
NOT_SIGNED = frozenset({"accept-encoding", "connection", "content-length", "expect", "te", "transfer-encoding", "user-agent"})


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """An AWS access key; with a session token it is a temporary one."""

    access_key: str
    secret_key: Secret = field(repr=False)
    session_token: Secret | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class SigV4Signer:
    """Signs for one service in one region: the credential scope. `service` is the signing name, "bedrock" for bedrock-runtime."""

    keys: SigningKeys
    region: str
    service: str

    def sign(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
        """The headers to send. Those of a signature that `headers` has already are replaced, whoever set them."""
        auth, request_class, credentials_class = _botocore()
        given = [(name, value) for name, value in headers if name.lower() not in OWN_HEADERS]
        request = request_class(method=method, url=url, data=body)
        for name, value in given:
            if name.lower() not in NOT_SIGNED:
                request.headers.add_header(name, value)  # one of the same name beside it, which a dict would lose
        token = self.keys.session_token.reveal() if self.keys.session_token else None
        credentials = credentials_class(self.keys.access_key, self.keys.secret_key.reveal(), token)
        auth(credentials, self.service, self.region).add_auth(request)
        return [*given, *((name, value) for name, value in request.headers.items() if name.lower() in OWN_HEADERS)]


def prepare() -> None:
    """Import the signer, which takes 0.2 s the first time: in a thread, where an event loop is waiting."""
    _botocore()


@functools.cache
def _botocore() -> tuple[Any, Any, Any]:
    return (
        import_module("botocore.auth").SigV4Auth,
        import_module("botocore.awsrequest").AWSRequest,
        import_module("botocore.credentials").Credentials,
    )
