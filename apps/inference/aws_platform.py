"""The deployment's own AWS identity, from the settings and from nowhere else (spec 07 G5)."""

from dataclasses import dataclass, field

from django.conf import settings

from apps.core.secrets import Secret
from apps.core.sigv4 import SigningKeys, SigV4Signer
from apps.providers.aws import Region, Service, base_url
from apps.providers.errors import ErrorKind, ProviderError


@dataclass(frozen=True, slots=True)
class AwsPlatform:
    """Who assumes roles, and where STS and Bedrock are reached."""

    principal_arn: str
    keys: SigningKeys = field(repr=False)

    def signer(self, region: Region, service: Service) -> SigV4Signer:
        return SigV4Signer(self.keys, region.name, service.signing_name)


def aws_platform() -> AwsPlatform:
    """The identity. Raises ProviderError(STS_FAILED) where the deployment has none."""
    access_key, secret_key = settings.PATCHBAY_AWS_ACCESS_KEY_ID, Secret(settings.PATCHBAY_AWS_SECRET_ACCESS_KEY)
    if not (settings.PATCHBAY_AWS_PRINCIPAL_ARN and access_key and secret_key):
        raise ProviderError(
            ErrorKind.STS_FAILED,
            "This deployment has no AWS identity, so no role can be assumed.",
            "This is for platform staff: set PATCHBAY_AWS_PRINCIPAL_ARN, PATCHBAY_AWS_ACCESS_KEY_ID and PATCHBAY_AWS_SECRET_ACCESS_KEY.",
        )
    return AwsPlatform(settings.PATCHBAY_AWS_PRINCIPAL_ARN, SigningKeys(access_key, secret_key))


def aws_url(service: Service, region: Region) -> str:
    """Where the service is reached in the region, without a slash at the end."""
    return base_url(service, region, settings.PATCHBAY_AWS_ENDPOINT_URL)
