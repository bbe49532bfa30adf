"""The providers and chat formats the product knows, by key. Adding one touches its own file and these tables."""

from typing import Final

from apps.providers.anthropic import ANTHROPIC, AnthropicFormat
from apps.providers.azure import AZURE, AzureFormat
from apps.providers.base import ChatFormat, Provider
from apps.providers.cohere import COHERE, CohereFormat
from apps.providers.converse import BEDROCK, ConverseFormat
from apps.providers.custom import CUSTOM
from apps.providers.gemini import GOOGLE, GeminiFormat
from apps.providers.openai import OPENAI, OpenAIFormat

# In the order in which lists show them.
PROVIDERS: Final[dict[str, Provider]] = {provider.key: provider for provider in (OPENAI, ANTHROPIC, GOOGLE, COHERE, AZURE, BEDROCK, CUSTOM)}
_FORMATS: Final[tuple[ChatFormat, ...]] = (
    OpenAIFormat(),
    AzureFormat(),
    AnthropicFormat(),
    GeminiFormat(),
    CohereFormat(),
    ConverseFormat(),
)
CHAT_FORMATS: Final[dict[str, ChatFormat]] = {wire.key: wire for wire in _FORMATS}
STRUCTURES: Final = ("openai", "anthropic", "gemini")  # the chat formats that a custom integration can follow


def get_provider(key: str) -> Provider:
    """The provider of that key. Raises KeyError for one that is not known."""
    return PROVIDERS[key]


def get_chat_format(key: str) -> ChatFormat:
    """The chat format of that key. Raises KeyError for one that is not known."""
    return CHAT_FORMATS[key]
