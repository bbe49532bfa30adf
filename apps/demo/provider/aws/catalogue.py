"""Which models there are in which region, what IAM asks about for each, and the models that fail on purpose."""

import hashlib
import re
from dataclasses import dataclass

from apps.demo.provider.aws.refusal import AwsRefusal
from apps.demo.provider.aws.sts import CUSTOMER_ACCOUNT

US, EU, APAC = ("us-east-1", "us-east-2", "us-west-2"), ("eu-west-1", "eu-central-1", "eu-west-3", "eu-north-1"), ("ap-northeast-1",)
EVERYWHERE = US + EU + APAC
GEOGRAPHIES = {"us": US, "eu": EU, "apac": APAC, "global": EVERYWHERE}


@dataclass(frozen=True, slots=True)
class Model:
    """`shape` is the body that InvokeModel takes; `on_demand` the regions where the ID itself may be called."""

    id: str
    shape: str
    on_demand: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    converse: bool = True
    system: bool = True


MODELS = (
    Model("anthropic.claude-3-haiku-20240307-v1:0", "anthropic", EVERYWHERE, ("us", "eu", "apac")),
    Model("anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", (), ("us", "eu", "global")),
    Model("amazon.nova-lite-v1:0", "nova", ("us-east-1",), ("us", "eu", "apac")),
    Model("amazon.nova-pro-v1:0", "nova", ("us-east-1", "eu-central-1"), ("us", "eu", "apac")),
    Model("amazon.titan-text-express-v1", "titan", US + EU, system=False),
    Model("meta.llama3-8b-instruct-v1:0", "llama", US),
    Model("mistral.mistral-large-2402-v1:0", "mistral", US + EU),
    Model("cohere.command-r-plus-v1:0", "command-r", US),
    Model("cohere.command-text-v14", "command", US, converse=False),
)
SHAPES = {"anthropic": "anthropic", "amazon": "nova", "meta": "llama", "mistral": "mistral", "cohere": "command-r"}

# {vendor}.demo-<name>-v1:0, for any vendor above: what it answers.
FAILURES = {
    "no-access": AwsRefusal(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "not-subscribed": AwsRefusal(
        403,
        "AccessDeniedException",
        "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions "
        "(aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.",
    ),
    "throttled": AwsRefusal(429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "quota": AwsRefusal(400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    "not-ready": AwsRefusal(429, "ModelNotReadyException", "Model is not ready for inference. Please wait and try your request again."),
    "timeout": AwsRefusal(408, "ModelTimeoutException", "The model took too long to process the request."),
    "error": AwsRefusal(424, "ModelErrorException", "The request failed due to an error while processing the model."),
    "unavailable": AwsRefusal(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    "internal": AwsRefusal(500, "InternalServerException", "The system encountered an unexpected error during processing."),
    "retired": AwsRefusal(404, "ResourceNotFoundException", "This model version has reached the end of its life."),
    "use-case": AwsRefusal(
        404,
        "ResourceNotFoundException",
        "Model use case details have not been submitted for this account. Fill out the use case details form before using the model.",
    ),
    "missing": AwsRefusal(404, "ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."),
    "expired": AwsRefusal(403, "ExpiredTokenException", "The security token included in the request is expired"),
}
_FAILING = re.compile(r"(?P<vendor>anthropic|amazon|meta|mistral|cohere)\.demo-(?P<name>[a-z-]+)-v1:0")
_ARN = re.compile(r"arn:aws:bedrock:(?P<region>[a-z0-9-]+):(?P<account>\d{12}|):(?P<kind>[a-z-]+)/(?P<name>.+)")
_OWN = re.compile(r"[0-9A-Za-z]+(?:[_-][0-9A-Za-z]+)*")


@dataclass(frozen=True, slots=True)
class Found:
    """A model as it was named: what answers, and the resources that IAM asks about."""

    model: Model
    resources: tuple[str, ...]
    failure: AwsRefusal | None = None


def find_model(model_id: str, region: str) -> Found:
    """What a model ID, profile ID, name or ARN means in this region. The failure is told after IAM was asked, as AWS does it."""
    if found := _ARN.fullmatch(model_id):
        return _by_arn(found, region)
    geography, _, base = model_id.partition(".")
    if geography in GEOGRAPHIES and "." in base:
        return _profile(geography, base, region)
    if failing := _FAILING.fullmatch(model_id):
        model = Model(model_id, SHAPES[failing["vendor"]])
        return Found(model, (_foundation(region, model_id),), FAILURES.get(failing["name"], _invalid_id()))
    known = {model.id: model for model in MODELS}
    if model_id not in known:
        if "." not in model_id and _OWN.fullmatch(model_id):
            return _provisioned(model_id, region, "mistral")
        return Found(Model(model_id, "any"), (_foundation(region, model_id),), _invalid_id())
    model, failure = known[model_id], None
    if region not in model.on_demand:
        elsewhere = any(region in GEOGRAPHIES[name] for name in model.profiles)
        failure = _on_demand(model_id) if elsewhere else _invalid_id()
    return Found(model, (_foundation(region, model_id),), failure)


def _by_arn(found: re.Match[str], region: str) -> Found:
    arn, kind, name = found[0], found["kind"], found["name"]
    failure = _invalid_id() if found["region"] != region or found["account"] not in ("", CUSTOMER_ACCOUNT) else None
    if kind == "foundation-model":
        return find_model(name, region)
    if kind == "inference-profile":
        geography, _, base = name.partition(".")
        return _profile(geography, base, region)
    if kind == "application-inference-profile":
        inner = MODELS[0]
        return Found(inner, (arn, _foundation(region, inner.id)), failure)
    if kind == "provisioned-model":
        return Found(Model(arn, "titan", converse=True, system=False), (arn,), failure)
    return Found(Model(arn, "any"), (arn,), _invalid_id())


def _profile(geography: str, base: str, region: str) -> Found:
    """A profile of AWS sends the call to another of its regions, so IAM is asked about the profile and about the model there."""
    regions = GEOGRAPHIES.get(geography, ())
    model = next((model for model in MODELS if model.id == base and geography in model.profiles), None)
    profile = f"arn:aws:bedrock:{region}:{CUSTOMER_ACCOUNT}:inference-profile/{geography}.{base}"
    if model is None or region not in regions:
        return Found(Model(base, "any"), (profile,), _invalid_id())
    other = next((name for name in regions if name != region), region)
    return Found(model, (profile, _foundation(region, base), _foundation(other, base)))


def _provisioned(name: str, region: str, shape: str) -> Found:
    identifier = hashlib.sha256(name.encode()).hexdigest()[:12]
    return Found(Model(name, shape, converse=False), (f"arn:aws:bedrock:{region}:{CUSTOMER_ACCOUNT}:provisioned-model/{identifier}",))


def _foundation(region: str, model_id: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def _invalid_id() -> AwsRefusal:
    return AwsRefusal(400, "ValidationException", "The provided model identifier is invalid.")


def _on_demand(model_id: str) -> AwsRefusal:
    return AwsRefusal(
        400,
        "ValidationException",
        f"Invocation of model ID {model_id} with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN of an "
        "inference profile that contains this model.",
    )
