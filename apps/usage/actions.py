"""What budgets leave in the audit log besides being set."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from apps.accounts.budgets import CURRENCY
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.record import Actor, Target, chain_of, hold_chain, record
from apps.usage.accounts import Account, Kind, Period

TYPES = {Kind.KEY: "accounts.apikey", Kind.CONNECTION: "connections.connection"}


@dataclass(frozen=True, slots=True)
class Reached:
    """A budget that lets no call through any more, or would not if it did more than warn. `spent` as far as it was known then."""

    account: Account
    period: Period
    spent: Decimal


@transaction.atomic
def note_reached(reached: Reached, *, actor: Actor) -> None:
    """Once for each amount in each period, whichever processes notice it."""
    account, period = reached.account, reached.period
    hold_chain(account.workspace_id)
    target = Target(TYPES[account.kind], account.id, account.name)
    about = {"period": period.word, "begins": period.start.date(), "budget": period.amount}
    said = {name: str(value) for name, value in about.items()}
    before = AuditEvent.objects.filter(chain=chain_of(account.workspace_id), target_type=target.type, target_id=target.id)
    noted = before.filter(event=Event.BUDGET_REACHED.value, created_at__gte=period.start).values_list("changes", flat=True)
    if any({name: each.get(name, {}).get("after") for name in said} == said for each in noted):
        return
    effect = "Calls go on: it only warns." if account.budget.budget_only_warns else "Calls that could cost more are refused."
    record(
        Event.BUDGET_REACHED,
        actor=actor,
        workspace=account.workspace_id,
        target=target,
        changes={**about, "spent": reached.spent, "currency": CURRENCY},
        description=f"{account.words} has reached its budget per {period.word}. {effect}",
    )
