"""The providers the product knows, by key. Adding one touches its own file and this table."""

from typing import Final

from apps.providers.base import Provider
from apps.providers.custom import CUSTOM

PROVIDERS: Final = {provider.key: provider for provider in (CUSTOM,)}


def get_provider(key: str) -> Provider:
    """The provider of that key. Raises KeyError for one that is not known."""
    return PROVIDERS[key]
