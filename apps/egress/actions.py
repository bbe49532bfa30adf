"""Changes to egress rules. Both are platform events (spec 07 B7)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.audit.record import Actor, Event, record
from apps.egress import rules
from apps.egress.models import EgressRule
from apps.egress.queries import rules_in_force
from apps.egress.terms import read_terms


@transaction.atomic
def allow_egress(
    *,
    actor: Actor,
    ports: Sequence[int],
    scheme: str,
    reason: str,
    host: str = "",
    cidr: str = "",
    expires_at: datetime | None = None,
) -> EgressRule:
    """Add a rule for a host or a CIDR range. One that is in force with the same terms is returned as it is, without an event.

    Raises ValidationError with a sentence per field.
    """
    terms = read_terms(host=host, cidr=cidr, ports=ports, scheme=scheme, reason=reason, expires_at=expires_at)
    there = rules_in_force().filter(host=terms.host, cidr=terms.cidr, ports=terms.ports, scheme=terms.scheme, expires_at=terms.expires_at)
    if existing := there.first():
        return existing
    rule = EgressRule.objects.create(
        host=terms.host,
        cidr=terms.cidr,
        ports=terms.ports,
        scheme=terms.scheme,
        reason=terms.reason,
        expires_at=terms.expires_at,
        created_by_name=actor.name[:200],
    )
    transaction.on_commit(rules.forget)
    record(Event.EGRESS_RULE_ADDED, actor=actor, workspace=None, target=rule, changes=_terms_of(rule), description=f"Allowed {rule}")
    return rule


@transaction.atomic
def revoke_egress(rule: EgressRule, *, actor: Actor) -> None:
    """End a rule now. Ending one that has ended already changes nothing."""
    locked = EgressRule.objects.select_for_update().get(pk=rule.pk)
    if locked.ended_at is not None:
        return
    locked.ended_at = rule.ended_at = timezone.now()
    locked.save(update_fields=["ended_at"])
    transaction.on_commit(rules.forget)
    record(Event.EGRESS_RULE_ENDED, actor=actor, workspace=None, target=locked, changes=_terms_of(locked), description=f"Ended {locked}")


def _terms_of(rule: EgressRule) -> dict[str, object]:
    return {
        "host": rule.host,
        "cidr": rule.cidr,
        "ports": rule.ports,
        "scheme": rule.scheme,
        "reason": rule.reason,
        "expires_at": rule.expires_at.isoformat() if rule.expires_at else None,
    }
