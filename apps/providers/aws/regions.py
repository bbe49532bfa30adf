"""The regions of AWS and the hosts in them: fixed lists, so that no text typed by anybody becomes a host name (spec 07 G3)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Service(StrEnum):
    """The first label of a service's host name."""

    STS = "sts"
    BEDROCK = "bedrock"
    BEDROCK_RUNTIME = "bedrock-runtime"

    @property
    def signing_name(self) -> str:
        """What the credential scope of a signature says: both parts of Bedrock sign as one."""
        return "sts" if self is Service.STS else "bedrock"


@dataclass(frozen=True, slots=True)
class Region:
    """One region. Roles and credentials of one partition are unknown in the others."""

    name: str
    place: str
    partition: str = "aws"

    @property
    def label(self) -> str:
        """eu-central-1 (Frankfurt)."""
        return f"{self.name} ({self.place})"


DNS_SUFFIXES: Final = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
_COMMERCIAL = {
    "us-east-1": "N. Virginia",
    "us-east-2": "Ohio",
    "us-west-1": "N. California",
    "us-west-2": "Oregon",
    "af-south-1": "Cape Town",
    "ap-east-1": "Hong Kong",
    "ap-east-2": "Taipei",
    "ap-northeast-1": "Tokyo",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "ap-south-2": "Hyderabad",
    "ap-southeast-1": "Singapore",
    "ap-southeast-2": "Sydney",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-6": "New Zealand",
    "ap-southeast-7": "Thailand",
    "ca-central-1": "Central Canada",
    "ca-west-1": "Calgary",
    "eu-central-1": "Frankfurt",
    "eu-central-2": "Zurich",
    "eu-north-1": "Stockholm",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "eu-west-1": "Ireland",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "me-south-1": "Bahrain",
    "me-west-1": "Saudi Arabia",
    "mx-central-1": "Central Mexico",
    "sa-east-1": "São Paulo",
    "sa-west-1": "Chile",
}
REGIONS: Final[dict[str, Region]] = {
    **{name: Region(name, place) for name, place in _COMMERCIAL.items()},
    "us-gov-east-1": Region("us-gov-east-1", "GovCloud US-East", "aws-us-gov"),
    "us-gov-west-1": Region("us-gov-west-1", "GovCloud US-West", "aws-us-gov"),
    "cn-north-1": Region("cn-north-1", "Beijing", "aws-cn"),
    "cn-northwest-1": Region("cn-northwest-1", "Ningxia", "aws-cn"),
    "eusc-de-east-1": Region("eusc-de-east-1", "European Sovereign Cloud, Germany", "aws-eusc"),
}


def find_region(name: str) -> Region:
    """The region of that name. Raises ValueError with a sentence for one that is not in the list."""
    region = REGIONS.get(name.strip().lower())
    if region is None:
        raise ValueError(f"“{name.strip()[:40]}” is not an AWS region. Choose one such as eu-central-1 (Frankfurt).")
    return region


def region_choices(partition: str = "") -> tuple[tuple[str, str], ...]:
    """(name, label) of every region, or of one partition's, for a select."""
    return tuple((region.name, region.label) for region in REGIONS.values() if partition in ("", region.partition))


def base_url(service: Service, region: Region, endpoint: str = "") -> str:
    """Where a service is reached in a region, without a slash at the end.

    `endpoint` is the deployment's own address with `{service}` and `{region}` in it (a private endpoint, the demo's stand-in), "" for AWS.
    """
    if endpoint:
        return endpoint.replace("{service}", service).replace("{region}", region.name).rstrip("/")
    return f"https://{service}.{region.name}.{DNS_SUFFIXES[region.partition]}"
