"""Egress rules: the exceptions that platform staff make to what the product may connect to (spec 07 B7).

Rows are made by `allow_egress`, ended by `revoke_egress`, and never changed or deleted otherwise: a rule that was in force stays readable.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.core.text import visible


class Scheme(models.TextChoices):
    HTTP = "http", "http"
    HTTPS = "https", "https"
    ANY = "any", "http and https"


class EgressRule(models.Model):
    """One exception: where (a host or a CIDR range), which ports, which scheme, why, until when."""

    host = models.CharField(max_length=253, blank=True, help_text="A name or an address, such as llm.corp.example or 127.0.0.1.")
    cidr = models.CharField("CIDR range", max_length=64, blank=True, help_text="Instead of a host: addresses such as 10.20.0.0/16.")
    ports = models.JSONField(help_text="Port numbers.")
    scheme = models.CharField(max_length=5, choices=Scheme)
    reason = models.CharField(max_length=500, help_text="Why it is needed, for whoever reviews the rules.")
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty: until it is ended.")
    created_by_name = models.CharField("added by", max_length=200)
    created_at = models.DateTimeField("added", default=timezone.now)
    ended_at = models.DateTimeField("ended", null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=(Q(host="") & ~Q(cidr="")) | (~Q(host="") & Q(cidr="")), name="egress_rule_host_or_cidr"),
            models.CheckConstraint(condition=Q(scheme__in=Scheme.values), name="egress_rule_scheme"),
            models.CheckConstraint(condition=~Q(reason=""), name="egress_rule_has_reason"),
        ]

    def __str__(self) -> str:
        ports = ", ".join(str(port) for port in self.ports)
        word = "port" if len(self.ports) == 1 else "ports"
        return visible(f"{self.get_scheme_display()} to {self.host or self.cidr}, {word} {ports}")

    @property
    def is_in_force(self) -> bool:
        return self.ended_at is None and (self.expires_at is None or timezone.now() < self.expires_at)
