"""Bringing the catalogue up to date: the one way in which its rows change."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.audit.record import Actor, Event, Target, hold_chain, record
from apps.catalog.difference import Change, Difference, compare, plan_prices
from apps.catalog.models import RATES, CatalogModel, Price
from apps.catalog.offers import Offer, Rates, Snapshot
from apps.catalog.queries import forget_count

TARGET = Target("catalog", "catalog", "Catalogue")
MOST_NAMED = 100  # lines of a kind in the audit event; the dated rows hold all of them


class Outdated(Exception):
    """The difference is not the one that was looked at; `difference` is what it is now."""

    def __init__(self, difference: Difference) -> None:
        super().__init__("The difference has changed since it was shown. Look at it again.")
        self.difference = difference


def preview_catalog(snapshot: Snapshot) -> Difference:
    """What update_catalog would change; changes nothing."""
    return compare(snapshot, CatalogModel.objects.prefetch_related("prices"), timezone.now())


@transaction.atomic
def update_catalog(*, snapshot: Snapshot, actor: Actor, seen: str = "") -> Difference:
    """Apply the snapshot. Rows are added and dated, never deleted, except announced prices that were taken back before they held.

    `seen` is the digest of a difference that somebody agreed to; raises Outdated when it would be another one now. Applying what is there
    already changes nothing and records nothing.
    """
    hold_chain(None)
    now = timezone.now()
    difference = compare(snapshot, CatalogModel.objects.prefetch_related("prices"), now)
    if seen and seen != difference.digest:
        raise Outdated(difference)
    if difference.is_empty:
        return difference
    prices = _add(difference)
    ended = []
    for change in difference.changed:
        _change(change)
        if change.prices:
            Price.objects.filter(pk__in=[price.pk for price in change.prices.drops]).delete()
            for price, end in change.prices.ends:
                price.valid_to = end
                ended.append(price)
            prices += [_price(change.row, snapshot, start, end, rates) for start, end, rates in change.prices.adds]
    # Ends before beginnings: at no moment may two prices of a model be open.
    Price.objects.bulk_update(ended, ["valid_to"])
    Price.objects.bulk_create(prices)
    CatalogModel.objects.filter(pk__in=[row.pk for row in difference.withdrawn]).update(withdrawn_at=now)
    transaction.on_commit(forget_count)
    record(Event.CATALOG_UPDATED, actor=actor, workspace=None, target=TARGET, changes=_told(difference), description=_summary(difference))
    return difference


def _add(difference: Difference) -> list[Price]:
    """The new models, in bulk: the first update brings hundreds. Gives their prices, to be saved with the others."""
    rows = [_row(offer) for offer in difference.added]
    CatalogModel.objects.bulk_create(rows)
    plans = [(row, plan_prices([], offer.prices, difference.now)) for row, offer in zip(rows, difference.added, strict=True)]
    return [_price(row, difference.snapshot, *dated) for row, plan in plans if plan for dated in plan.adds]


def _row(offer: Offer) -> CatalogModel:
    row = CatalogModel(provider=offer.provider, model_id=offer.model_id, **asdict(offer.facts))
    row.place()
    return row


def _change(change: Change) -> None:
    """The row's new facts; one that was withdrawn is offered again."""
    row = change.row
    for name, (_, after) in change.facts.items():
        setattr(row, name, after)
    row.withdrawn_at = None
    row.place()
    row.save()


def _price(row: CatalogModel, snapshot: Snapshot, start: datetime, end: datetime | None, rates: Rates) -> Price:
    tiers = []
    for tier in rates.tiers:
        given = {name: getattr(tier, name) for name in RATES}
        tiers.append({"above": tier.above} | {name: f"{value:f}" for name, value in given.items() if value is not None})
    return Price(
        model=row,
        source=snapshot.source,
        version=snapshot.version,
        valid_from=start,
        valid_to=end,
        tiers=tiers,
        other_rates=dict(rates.other),
        **{name: getattr(rates, name) for name in RATES},
    )


def _told(difference: Difference) -> dict[str, object]:
    """For the audit log: the version, and of each kind how many and the first ones."""
    told: dict[str, object] = {"source": difference.snapshot.source, "version": difference.snapshot.version}
    for section in difference.sections:
        more = len(section.lines) - MOST_NAMED
        told[section.title] = [f"{len(section.lines)} in all", *section.lines[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
    return told


def _summary(difference: Difference) -> str:
    prices = sum(change.prices is not None for change in difference.changed)
    return (
        f"Updated from {difference.snapshot.source} {difference.snapshot.version}: {len(difference.added)} models added, "
        f"{len(difference.changed)} changed ({prices} in price), {len(difference.withdrawn)} withdrawn"
    )
