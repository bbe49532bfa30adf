"""What an update would change: the offers of a snapshot against the rows. Computes, changes nothing."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from apps.catalog.models import RATES, CatalogModel, Price
from apps.catalog.offers import DatedRates, Offer, Rates, Snapshot, Tier


@dataclass(frozen=True, slots=True)
class PricePlan:
    """How a model's price rows become what the source says. `before` and `after`: the rates in force now."""

    before: Rates | None
    after: Rates | None
    ends: tuple[tuple[Price, datetime | None], ...] = ()  # rows whose end moves
    adds: tuple[tuple[datetime, datetime | None, Rates], ...] = ()
    drops: tuple[Price, ...] = ()  # announced prices that never came into force

    @property
    def announced(self) -> tuple[tuple[datetime, Rates], ...]:
        """New prices that are still to come."""
        return tuple((start, rates) for start, _, rates in self.adds if rates != self.after)


@dataclass(frozen=True, slots=True)
class Change:
    """A row that the source knows otherwise; `facts` by column, before and after."""

    row: CatalogModel
    offer: Offer
    facts: Mapping[str, tuple[object, object]]
    prices: PricePlan | None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that an update would do."""

    snapshot: Snapshot
    now: datetime
    added: tuple[Offer, ...]
    changed: tuple[Change, ...]
    withdrawn: tuple[CatalogModel, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.withdrawn)

    @property
    def sections(self) -> list[Section]:
        """The difference as people read it; only what there is."""
        sections = [
            Section("New models", tuple(f"{label(offer)}: {described(rates_at(offer.prices, self.now))}" for offer in self.added)),
            Section("Changed prices", tuple(line for change in self.changed for line in price_lines(change))),
            Section("Changed facts", tuple(line for change in self.changed for line in fact_lines(change))),
            Section("Offered again", tuple(label(change.offer) for change in self.changed if change.returned)),
            Section("Withdrawn (kept, and no longer offered)", tuple(row_label(row) for row in self.withdrawn)),
        ]
        return [section for section in sections if section.lines]

    @property
    def digest(self) -> str:
        """Tells whether the difference that somebody looked at is still the one that would be applied."""
        text = "\n".join([self.snapshot.version, *(line for section in self.sections for line in (section.title, *section.lines))])
        return hashlib.sha256(text.encode()).hexdigest()


def compare(snapshot: Snapshot, rows: Iterable[CatalogModel], now: datetime) -> Difference:
    """What the snapshot changes. `rows`: the whole catalogue with its prices prefetched."""
    there = {(row.provider, row.model_id): row for row in rows}
    offered = {offer.key: offer for offer in snapshot.offers}
    changes = (change_of(there[key], offer, snapshot.source, now) for key, offer in offered.items() if key in there)
    return Difference(
        snapshot,
        now,
        added=tuple(offer for key, offer in offered.items() if key not in there),
        changed=tuple(change for change in changes if change),
        withdrawn=tuple(row for key, row in there.items() if key not in offered and row.withdrawn_at is None),
    )


def change_of(row: CatalogModel, offer: Offer, source: str, now: datetime) -> Change | None:
    """None for a row that is as the source says."""
    wanted = asdict(offer.facts)
    facts = {name: (getattr(row, name), value) for name, value in wanted.items() if getattr(row, name) != value}
    plan = plan_prices([price for price in row.prices.all() if price.source == source], offer.prices, now)
    returned = row.withdrawn_at is not None
    return Change(row, offer, facts, plan, returned) if facts or plan or returned else None


def plan_prices(rows: Sequence[Price], wanted: Sequence[DatedRates], now: datetime) -> PricePlan | None:
    """How to get from the rows to the wanted prices; None when they agree. The past stays as it is."""
    in_force = next((row for row in rows if row.valid_from <= now and (row.valid_to is None or row.valid_to > now)), None)
    before = rates_of(in_force) if in_force else None
    after = rates_at(wanted, now)
    begins = start_of(wanted, now, in_force, rows)
    coming = [(dated.since, dated.rates) for dated in wanted if dated.since and dated.since > now]
    line = [*([(begins, after)] if after else []), *coming]
    kept: set[int] = set()
    ends: list[tuple[Price, datetime | None]] = []
    adds: list[tuple[datetime, datetime | None, Rates]] = []
    for index, (start, rates) in enumerate(line):
        end = line[index + 1][0] if index + 1 < len(line) else None
        same = next((row for row in rows if row.valid_from == start and rates_of(row) == rates), None)
        if same is None:
            adds.append((start, end, rates))
            continue
        kept.add(same.pk)
        if same.valid_to != end:
            ends.append((same, end))
    if in_force and in_force.pk not in kept:
        ends.append((in_force, begins))
    drops = tuple(row for row in rows if row.valid_from > now and row.pk not in kept)
    plan = PricePlan(before, after, tuple(ends), tuple(adds), drops)
    return plan if plan.ends or plan.adds or plan.drops else None


def start_of(wanted: Sequence[DatedRates], now: datetime, in_force: Price | None, rows: Sequence[Price]) -> datetime:
    """Since when the rates of now hold: as long as they are known to, at the source's date if it gives one, else from now on."""
    current = current_of(wanted, now)
    if in_force and current and rates_of(in_force) == current.rates:
        return in_force.valid_from
    dated = current.since if current else None
    latest = max((row.valid_from for row in rows if row.valid_from <= now), default=None)
    return dated if dated and (latest is None or dated > latest) else now


def current_of(wanted: Sequence[DatedRates], now: datetime) -> DatedRates | None:
    return next((dated for dated in reversed(wanted) if dated.since is None or dated.since <= now), None)


def rates_at(wanted: Sequence[DatedRates], now: datetime) -> Rates | None:
    """The rates in force; None before the first of them, and without any."""
    current = current_of(wanted, now)
    return current.rates if current else None


def rates_of(price: Price) -> Rates:
    """A row as a value."""
    tiers = tuple(Tier(tier["above"], *(amount(tier.get(name)) for name in RATES)) for tier in price.tiers)
    return Rates(price.input, price.output, price.cached_read, price.cached_write, tiers, price.other_rates)


def amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def label(offer: Offer) -> str:
    return f"{offer.provider} {offer.model_id} ({offer.facts.name})"


def row_label(row: CatalogModel) -> str:
    return f"{row.provider} {row.model_id} ({row.name})"


def price_lines(change: Change) -> Iterator[str]:
    """Old and new price, then those that are announced."""
    plan = change.prices
    if plan is None:
        return
    if plan.before != plan.after:
        yield f"{label(change.offer)}: {described(plan.before)} -> {described(plan.after)}"
    for start, rates in plan.announced:
        yield f"{label(change.offer)}: {described(rates)} from {start:%Y-%m-%d}"
    for price in plan.drops:
        yield f"{label(change.offer)}: the price announced for {price.valid_from:%Y-%m-%d} is taken back"


FACT_WORDS = {
    "input_words": "input modalities",
    "output_words": "output modalities",
    "feature_words": "features",
    "retires_on": "retirement date",
}


def fact_lines(change: Change) -> Iterator[str]:
    """One line for all that is new about a model."""
    parts = [f"{FACT_WORDS.get(name, name.replace('_', ' '))} {said(old)} -> {said(new)}" for name, (old, new) in change.facts.items()]
    if parts:
        yield f"{label(change.offer)}: {'; '.join(parts)}"


def said(value: object) -> str:
    """A fact as it reads."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value in (None, "") else f"{value:,}" if isinstance(value, int) else str(value)


def described(rates: Rates | None) -> str:
    """As "USD 3 in, 15 out per million tokens, 0.3 cached read, more above 200,000 tokens"."""
    if rates is None:
        return "price not known"
    parts = [f"USD {plain(rates.input)} in, {plain(rates.output)} out per million tokens"]
    parts += [f"{plain(value)} cached {word}" for value, word in ((rates.cached_read, "read"), (rates.cached_write, "written")) if value]
    parts += [f"{plain(tier.input)} in, {plain(tier.output)} out above {tier.above:,} input tokens" for tier in rates.tiers]
    parts += [f"{name} {value}" for name, value in rates.other.items()]
    return ", ".join(parts)


def plain(value: Decimal | None) -> str:
    """A decimal without the zeros that a column adds."""
    return "?" if value is None else f"{value.normalize():f}"
