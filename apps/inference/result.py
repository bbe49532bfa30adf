"""What came of a call: sent, received, read, or why not. Plain values with every secret already masked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Self

from apps.providers.errors import ErrorKind, ProviderError, stage_of


@dataclass(frozen=True, slots=True)
class Sent:
    """The request as it went out."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class Received:
    """The response as it came in. Times in milliseconds, size in bytes as received, `text` decoded and cut at KEPT_TEXT."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str
    cut: bool
    first_byte_ms: float
    total_ms: float
    size: int

    @property
    def status_text(self) -> str:
        """200 OK."""
        phrase = next((status.phrase for status in HTTPStatus if status == self.status), "")
        return f"{self.status} {phrase}".strip()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call did not give an answer, in words that its reader can act on."""

    kind: str
    stage: str
    message: str
    hint: str
    provider_message: str

    @classmethod
    def of(cls, error: ProviderError) -> Self:
        return cls(str(error.kind), stage_of(error.kind).label, error.message, error.hint, error.provider_message)


@dataclass(frozen=True, slots=True)
class Result:
    """One call's outcome. `failure` is None when the provider answered with a success and with JSON."""

    sent: Sent | None = None
    received: Received | None = None
    failure: Failure | None = None
    output: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None

    @property
    def passed(self) -> bool:
        return self.failure is None

    @property
    def answered(self) -> bool:
        """The request is right: the provider answered it with JSON, whether or not the paths fit yet."""
        return self.failure is None or self.failure.kind == ErrorKind.OUTPUT_PATH_NO_MATCH

    @property
    def refused_by_egress(self) -> bool:
        return self.failure is not None and self.failure.kind == ErrorKind.URL_NOT_ALLOWED

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        sent, received, failure = data.get("sent"), data.get("received"), data.get("failure")
        return cls(
            sent=Sent(**{**sent, "headers": pairs(sent["headers"])}) if sent else None,
            received=Received(**{**received, "headers": pairs(received["headers"])}) if received else None,
            failure=Failure(**failure) if failure else None,
            output=data.get("output", ""),
            input_tokens=data.get("input_tokens"),
            output_tokens=data.get("output_tokens"),
            cached_tokens=data.get("cached_tokens"),
        )


def pairs(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in rows)
