"""What a wire format and a provider are: the two nouns of spec 04, as the rest of the product sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from apps.providers.types import Answer, JsonValue, Request, Response


class WireFormat[Opaque](Protocol):
    """Renders a request and reads its response; knows no network and no secret."""

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] = ...) -> Request[Opaque]:
        """What to send for these values. Raises ProviderError of the stage PREPARE."""
        ...

    def read_answer(self, response: Response) -> Answer:
        """What the model said. Raises ProviderError for an HTTP error, and for a body that cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who runs models: its key in the database, its name on the screen, and the wire formats it speaks."""

    key: str
    label: str
    wire_formats: tuple[str, ...]
