"""The table of what STS and Bedrock refuse, by their own name for it and, where that says too little, by their words.

`{model}`, `{region}`, `{profile}` and `{identifier_hint}` are filled in by errors.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.providers.errors import ErrorKind

EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
RETRYABLE_STATUS: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: ErrorKind
    message: str
    hint: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule whose codes and words fit decides. No codes: any; `words` None: any."""

    codes: frozenset[str]
    words: re.Pattern[str] | None
    meaning: Meaning


def _rule(codes: str, words: str, kind: ErrorKind, message: str, hint: str, *, retryable: bool = False) -> Rule:
    pattern = re.compile(words, re.IGNORECASE) if words else None
    return Rule(frozenset(codes.split()), pattern, Meaning(kind, message, hint, retryable))


_ROLE, _STS = ErrorKind.ROLE_REFUSED, ErrorKind.STS_FAILED
_AUTH, _REFUSED = ErrorKind.UPSTREAM_AUTH, ErrorKind.UPSTREAM_REFUSED
_LIMITED, _FAILED = ErrorKind.UPSTREAM_RATE_LIMITED, ErrorKind.UPSTREAM_ERROR
_STAFF = "This is for platform staff: "
_THROTTLED = "Throttling ThrottlingException ThrottledException TooManyRequestsException RequestLimitExceeded"
_PLATFORM_KEY = (
    "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException IncompleteSignature "
    "MissingAuthenticationToken"
)
_CLOCK = r"signature (?:expired|not yet current)|is now earlier than|clock"

STS_RULES = (
    _rule(
        "AccessDenied AccessDeniedException",
        r"explicit deny in (?:a|an) (?:service|resource) control policy|session policy",
        _ROLE,
        "AWS did not let Patchbay assume the role: a control policy of the organization forbids it",
        "Ask whoever runs the AWS organization to allow sts:AssumeRole for the trusted principal.",
    ),
    _rule(
        "AccessDenied AccessDeniedException",
        "",
        _ROLE,
        "AWS did not let Patchbay assume the role",
        "Check the role's ARN, and that its trust policy names the trusted principal and the external ID exactly as shown in Credentials. "
        "A new trust policy takes up to a minute to work.",
    ),
    _rule(
        "RegionDisabledException OptInRequired",
        "",
        _ROLE,
        "AWS STS is switched off in {region} for the role's account",
        "Choose another STS region, or switch {region} on in the account: IAM > Account settings > STS.",
    ),
    _rule(
        " ".join(EXPIRED),
        "",
        _STS,
        "The deployment's own AWS credentials have expired",
        _STAFF + "renew PATCHBAY_AWS_ACCESS_KEY_ID and PATCHBAY_AWS_SECRET_ACCESS_KEY.",
    ),
    _rule(
        "SignatureDoesNotMatch InvalidSignatureException RequestExpired",
        _CLOCK,
        _STS,
        "AWS says that the request was signed at the wrong time",
        _STAFF + "the server's clock is off; synchronize it.",
    ),
    _rule(
        _PLATFORM_KEY,
        "",
        _STS,
        "AWS does not accept the deployment's own AWS credentials",
        _STAFF + "check PATCHBAY_AWS_ACCESS_KEY_ID and PATCHBAY_AWS_SECRET_ACCESS_KEY, and that {region} is enabled for their account.",
    ),
    _rule(
        "ValidationError",
        "MaxSessionDuration|DurationSeconds",
        _ROLE,
        "The role does not allow sessions of an hour",
        "Set the role's maximum session duration to at least 1 hour in IAM.",
    ),
    _rule(
        "ValidationError MalformedPolicyDocument PackedPolicyTooLarge InvalidParameterValue",
        "",
        _STS,
        "AWS STS did not accept the request",
        "Check the role's ARN and the model's ID.",
    ),
    _rule(_THROTTLED, "", _STS, "AWS STS is limiting requests", "Wait a moment and try again.", retryable=True),
)
BEDROCK_RULES = (
    _rule(
        " ".join(EXPIRED),
        "",
        _AUTH,
        "The session's AWS credentials have expired",
        "Try again: the role is assumed anew.",
        retryable=True,
    ),
    _rule(
        "InvalidSignatureException SignatureDoesNotMatch RequestExpired",
        _CLOCK,
        _AUTH,
        "AWS says that the request was signed at the wrong time",
        _STAFF + "the server's clock is off; synchronize it.",
    ),
    _rule(
        "UnrecognizedClientException InvalidClientTokenId",
        "",
        _AUTH,
        "Bedrock in {region} does not know the role's session",
        "Enable {region} in the role's AWS account (Account > AWS Regions), or choose another model region.",
    ),
    _rule(
        _PLATFORM_KEY,
        "",
        _AUTH,
        "Bedrock in {region} did not accept the signature",
        _STAFF + "check PATCHBAY_AWS_ENDPOINT_URL, and that nothing between here and AWS changes requests.",
    ),
    _rule(
        "AccessDeniedException AccessDenied",
        "session policy",
        _AUTH,
        "The session is narrowed to {model} and Bedrock asked for another model",
        "Enter the model ID or ARN that the role may invoke. For an inference profile, paste its ID or ARN.",
    ),
    _rule(
        "AccessDeniedException AccessDenied",
        r"control policy|explicit deny",
        _AUTH,
        "A policy of the AWS organization or account forbids invoking {model}",
        "Ask whoever runs the AWS account; an explicit deny is stronger than the role's policy.",
    ),
    _rule(
        "AccessDeniedException AccessDenied",
        r"is not authorized to perform:? ?bedrock:",
        _AUTH,
        "The role is not allowed to invoke {model}",
        "The trust policy is fine. Attach the permission policy (bedrock:InvokeModel) to the role, wait about a minute, then test again.",
    ),
    _rule(
        "AccessDeniedException AccessDenied",
        r"marketplace",
        _AUTH,
        "The AWS account has not subscribed to {model}",
        "Let somebody with aws-marketplace:Subscribe open the model once in the Bedrock console of {region}, then test again.",
    ),
    _rule(
        "AccessDeniedException AccessDenied",
        "",
        _AUTH,
        "The AWS account has no access to {model} in {region}",
        "Request access in the Bedrock console of {region} under Model access, and wait until it says Access granted.",
    ),
    _rule(
        "ResourceNotFoundException",
        r"use case",
        _AUTH,
        "The AWS account has not said yet what it uses {model} for",
        "Fill in the provider's use case form in the Bedrock console under Model access; it takes about 15 minutes to work.",
    ),
    _rule(
        "ResourceNotFoundException",
        r"end of its life|legacy",
        _REFUSED,
        "{model} has been retired by its provider",
        "Choose a newer version of the model.",
    ),
    _rule(
        "ResourceNotFoundException",
        "",
        _REFUSED,
        "Bedrock has no model {model} in {region}",
        "Check the model ID and the region: not every model is offered everywhere.",
    ),
    _rule(
        "ValidationException",
        r"on-demand throughput",
        _REFUSED,
        "{model} can only be called through an inference profile or provisioned throughput",
        "Use the inference profile's ID instead: Bedrock console > Cross-region inference. It looks like {profile}.",
    ),
    _rule(
        "ValidationException",
        r"model identifier is invalid|invalid model id",
        _REFUSED,
        "Bedrock in {region} does not know the model ID {model}",
        "{identifier_hint}",
    ),
    _rule(
        "ValidationException",
        "",
        _REFUSED,
        "Bedrock did not accept the request",
        "Compare the body with what the model takes; the message says which part is wrong.",
    ),
    _rule(_THROTTLED, "", _LIMITED, "Bedrock is limiting requests", "Wait, or raise the quota of {model} in {region}.", retryable=True),
    _rule(
        "ServiceQuotaExceededException",
        "",
        _LIMITED,
        "The AWS account's quota for {model} is used up",
        "Raise it under Service Quotas > Amazon Bedrock in {region}.",
    ),
    _rule("ModelNotReadyException", "", _FAILED, "{model} is still being made ready", "Try again in a few minutes.", retryable=True),
    _rule(
        "ModelTimeoutException",
        "",
        _FAILED,
        "{model} took too long, and Bedrock gave up",
        "Ask for a shorter answer, or try again.",
        retryable=True,
    ),
    _rule(
        "ModelErrorException ModelStreamErrorException",
        "",
        _FAILED,
        "{model} failed while answering",
        "Try again; check the body.",
        retryable=True,
    ),
    _rule(
        "ServiceUnavailableException InternalServerException",
        "",
        _FAILED,
        "Bedrock failed to answer",
        "Try again; if it lasts, look at the AWS health page.",
        retryable=True,
    ),
)


def meaning_of(rules: Sequence[Rule], code: str, said: str, otherwise: Meaning) -> Meaning:
    """The first rule that fits an error's code and words."""
    fitting = (rule.meaning for rule in rules if code in rule.codes and (rule.words is None or rule.words.search(said)))
    return next(fitting, otherwise)


def sts_fallback(status: int, region: str) -> Meaning:
    """What a status of STS means where the code says nothing."""
    otherwise = fallback(status, f"AWS STS in {region}")
    return Meaning(_STS, otherwise.message, otherwise.hint, otherwise.retryable)


def fallback(status: int, who: str) -> Meaning:
    """What a status means where the code says nothing."""
    if status == 429:
        return Meaning(_LIMITED, f"{who} is limiting requests", "Wait, or raise the quota.", retryable=True)
    if status in (401, 403):
        return Meaning(_AUTH, f"{who} refused the request", "Check the role's policies, and who may use the model.")
    if status >= 500 or status in RETRYABLE_STATUS:
        return Meaning(_FAILED, f"{who} failed to answer", "Try again; if it lasts, look at the AWS health page.", retryable=True)
    return Meaning(_REFUSED, f"{who} refused the request", "The message says why.")
