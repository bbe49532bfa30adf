"""What a source says of one model and its prices, as plain values: the form in which it is compared with the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """With more than `above` input tokens, every token of the call costs this much. None: as below the tier."""

    above: int
    input: Decimal | None = None
    output: Decimal | None = None
    cached_read: Decimal | None = None
    cached_write: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens; None where the source gives no price, which is not the same as free."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_read: Decimal | None = None
    cached_write: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    other: Mapping[str, str] = field(default_factory=dict)  # by the source's own names, as text


@dataclass(frozen=True, slots=True)
class DatedRates:
    """`since` None: the source does not say since when."""

    since: datetime | None
    rates: Rates


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model besides its price; empty is not known. Words are separated by blanks, as in the columns."""

    name: str
    context_window: int | None = None
    max_output: int | None = None
    input_words: str = ""
    output_words: str = ""
    feature_words: str = ""
    deprecated: bool = False
    retires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One chat model of one provider. `prices` oldest first; the last one that has begun is in force."""

    provider: str
    model_id: str
    facts: Facts
    prices: tuple[DatedRates, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.model_id


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one version of a source offers. `left_out`: IDs by the reason why they are not offered for chat."""

    source: str
    version: str
    offers: tuple[Offer, ...]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
