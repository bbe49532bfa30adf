"""What people paste as a Bedrock model, reduced to what the API needs (spec 02, Amazon Bedrock).

A foundation model and a profile made by AWS are called by their ID. What a customer made (provisioned throughput, application profiles,
imported models, deployments, Marketplace endpoints, routers) is called by its whole ARN, or by its name or ID where no ARN was pasted.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from apps.providers.aws.regions import DNS_SUFFIXES, REGIONS

MAX_LENGTH = 2048  # characters, the API's own limit
GEOGRAPHIES = ("us-gov", "global", "apac", "us", "eu", "jp", "au", "ca", "sa", "me", "af", "cn")
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}|aws|):(?P<resource>\S+)"
)
_RUNTIME_URL = re.compile(r"https?://bedrock-runtime(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z.]+/model/(?P<model>[^/?#]+)(?:/\S*)?")
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?")
_OWN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]*[A-Za-z0-9])?")  # no *, ? or $, which stand for others in a policy
_GEOGRAPHY = re.compile(rf"(?P<geography>{'|'.join(GEOGRAPHIES)})\.(?P<model>[a-z0-9-]+\..+)")
_VENDOR = re.compile(r"[a-z0-9-]{1,63}\..+")
_DOCUMENTATION_PREFIX = re.compile(r"(?:amazon[ -])?bedrock:(?://)?", re.IGNORECASE)


class ModelKind(StrEnum):
    """What a model reference is, as Bedrock sees it."""

    FOUNDATION = "foundation_model"
    PROFILE = "inference_profile"
    APPLICATION_PROFILE = "application_inference_profile"
    PROVISIONED = "provisioned_throughput"
    CUSTOM = "custom_model"
    DEPLOYMENT = "custom_model_deployment"
    IMPORTED = "imported_model"
    MARKETPLACE = "marketplace_endpoint"
    ROUTER = "prompt_router"
    NAME = "name"

    @property
    def label(self) -> str:
        """The words the console shows."""
        return _KINDS[self]


_KINDS = {
    ModelKind.FOUNDATION: "a foundation model",
    ModelKind.PROFILE: "an inference profile of AWS",
    ModelKind.APPLICATION_PROFILE: "an application inference profile",
    ModelKind.PROVISIONED: "provisioned throughput",
    ModelKind.CUSTOM: "a custom model",
    ModelKind.DEPLOYMENT: "a deployment of a custom model",
    ModelKind.IMPORTED: "an imported model",
    ModelKind.MARKETPLACE: "a Marketplace model's endpoint",
    ModelKind.ROUTER: "a prompt router",
    ModelKind.NAME: "a name or ID of your own account",
}
_RESOURCES = {
    "foundation-model": ModelKind.FOUNDATION,
    "inference-profile": ModelKind.PROFILE,
    "application-inference-profile": ModelKind.APPLICATION_PROFILE,
    "provisioned-model": ModelKind.PROVISIONED,
    "provisioned-model-inference": ModelKind.PROVISIONED,
    "custom-model": ModelKind.CUSTOM,
    "custom-model-deployment": ModelKind.DEPLOYMENT,
    "imported-model": ModelKind.IMPORTED,
    "prompt-router": ModelKind.ROUTER,
    "default-prompt-router": ModelKind.ROUTER,
}
_BY_ID = {ModelKind.FOUNDATION, ModelKind.PROFILE}


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model as the API takes it. `region` is "" where the text named none; `note` says what was made of the text, for the page."""

    model_id: str
    region: str
    kind: ModelKind
    note: str
    account: str = ""
    partition: str = ""


def reduce_model_id(text: str) -> ModelReference:
    """The model that a pasted text means. Raises ValueError with a sentence for what cannot be one."""
    given = _unwrapped(text)
    if not given:
        raise ValueError("Enter the model's ID, such as anthropic.claude-3-haiku-20240307-v1:0, or paste its ARN.")
    if len(given) > MAX_LENGTH:
        raise ValueError(f"A model ID has at most {MAX_LENGTH:,} characters.")
    if found := _RUNTIME_URL.fullmatch(given):
        inner = reduce_model_id(unquote(found["model"]))
        return _located(inner, found["region"], f"Read from the URL as {inner.model_id}, {inner.kind.label}.")
    if given.startswith("arn:"):
        return _from_arn(given)
    if given.startswith(("http://", "https://")):
        raise ValueError("Enter the model's ID or its ARN instead of a URL; the region is chosen beside it.")
    return _from_name(given)


def geography_of(model_id: str) -> str:
    """The group of regions that an inference profile of AWS serves ("eu", "global"); "" for anything else."""
    found = _GEOGRAPHY.fullmatch(model_id)
    return found["geography"] if found else ""


def without_geography(model_id: str) -> str:
    """The foundation model's ID in an inference profile's: eu.amazon.nova-pro-v1:0 is a profile of amazon.nova-pro-v1:0."""
    found = _GEOGRAPHY.fullmatch(model_id)
    return found["model"] if found else model_id


def _unwrapped(text: str) -> str:
    """Without what comes along when text is pasted from a document: blanks and quotes."""
    return text.strip().strip("\"'`\u201c\u201d\u2018\u2019,;").strip()


def _from_arn(arn: str) -> ModelReference:
    found = _ARN.fullmatch(arn)
    if found is None or found["partition"] not in DNS_SUFFIXES:
        raise ValueError("This is not a complete ARN. Copy it again from the Bedrock console.")
    resource, _, name = found["resource"].partition("/")
    kind = _RESOURCES.get(resource) if found["service"] == "bedrock" else None
    if (found["service"], resource) == ("sagemaker", "endpoint"):
        kind = ModelKind.MARKETPLACE
    if kind is None or not name:
        what = f"{found['service']} {resource}" if found["service"] != "bedrock" else resource
        raise ValueError(f"This ARN is of another thing ({what[:60]}): it is no model, inference profile or provisioned throughput.")
    if not (_ID if kind in _BY_ID else _OWN).fullmatch(name):
        raise ValueError("The model's name in this ARN has characters that no model ID has. Copy the ARN again.")
    if kind in _BY_ID:
        return _reference(found, name, kind, "")
    more = ""
    if kind is ModelKind.CUSTOM:
        more = " Bedrock calls a custom model through its deployment or provisioned throughput: if this is refused, paste that ARN."
    return _reference(found, arn, kind, more)


def _reference(found: re.Match[str], model_id: str, kind: ModelKind, more: str) -> ModelReference:
    region = found["region"] if found["region"] in REGIONS else ""
    where = f" in {region}" if region else ""
    if kind in _BY_ID:
        note = f"Read as {model_id}, {kind.label}{where}.{more}"
    else:
        note = f"Read as {kind.label}{where}; Bedrock takes its whole ARN.{more}"
    account = found["account"] if found["account"].isdigit() else ""
    return ModelReference(model_id, region, kind, note, account, found["partition"])


def _from_name(given: str) -> ModelReference:
    name = _DOCUMENTATION_PREFIX.sub("", given, count=1)
    resource, slash, rest = name.partition("/")
    kind = _RESOURCES.get(resource) if slash else None
    name = rest if kind else name
    if not _ID.fullmatch(name):
        raise ValueError("A model ID has letters, digits, dots, colons and hyphens only, such as anthropic.claude-3-haiku-20240307-v1:0.")
    if kind is None:
        kind = ModelKind.PROFILE if geography_of(name) else ModelKind.FOUNDATION if _VENDOR.fullmatch(name) else ModelKind.NAME
    return ModelReference(name, "", kind, f"Read as {name}, {kind.label}.")


def _located(reference: ModelReference, region: str, note: str) -> ModelReference:
    known = region if region in REGIONS else reference.region
    return ModelReference(reference.model_id, known, reference.kind, note, reference.account, reference.partition)
