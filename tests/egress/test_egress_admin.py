"""Egress rules in the platform admin (spec 07 B7, D7)."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM
from apps.egress.actions import allow_egress
from apps.egress.models import EgressRule
from tests.support.cast import Cast

LIST = "admin:egress_egressrule_changelist"
ADD = "admin:egress_egressrule_add"
FORM = {"host": "llm.corp", "cidr": "", "ports": "8443, 443", "scheme": "https", "reason": "vLLM", "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture
def pat(cast: Cast, client: Client) -> Client:
    client.force_login(cast.pat)
    return client


def make_rule() -> EgressRule:
    return allow_egress(actor=SYSTEM, host="llm.corp", ports=[443], scheme="https", reason="vLLM")


def test_staff_add_a_rule(pat: Client) -> None:
    """B7: through the action, so with its event."""
    assert pat.get(reverse(ADD)).status_code == 200
    assert pat.post(reverse(ADD), FORM).status_code == 302
    rule = EgressRule.objects.get()
    assert (rule.host, rule.ports, rule.created_by_name) == ("llm.corp", [443, 8443], "Pat Platform")
    event = AuditEvent.objects.get(event="egress.rule_added")
    assert (event.chain, event.actor_kind, event.actor_name, event.ip) == ("platform", "user", "Pat Platform", "127.0.0.1")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host": "localhost"}, "exact address only"),
        ({"host": "169.254.169.254"}, "No rule can open"),
        ({"ports": "http"}, "Enter port numbers"),
        ({"ports": "70000"}, "from 1 to 65535"),
        ({"cidr": "10.0.0.0/8"}, "either a host or a CIDR range"),
        ({"reason": ""}, "This field is required"),
    ],
)
def test_a_bad_rule_comes_back_with_the_reason(pat: Client, changes: dict[str, str], sentence: str) -> None:
    """B7."""
    answer = pat.post(reverse(ADD), FORM | changes)
    assert sentence in answer.text
    assert not EgressRule.objects.exists()


def test_staff_end_a_rule(pat: Client) -> None:
    """B7: from the list, audited."""
    rule = make_rule()
    assert "https to llm.corp, port 443" in pat.get(reverse(LIST)).text
    answer = pat.post(reverse(LIST), {"action": "end_rules", "_selected_action": [rule.pk]}, follow=True)
    assert "1 egress rule ended." in answer.text
    assert not EgressRule.objects.get().is_in_force
    assert AuditEvent.objects.get(event="egress.rule_ended").actor_name == "Pat Platform"


def test_a_rule_is_neither_changed_nor_deleted(pat: Client) -> None:
    """D7: no editing in place."""
    rule = make_rule()
    page = reverse("admin:egress_egressrule_change", args=[rule.pk])
    assert pat.get(page).status_code == 200
    assert pat.post(page, FORM | {"host": "other.corp"}).status_code == 403
    assert pat.post(reverse("admin:egress_egressrule_delete", args=[rule.pk]), {"post": "yes"}).status_code == 403
    assert pat.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"}).status_code in {200, 302}
    assert EgressRule.objects.get().host == "llm.corp"


def test_others_see_nothing(cast: Cast, client: Client) -> None:
    """D7: staff only."""
    client.force_login(cast.alice)
    for name in (LIST, ADD):
        answer = client.get(reverse(name))
        assert answer.status_code != 200
        assert "llm" not in answer.text
