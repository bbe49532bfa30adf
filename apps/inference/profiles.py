"""The Authorization of a profile: which code authorizes calls for which type."""

from apps.connections.profiles import AuthorizationProfile
from apps.inference.authorization import Authorization


def profile_authorization(profile: AuthorizationProfile) -> Authorization:
    """What a Target of a connection with this profile carries. Reads the profile's secrets: call it from synchronous code."""
    raise NotImplementedError
