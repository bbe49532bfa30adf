"""Reads of egress rules."""

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.egress.models import EgressRule


def rules_in_force() -> QuerySet[EgressRule]:
    """Rules that are neither ended nor expired, newest first."""
    return EgressRule.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), ended_at=None)
