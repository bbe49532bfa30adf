"""How far budgets are spent, for the pages of what has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from apps.usage.accounts import Account, Period, periods_of, spent_since

WARN_AT = 80  # percent


@dataclass(frozen=True, slots=True)
class Meter:
    """A budget in its present period. `spent` is what is recorded: calls under way, and those of no known price, are not in it."""

    period: Period
    spent: Decimal

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 is spent."""
        return int(100 * self.spent / self.period.amount)

    @property
    def is_spent(self) -> bool:
        return self.spent >= self.period.amount

    @property
    def warns(self) -> bool:
        return self.percent >= WARN_AT


@dataclass(frozen=True, slots=True)
class Metered:
    """An account with its meters."""

    account: Account
    meters: Sequence[Meter]

    @property
    def spent(self) -> Sequence[Meter]:
        return [meter for meter in self.meters if meter.is_spent]


def metered(accounts: Sequence[Account]) -> list[Metered]:
    """Accounts of one kind and workspace. One query or two for each period that any of them has."""
    now = timezone.now().timestamp()
    periods = {account.id: list(periods_of(account.budget, now)) for account in accounts}
    starts = {period.start for each in periods.values() for period in each}
    ids = list(periods)
    sums = {start: spent_since(accounts[0].kind, ids, accounts[0].workspace_id, start) for start in sorted(starts)}
    return [
        Metered(account, [Meter(period, sums[period.start].get(account.id, Decimal(0))) for period in periods[account.id]])
        for account in accounts
    ]
