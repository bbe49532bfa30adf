"""The five easy providers as the demo provider plays them: base URL, a model, keys."""

from dataclasses import dataclass

from apps.demo.provider.keys import DEMO_KEYS, Keys
from tests.support.wizard import Wizard


@dataclass(frozen=True, slots=True)
class Played:
    """`dialect` is the demo provider's; `refusal` is what it says to a wrong key."""

    key: str
    label: str
    path: str
    model: str
    dialect: str
    refusal: str

    @property
    def keys(self) -> Keys:
        return DEMO_KEYS[self.dialect]


FIVE = (
    Played("openai", "OpenAI", "/openai/v1", "gpt-4o-mini", "openai", "Incorrect API key provided"),
    Played("anthropic", "Anthropic", "/anthropic", "claude-haiku-4-5", "anthropic", "invalid x-api-key"),
    Played("google", "Google", "/gemini", "gemini-2.5-flash", "gemini", "API key not valid"),
    Played("cohere", "Cohere", "/cohere", "command-a-03-2025", "cohere", "invalid api token"),
    Played("azure", "Azure OpenAI", "/azure", "gpt-4o", "azure", "Access denied due to invalid subscription key"),
)
OPENAI, ANTHROPIC, GOOGLE, COHERE, AZURE = FIVE
WRONG = "sk-wrong-key-for-the-tests-0000"


def last_step(wizard: Wizard, played: Played, provider_url: str, *, name: str = "claims-prod", key: str = "", model: str = "") -> Wizard:
    """The step that asks for the key, filled in for the demo provider."""
    wizard.open(f"models/new/easy/{played.key}/credentials/?model={model or played.model}")
    return wizard.fill(name=name, key=key or played.keys.accepted, base_url=provider_url + played.path)
