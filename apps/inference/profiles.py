"""The Authorization of a profile: which code authorizes calls for which type."""

from collections.abc import Callable, Mapping
from typing import Protocol

from apps.connections.profile_types import ProfileType
from apps.connections.profiles import AuthorizationProfile
from apps.inference.authorization import Authorization
from apps.inference.profile_aws import AwsAuthorization
from apps.inference.profile_keys import api_key, basic, bearer, custom_keys
from apps.inference.profile_material import Material
from apps.inference.profile_oauth import oauth


class ProfileAuthorization(Authorization, Protocol):
    """An Authorization that may fill `{name}`s of the address, too."""

    @property
    def parameters(self) -> dict[str, str]:
        """What stands for a secret in the address until it is sent, by `{name}`."""
        ...


AUTHORIZERS: Mapping[ProfileType, Callable[[Material], ProfileAuthorization]] = {
    ProfileType.API_KEY: api_key,
    ProfileType.BEARER: bearer,
    ProfileType.BASIC: basic,
    ProfileType.CUSTOM_KEYS: custom_keys,
    ProfileType.CLIENT_CREDENTIALS: oauth,
    ProfileType.AUTHORIZATION_CODE: oauth,
    ProfileType.AWS_SIGV4: AwsAuthorization,
}


def profile_authorization(profile: AuthorizationProfile) -> ProfileAuthorization:
    """What a Target of a connection with this profile carries. Reads the profile's secrets: call it from synchronous code."""
    material = Material.of(profile)
    return AUTHORIZERS[material.type](material)
