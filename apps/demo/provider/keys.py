"""The keys that the demo provider knows. They open nothing but this server."""

import hmac
from dataclasses import dataclass

from apps.demo.provider.messages import Refusal, Why


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one dialect: two that work (a model may have two connections), and two that say no in the provider's own way."""

    accepted: str
    second: str
    rate_limited: str
    no_credit: str


def _keys(prefix: str) -> Keys:
    key = f"{prefix}demo-harbor-mutual"
    return Keys(f"{key}-7Q2M", f"{key}-K9XW", f"{key}-ratelimited", f"{key}-nocredit")


DEMO_KEYS: dict[str, Keys] = {
    "openai": _keys("sk-"),
    "azure": _keys("az-"),
    "anthropic": _keys("sk-ant-"),
    "gemini": _keys("AIza-"),
    "cohere": _keys("co-"),
    "triage": _keys("hk-"),
}


# The stand-in for AWS (aws/): the platform's own IAM user, which may assume roles and nothing else.
AWS_PRINCIPAL_ARN = "arn:aws:iam::905418002211:user/patchbay-demo"
AWS_ACCESS_KEY_ID = "AKIADEMOHARBORMUTUAL"
AWS_SECRET_ACCESS_KEY = "aws-demo-harbor-mutual-platform-key-7Q2M"


def check_key(dialect: str, given: str) -> None:
    """Let a working key pass; raise Refusal for a missing, unknown, rate-limited or unpaid one."""
    keys = DEMO_KEYS[dialect]
    if not given:
        raise Refusal(Why.MISSING_KEY)
    if _same(given, keys.rate_limited):
        raise Refusal(Why.RATE_LIMITED)
    if _same(given, keys.no_credit):
        raise Refusal(Why.NO_CREDIT)
    if not (_same(given, keys.accepted) or _same(given, keys.second)):
        raise Refusal(Why.UNKNOWN_KEY, key=given)


def bearer(authorization: str) -> str:
    """The token of an Authorization header of the Bearer scheme, else ""."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
