"""The providers and chat formats the product knows, by key. Adding one touches its own file and these tables."""

from typing import Final

from apps.providers.base import ChatFormat, Provider
from apps.providers.custom import CUSTOM

PROVIDERS: Final[dict[str, Provider]] = {provider.key: provider for provider in (CUSTOM,)}
CHAT_FORMATS: Final[dict[str, ChatFormat]] = {}


def get_provider(key: str) -> Provider:
    """The provider of that key. Raises KeyError for one that is not known."""
    return PROVIDERS[key]


def get_chat_format(key: str) -> ChatFormat:
    """The chat format of that key. Raises KeyError for one that is not known."""
    return CHAT_FORMATS[key]
