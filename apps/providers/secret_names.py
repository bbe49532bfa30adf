"""Which names say that a credential stands behind them: of headers, of query parameters and of members of a body."""

import re

# Headers whose value is a credential: marked secret by themselves (spec 02, Headers).
SECRET_HEADERS = frozenset(
    {
        "api-key", "apikey", "authorization", "cookie", "ocp-apim-subscription-key", "proxy-authorization", "x-access-token",
        "x-api-key", "x-api-token", "x-auth-token", "x-client-key", "x-goog-api-key", "x-secret-key", "x-subscription-token",
    }
)  # fmt: skip
_ENDS = ("-key", "-token", "-secret", "-password")

_BARE = frozenset({"key", "token", "secret", "password", "sig", "signature"})
_RUN_TOGETHER = ("apikey", "accesstoken", "authtoken", "clientsecret", "authorization")
# Names of requests that end as a credential's does, and are none.
_HARMLESS = frozenset(
    {
        "cache-key", "partition-key", "primary-key", "prompt-cache-key", "sort-key",
        "bos-token", "continuation-token", "eos-token", "next-page-token", "next-token", "pad-token", "page-token", "stop-token",
    }
)  # fmt: skip
_CASE_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def looks_secret(header_name: str) -> bool:
    """Whether a header of this name carries a credential, so that its value is kept as a secret without being asked."""
    name = header_name.strip().lower()
    return name in SECRET_HEADERS or name.endswith(_ENDS)


def holds_credential(name: str) -> bool:
    """Whether a header, query parameter or member of a body that was pasted holds a credential, however its words are joined.

    Wider than the rule for headers: what is pasted is not looked through by anybody before it is kept.
    """
    words = _CASE_BORDER.sub("-", name.strip()).replace("_", "-").lower()
    if looks_secret(name) or words in _BARE:
        return True
    return words not in _HARMLESS and (looks_secret(words) or words.endswith(_RUN_TOGETHER))
