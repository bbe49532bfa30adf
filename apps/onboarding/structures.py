"""Existing provider structures: the APIs that an endpoint can imitate, and what can be noticed in its address (spec 02)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from apps.core.text import monogram
from apps.external_models.definition import Feature, Modality
from apps.providers.anthropic import ANTHROPIC
from apps.providers.base import EasySetup, Provider
from apps.providers.gemini import GOOGLE
from apps.providers.openai import OPENAI

FEATURE_NOTES: Final = {
    Feature.STRUCTURED_RESPONSE: "JSON that follows a schema the caller gives.",
    Feature.DATA_GENERATION: "Synthetic rows and prompts for text tasks.",
    Feature.STREAMING: "Text as it is produced, piece by piece.",
    Feature.TOOL_CALLING: "Functions that the model may ask to call.",
    Feature.PARALLEL_TOOL_CALLING: "Several calls in one turn. Needs Tool calling.",
}
MODALITY_NOTES: Final = {
    Modality.TEXT_TO_TEXT: "Answers a prompt in words.",
    Modality.TEXT_TO_IMAGE: "Draws an image for a prompt.",
    Modality.IMAGE_TO_TEXT: "Reads images beside the prompt.",
    Modality.AUDIO_TO_TEXT: "Reads recordings, such as speech.",
}

_VERSION = re.compile(r"/v\d\w*")
_GEMINI_CALL = re.compile(r"/models/([^/:]+)(?::(\w+))?")


@dataclass(frozen=True, slots=True)
class HeaderOffer:
    """A header that the API asks for and the page has no row for. A secret one has no value; `lead` is sent before it."""

    name: str
    value: str = ""
    secret: bool = False
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Structure:
    """One API reference. `ending` is how the path of its address ends, with the version in front where it needs one."""

    key: str
    provider: Provider
    api: str
    ending: str
    model_example: str
    reads: tuple[str, str, str]  # where output text, input and output tokens stand in its answer

    @property
    def tile(self) -> str:
        return monogram(self.provider.label)

    @property
    def setup(self) -> EasySetup:
        if self.provider.easy is None:
            raise ValueError(f"{self.provider.key} has no set-up to follow.")
        return self.provider.easy

    @property
    def example_url(self) -> str:
        """The provider's own address, as an example of the path."""
        return self.setup.endpoint(self.setup.base_url, self.model_example)

    def missing_headers(self, names: Iterable[str], *, with_key: bool) -> list[HeaderOffer]:
        """What the provider's own API asks for and these headers do not have. Nothing is forced: a gateway may want others."""
        given = {name.lower() for name in names}
        setup = self.setup
        offers = [HeaderOffer(setup.key_header, secret=True, lead=setup.key_prefix)] if with_key else []
        offers += [HeaderOffer(name, value) for name, value in setup.headers]
        return [offer for offer in offers if offer.name.lower() not in given]

    def notice(self, url: str, model: str) -> str:
        """What looks wrong with the address, with the whole one to write instead; "" where nothing does. It is never changed unasked."""
        path = urlsplit(url).path
        if self.key == "gemini":
            return notice_gemini(url, path, model)
        if path.endswith(self.ending):
            return ""
        whole = completed(url, path, self.ending)
        return f"This looks like a base URL. {self.api} are served at {whole}" if whole else ""


def completed(url: str, path: str, ending: str) -> str:
    """The address below a base URL such as https://host or https://host/v1; "" for any other path, which may be the server's own."""
    base, bare = url.partition("?")[0].rstrip("/"), path.rstrip("/")
    if not bare:
        return f"{base}/v1{ending}"
    if _VERSION.fullmatch(bare[bare.rindex("/") :]):
        return f"{base}{ending}"
    head = ending.rpartition("/")[0]  # /chat of /chat/completions
    return f"{base}{ending.removeprefix(head)}" if head and bare.endswith(head) else ""


def notice_gemini(url: str, path: str, model: str) -> str:
    """Gemini has the model in the address, and for a whole answer ends in :generateContent."""
    wanted = model.removeprefix("models/") or "MODEL"
    found = _GEMINI_CALL.search(path)
    if found is None:
        base = url.partition("?")[0].rstrip("/").removesuffix("/models")
        bare = urlsplit(base).path.rstrip("/")
        version = "" if _VERSION.search(bare) else "/v1beta"
        return f"Gemini has the model in the address: {base}{version}/models/{wanted}:generateContent"
    name, action = unquote(found[1]), found[2]
    if action != "generateContent":
        whole = f"{url.partition('?')[0][: -len(action) - 1] if action else url.partition('?')[0]}:generateContent"
        return f"Write the address of the whole answer, {whole}. Streamed calls find theirs from it."
    if "{" not in name and model and name != wanted:
        return f"The address calls the model {name}, the model identifier says {wanted}. Gemini answers with the one in the address."
    return ""


STRUCTURES: Final[dict[str, Structure]] = {
    structure.key: structure
    for structure in (
        Structure(
            "openai",
            OPENAI,
            "Chat Completions",
            "/chat/completions",
            "gpt-4.1-mini",
            ("choices[0].message.content", "usage.prompt_tokens", "usage.completion_tokens"),
        ),
        Structure(
            "anthropic",
            ANTHROPIC,
            "Messages",
            "/messages",
            "claude-sonnet-4-5",
            ("content[*].text", "usage.input_tokens", "usage.output_tokens"),
        ),
        Structure(
            "gemini",
            GOOGLE,
            "Gemini",
            ":generateContent",
            "gemini-2.5-flash",
            ("candidates[0].content.parts[*].text", "usageMetadata.promptTokenCount", "usageMetadata.candidatesTokenCount"),
        ),
    )
}
