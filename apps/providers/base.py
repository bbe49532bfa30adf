"""What a wire format and a provider are: the two nouns of spec 04, as the rest of the product sees them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from apps.providers.chat import ChatAnswer, ChatCall, JsonObject, StreamEvent
from apps.providers.types import Answer, JsonValue, Request, Response


class WireFormat[Opaque](Protocol):
    """Renders a request and reads its response; knows no network and no secret."""

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] = ...) -> Request[Opaque]:
        """What to send for these values. Raises ProviderError of the stage PREPARE."""
        ...

    def read_answer(self, response: Response) -> Answer:
        """What the model said. Raises ProviderError for an HTTP error, and for a body that cannot be read."""
        ...


class StreamReader(Protocol):
    """Reads one streamed answer, fed with bytes as they arrive, cut anywhere."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """What these bytes complete. Raises ProviderError for an error event, for what is no such stream, and for a line over 1 MiB."""
        ...

    def finish(self) -> list[StreamEvent]:
        """The end of the body. Raises ProviderError(DISCONNECTED) when the stream was cut before its end."""
        ...


class ChatFormat(Protocol):
    """A provider's chat API, as pure functions. What it cannot carry raises ProviderError(UNSUPPORTED), never drops it (spec 04)."""

    key: str
    label: str

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        """The request's JSON. A streamed call asks for its token counts."""
        ...

    def stream_url(self, url: str) -> str:
        """Where the same call is sent for a streamed answer: often the same address."""
        ...

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        """The answer out of a successful response. Raises ProviderError(NOT_THE_FORMAT) for JSON of another shape."""
        ...

    def read_stream(self) -> StreamReader: ...


@dataclass(frozen=True, slots=True)
class CredentialField:
    """Something a connection has to know besides its key: a parameter of the URL such as Azure's resource name. Nothing secret."""

    name: str
    label: str
    help: str = ""
    placeholder: str = ""
    initial: str = ""
    like_model: bool = False  # begins as the chosen model's ID
    pattern: str = ""  # what a whole value looks like; "" for anything that fits into its place of the URL
    mismatch: str = ""  # the sentence for a value that does not look so

    def problem(self, value: str) -> str:
        """What is wrong with a value, as a sentence; "" for nothing."""
        return self.mismatch if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII) else ""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """The cheapest call that proves a key. `body` None means GET; `{name}` in the URL is filled in like the endpoint's."""

    url: str
    body: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class EasySetup:
    """How easy integration connects a provider's model (spec 02). `base_url` may be changed under *Advanced*."""

    base_url: str
    endpoint: Callable[[str, str], str]  # base URL and model ID to the endpoint's URL
    key_header: str
    check: Callable[[str, str], CheckRequest]  # base URL and model ID to the call that proves a key
    key_prefix: str = ""  # "Bearer " for OpenAI
    headers: tuple[tuple[str, str], ...] = ()  # plain ones that every call needs, such as anthropic-version
    fields: tuple[CredentialField, ...] = ()
    key_help: str = ""  # where the provider's console has the key; before `key_url` where there is one
    key_url: str = ""  # the page of that console, https
    key_placeholder: str = ""

    def base_of(self, url: str, model: str) -> str:
        """The base URL from which the endpoint of this model was made."""
        return url.removesuffix(self.endpoint("", model))


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who runs models: its key in the database, its name on the screen, the wire formats it speaks, how it is connected."""

    key: str
    label: str
    wire_formats: tuple[str, ...]
    easy: EasySetup | None = None
    summary: str = ""  # one line for the list of providers
    monogram: str = ""  # two letters for its tile
    hue: int = 0  # and the colour of the tile, 1 to 6
