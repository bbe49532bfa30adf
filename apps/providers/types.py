"""The values that travel between the wire formats and whoever sends for them."""

from dataclasses import dataclass, field
from enum import StrEnum

type JsonValue = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


class DataType(StrEnum):
    """What a template variable holds (spec 02, Custom variables)."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"

    @property
    def label(self) -> str:
        """The word the console shows."""
        return "JSON" if self is DataType.JSON else self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing callers fill in. `default` None means that there is no default."""

    name: str
    display_name: str = ""
    data_type: DataType = DataType.STRING
    default: JsonValue = None
    required: bool = False

    @property
    def label(self) -> str:
        """How the variable is called in sentences and on forms."""
        return self.display_name or self.name


class Encoding(StrEnum):
    """How a value has to be written in the place where it stands."""

    PERCENT = "percent"  # in a URL
    JSON = "json"  # inside a JSON string
    FORM = "form"  # in application/x-www-form-urlencoded


@dataclass(frozen=True, slots=True)
class Fill[Opaque = str]:
    """An opaque secret for a place in the URL or the body. `marker` is a random word that stands there until the request is sent."""

    marker: str
    value: Opaque = field(repr=False)
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Request[Opaque = str]:
    """What to send. A header value may be an opaque secret, which only the sender can open; none of them shows in the repr."""

    method: str
    url: str
    headers: tuple[tuple[str, str | Opaque], ...] = field(repr=False)
    body: bytes = field(repr=False)
    # Secrets that stand in the URL or the body, where the provider wants them there: each at the place of its marker.
    fills: tuple["Fill[Opaque]", ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: the decoded body, header names as received."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first value of that header, whatever its case; "" where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. A token count that the provider did not give is None, never 0 (spec 07 C4)."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
