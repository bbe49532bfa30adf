"""What came of one lane: the answer or why there is none, with the figures that stand under it. Secrets are masked already."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Self

from apps.inference.result import Failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times in milliseconds; unknown counts and costs are None, never 0. `cost` is a decimal as text, "" where it is not known."""

    text: str = ""
    finish: str = ""
    trace_id: str = ""
    request_id: str = ""
    first_token_ms: float | None = None
    total_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    provider: str = ""
    provider_model: str = ""
    cost: str = ""
    currency: str = ""
    failure: Failure | None = None
    stopped: bool = False

    @property
    def cost_amount(self) -> Decimal | None:
        return Decimal(self.cost) if self.cost else None

    @property
    def has_counts(self) -> bool:
        """Whether something was used, so that it has a cost, known or not."""
        return self.input_tokens is not None or self.output_tokens is not None

    @property
    def headline(self) -> str:
        """What went wrong, without the provider's own words, which stand below it."""
        if self.failure is None:
            return ""
        said = self.failure.provider_message
        return f"{self.failure.message.removesuffix(f': {said}').removesuffix('.')}." if said else self.failure.message

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        failure = data.get("failure")
        return cls(**{**data, "failure": Failure(**failure) if failure else None})
