"""What an external model's definition says, as plain values: where to send, what to send, how to read the answer. Nothing secret."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from apps.providers.chat_wire import CHAT_VARIABLES
from apps.providers.registry import get_chat_format
from apps.providers.secret_names import SECRET_HEADERS, looks_secret
from apps.providers.types import DataType, Variable

BEDROCK_SCHEME = "bedrock://"

__all__ = [
    "BEDROCK_SCHEME",
    "SECRET_HEADERS",
    "TEMPLATE",
    "Definition",
    "Feature",
    "Header",
    "Modality",
    "Paths",
    "in_words",
    "looks_secret",
]


@dataclass(frozen=True, slots=True)
class Header:
    """One header of the definition. A secret one has no value here: each connection holds its own, sent after `prefix` ("Bearer ")."""

    name: str
    value: str = ""
    secret: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Paths:
    """JSON paths into the answer, as typed; "" where none is set."""

    output: str = ""
    input_tokens: str = ""
    output_tokens: str = ""


TEMPLATE = "template"


class Feature(StrEnum):
    """What a model can do besides answering, as far as somebody has said so (spec 02, Existing provider structures)."""

    STRUCTURED_RESPONSE = "structured_response"
    DATA_GENERATION = "data_generation"
    STREAMING = "streaming"
    TOOL_CALLING = "tool_calling"
    PARALLEL_TOOL_CALLING = "parallel_tool_calling"

    @property
    def label(self) -> str:
        """The words the console shows."""
        return in_words(self)


class Modality(StrEnum):
    """What goes in and what comes out."""

    TEXT_TO_TEXT = "text_to_text"
    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    AUDIO_TO_TEXT = "audio_to_text"

    @property
    def label(self) -> str:
        """The words the console shows."""
        return in_words(self)


def in_words(key: str) -> str:
    return key.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Definition:
    """How one model is spoken to (spec 02). May be half-finished: a draft keeps whatever there is.

    `wire_format` is the key of a chat format, with `model` as the identifier to send, `features` and `modalities`; or "template", with
    variables, body and paths. A Bedrock model has a URL of the form `bedrock://MODEL-ID`; region and role are the connection's.
    """

    url: str = ""
    method: str = "POST"
    headers: tuple[Header, ...] = ()
    use_system_prompt: bool = False
    use_examples: bool = False
    custom_variables: tuple[Variable, ...] = ()
    body: str = ""
    paths: Paths = field(default_factory=Paths)
    wire_format: str = TEMPLATE
    model: str = ""
    features: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()

    @property
    def is_template(self) -> bool:
        """Whether body and paths say what is sent and read, and not a provider's chat format."""
        return self.wire_format == TEMPLATE

    @property
    def is_bedrock(self) -> bool:
        return self.url.startswith(BEDROCK_SCHEME)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable that callers may fill in: prompt, then what is switched on, then the custom ones."""
        if not self.is_template:
            return CHAT_VARIABLES
        built_in = [Variable("prompt", "Prompt", DataType.STRING, None, required=True)]
        if self.use_system_prompt:
            built_in.append(Variable("system_prompt", "System prompt", DataType.STRING))
        if self.use_examples:
            built_in.append(Variable("examples", "Examples", DataType.JSON))
        return (*built_in, *self.custom_variables)

    @property
    def secret_headers(self) -> tuple[str, ...]:
        return tuple(header.name for header in self.headers if header.secret)

    @property
    def configuration(self) -> str:
        """Which API request and response follow, in the words of the console."""
        return "Default" if self.is_template else get_chat_format(self.wire_format).label

    @property
    def feature_labels(self) -> list[str]:
        return [in_words(feature) for feature in self.features]

    @property
    def modality_labels(self) -> list[str]:
        return [in_words(modality) for modality in self.modalities]

    def facts(self) -> dict[str, object]:
        """What it says, as the audit log names it."""
        content = self.to_json()
        said = {
            "model configuration": self.configuration,
            "model identifier": content.pop("model", None),
            "model features": ", ".join(self.feature_labels) or None,
            "modalities": ", ".join(self.modality_labels) or None,
        }
        for name in ("wire_format", "features", "modalities"):
            content.pop(name, None)
        return {name.replace("_", " "): value for name, value in content.items()} | said

    def without_unused(self) -> Self:
        """Only what this way of describing the request uses: a draft also keeps what was typed for the other one."""
        if self.is_template:
            return replace(self, model="", features=(), modalities=())
        return replace(self, method="POST", use_system_prompt=False, use_examples=False, custom_variables=(), body="", paths=Paths())

    def to_json(self) -> dict[str, Any]:
        """What a template does not use is left out, as is a prefix that a header does not have."""
        content = asdict(self)
        for header in content["headers"]:
            if not header["prefix"]:
                del header["prefix"]
        if self.is_template:
            del content["wire_format"]
            for name in ("model", "features", "modalities"):
                if not content[name]:
                    del content[name]
        return content

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        variables = tuple(Variable(**{**row, "data_type": DataType(row["data_type"])}) for row in data.get("custom_variables", ()))
        return cls(
            url=data.get("url", ""),
            method=data.get("method", "POST"),
            headers=tuple(Header(**row) for row in data.get("headers", ())),
            use_system_prompt=data.get("use_system_prompt", False),
            use_examples=data.get("use_examples", False),
            custom_variables=variables,
            body=data.get("body", ""),
            paths=Paths(**data.get("paths", {})),
            wire_format=data.get("wire_format", TEMPLATE),
            model=data.get("model", ""),
            features=tuple(data.get("features", ())),
            modalities=tuple(data.get("modalities", ())),
        )

    def request_digest(self, credentials: Mapping[str, str]) -> str:
        """SHA-256 over everything that shapes the request, with fingerprints of the credentials: a test passed for one digest
        says nothing about another. The JSON paths are left out: they are checked against the stored answer instead. So is what the
        model is said to be able to do besides: no test asks for it."""
        content = self.without_unused().to_json()
        for name in ("paths", "features", "modalities"):
            content.pop(name, None)
        text = json.dumps([content, sorted(credentials.items())], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
