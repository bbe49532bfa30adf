"""Egress rules in the platform admin: read, add, end. Nothing is edited in place, and everything goes through the actions (spec 07 D7)."""

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.audit.record import Actor
from apps.core.client_ip import client_ip
from apps.egress.actions import allow_egress, revoke_egress
from apps.egress.models import EgressRule
from apps.egress.terms import read_terms

if TYPE_CHECKING:  # generic for the type checker only
    RuleModelForm = forms.ModelForm[EgressRule]
    BaseRuleAdmin = admin.ModelAdmin[EgressRule]
else:
    RuleModelForm, BaseRuleAdmin = forms.ModelForm, admin.ModelAdmin


class AddRuleForm(RuleModelForm):
    ports = forms.CharField(help_text="One or more port numbers, separated by commas.")

    class Meta:
        model = EgressRule
        fields = ["host", "cidr", "ports", "scheme", "reason", "expires_at"]

    def clean_ports(self) -> list[int]:
        texts = re.split(r"[,\s]+", self.cleaned_data["ports"].strip())
        if not all(re.fullmatch(r"[0-9]{1,5}", text) for text in texts):
            raise ValidationError("Enter port numbers, separated by commas.")
        return [int(text) for text in texts]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            read_terms(**{name: data[name] for name in self.Meta.fields})
        return data


@admin.register(EgressRule)
class EgressRuleAdmin(BaseRuleAdmin):
    list_display = ["__str__", "reason", "created_by_name", "created_at", "expires_at", "ended_at", "in_force"]
    list_filter = ["scheme", "ended_at"]
    search_fields = ["host", "cidr", "reason"]
    actions = ["end_rules"]
    form = AddRuleForm

    @admin.display(boolean=True, description="In force")
    def in_force(self, rule: EgressRule) -> bool:
        return rule.is_in_force

    def save_model(self, request: HttpRequest, obj: EgressRule, form: Any, change: bool) -> None:
        made = allow_egress(actor=_actor(request), **{name: form.cleaned_data[name] for name in AddRuleForm.Meta.fields})
        obj.pk, obj.host, obj.cidr, obj.ports = made.pk, made.host, made.cidr, made.ports

    @admin.action(description="End the selected rules now", permissions=["add"])
    def end_rules(self, request: HttpRequest, queryset: QuerySet[EgressRule]) -> None:
        chosen = [rule for rule in queryset if rule.ended_at is None]
        for rule in chosen:
            revoke_egress(rule, actor=_actor(request))
        messages.success(request, f"{len(chosen)} egress rule{'' if len(chosen) == 1 else 's'} ended.")

    def has_change_permission(self, request: HttpRequest, obj: EgressRule | None = None) -> bool:
        return False  # a rule is ended and another one added, so that the log says what was open when

    def has_delete_permission(self, request: HttpRequest, obj: EgressRule | None = None) -> bool:
        return False


def _actor(request: HttpRequest) -> Actor:
    """The signed-in member of staff. `accounts` has the same for the console, but lies above this app."""
    return Actor(
        kind="user",
        id=str(request.user.pk),
        name=getattr(request.user, "name", "") or request.user.get_username(),
        ip=client_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:512],
        request_id=getattr(request, "request_id", ""),
    )
