"""Egress rules as staff make and end them (spec 07 B7, D7, E): by action and command."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.audit.record import SYSTEM, Actor
from apps.core.http import OutboundError, check_url
from apps.egress import rules
from apps.egress.actions import allow_egress, revoke_egress
from apps.egress.models import EgressRule

pytestmark = pytest.mark.django_db

PAT = Actor("user", "7", "Pat Platform", ip="192.0.2.7")
SOUND: dict[str, Any] = {"host": "llm.corp", "ports": [443], "scheme": "https", "reason": "vLLM of the data team"}


def allow(**changes: Any) -> EgressRule:
    return allow_egress(actor=PAT, **{**SOUND, **changes})


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(chain="platform").order_by("sequence"))


def test_a_rule_opens_what_it_names_and_is_audited() -> None:
    """B7, E: one event in the platform's chain, with the terms."""
    with pytest.raises(OutboundError):
        check_url("https://10.1.2.3/", rules.current())
    rule = allow(host="", cidr="10.1.0.0/16", ports=[8443, 443, 443])
    assert check_url("https://10.1.2.3/", rules.current()).host == "10.1.2.3"
    (event,) = events()
    assert (event.event, event.actor_name, event.ip) == ("egress.rule_added", "Pat Platform", "192.0.2.7")
    assert (event.target_type, event.target_id, event.target_name) == ("egress.egressrule", str(rule.pk), str(rule))
    assert "vLLM of the data team" in str(event.changes)
    assert str(rule) == "https to 10.1.0.0/16, ports 443, 8443"
    assert rule.created_by_name == "Pat Platform"


def test_an_ended_rule_opens_nothing_and_is_audited_once() -> None:
    """B7, E."""
    rule = allow(host="10.1.2.3")
    revoke_egress(rule, actor=PAT)
    revoke_egress(rule, actor=PAT)
    with pytest.raises(OutboundError):
        check_url("https://10.1.2.3/", rules.current())
    assert [event.event for event in events()] == ["egress.rule_added", "egress.rule_ended"]
    assert EgressRule.objects.get().ended_at is not None


def test_an_expired_rule_opens_nothing() -> None:
    """B7: even one that is still cached, as each use looks at the clock."""
    rule = allow(host="10.1.2.3", expires_at=datetime.now(UTC) + timedelta(hours=1))
    held = rules.current()
    assert len(held) == 1
    EgressRule.objects.filter(pk=rule.pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert rules.current() == ()


def test_the_same_rule_again_is_the_same_rule() -> None:
    """Automation may say it twice: no second row, no second event."""
    assert allow().pk == allow(host="LLM.corp", ports=[443, 443]).pk
    assert len(events()) == 1
    assert allow(ports=[444]).pk != allow(scheme="any").pk
    assert len(events()) == 3


def test_a_rule_that_was_ended_can_be_made_again() -> None:
    """B7."""
    first = allow()
    revoke_egress(first, actor=PAT)
    assert allow().pk != first.pk


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"host": ""}, "host", "either"),
        ({"cidr": "10.0.0.0/8"}, "host", "either"),
        ({"host": "https://llm.corp/"}, "host", "alone"),
        ({"host": "llm.corp:8443"}, "host", "alone"),
        ({"host": "llm corp"}, "host", "blank"),
        ({"host": "2130706433"}, "host", "IPv4"),
        ({"host": "127.1"}, "host", "IPv4"),
        ({"host": "fe80::1%eth0"}, "host", "zone"),
        ({"host": "a:b:c"}, "host", "IPv6"),
        ({"host": "localhost"}, "host", "127.0.0.1"),
        ({"host": "metadata.google.internal"}, "host", "metadata"),
        ({"host": "169.254.169.254"}, "host", "metadata"),
        ({"host": "168.63.129.16"}, "host", "metadata"),
        ({"host": "0.0.0.0"}, "host", "unspecified"),
        ({"host": "::ffff:127.0.0.1"}, "host", "IPv6 form"),
        ({"host": "224.0.0.1"}, "host", "multicast"),
        ({"host": "", "cidr": "nonsense"}, "cidr", "CIDR"),
        ({"host": "", "cidr": "10.0.0.1/8"}, "cidr", "CIDR"),
        ({"host": "", "cidr": "127.0.0.0/8"}, "cidr", "exact"),
        ({"host": "", "cidr": "fe80::/10"}, "cidr", "exact"),
        ({"host": "", "cidr": "169.254.169.254/32"}, "cidr", "metadata"),
        ({"ports": []}, "ports", "65535"),
        ({"ports": [0]}, "ports", "65535"),
        ({"ports": [65536]}, "ports", "65535"),
        ({"scheme": "ftp"}, "scheme", "http"),
        ({"reason": "  "}, "reason", "why"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at", "expired"),
    ],
)
def test_a_rule_that_could_not_work_is_refused_with_the_reason(changes: dict[str, Any], field: str, word: str) -> None:
    """B7: broad rules never open loopback, link-local or metadata, and nobody shall think so."""
    with pytest.raises(ValidationError) as refusal:
        allow(**changes)
    assert list(refusal.value.message_dict) == [field]
    assert word in refusal.value.message_dict[field][0]
    assert events() == []


@pytest.mark.parametrize("where", [{"host": "127.0.0.1"}, {"host": "::1"}, {"host": "", "cidr": "127.0.0.1/32"}, {"host": "169.254.7.7"}])
def test_exact_addresses_are_rules(where: dict[str, str]) -> None:
    """B7: loopback by exact address and port, as the demo does."""
    assert allow(**where).is_in_force


@pytest.mark.parametrize(
    "row",
    [
        {"host": "", "cidr": ""},
        {"host": "a", "cidr": "10.0.0.0/8"},
        {"host": "a", "scheme": "ftp"},
        {"host": "a", "reason": ""},
    ],
)
def test_the_database_refuses_rows_that_are_no_rules(row: dict[str, str]) -> None:
    """B7: held by constraints, whatever code writes."""
    with pytest.raises(IntegrityError), transaction.atomic():
        EgressRule.objects.create(**{"ports": [1], "scheme": "any", "reason": "x", "created_by_name": "x", **row})


def test_a_bad_row_opens_nothing_and_stops_no_other_rule() -> None:
    """B7: fails closed."""
    EgressRule.objects.create(cidr="nonsense", ports=[443], scheme="any", reason="by hand", created_by_name="x")
    EgressRule.objects.create(host="a", ports="443", scheme="any", reason="by hand", created_by_name="x")
    allow(host="10.1.2.3")
    assert [rule.host for rule in rules.current()] == ["10.1.2.3"]


def test_the_command_says_what_it_did() -> None:
    """B7."""
    out = StringIO()
    call_command(
        "allow_egress", host="127.0.0.1", port=[8901], scheme="http", reason="demo provider", expires="2099-01-31T18:00+01:00", stdout=out
    )
    rule = EgressRule.objects.get()
    assert out.getvalue() == f"Allowed: http to 127.0.0.1, port 8901, until 31 Jan 2099 17:00 UTC (rule {rule.pk}).\n"
    assert rule.created_by_name == SYSTEM.name
    assert [event.actor_kind for event in events()] == ["system"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--host", "localhost"], "127.0.0.1"),
        (["--cidr", "127.0.0.0/8"], "exact"),
        (["--host", "a", "--cidr", "10.0.0.0/8"], "not allowed with"),
        ([], "required"),
        (["--host", "a", "--expires", "tomorrow"], "date"),
        (["--host", "a", "--expires", "2020-01-01"], "expired"),
    ],
)
def test_the_command_refuses_with_the_reason(arguments: list[str], word: str) -> None:
    """B7."""
    with pytest.raises(CommandError, match=word):
        call_command("allow_egress", *arguments, "--port", "8901", "--scheme", "any", "--reason", "test")
    assert not EgressRule.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rules_are_held_for_a_moment_and_dropped_on_change(django_assert_num_queries: Any) -> None:
    """B4, B7: the hot path does not ask the database each time; a change in this process counts at once."""
    rules.forget()
    assert rules.current() == ()
    with django_assert_num_queries(0):
        rules.current()
    rule = allow(host="10.1.2.3")
    assert len(rules.current()) == 1
    revoke_egress(rule, actor=PAT)
    assert rules.current() == ()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_opens_nothing() -> None:
    """E: rule and event stand or fall together."""
    rules.forget()
    with transaction.atomic():
        allow(host="10.1.2.3")
        transaction.set_rollback(True)
    assert rules.current() == ()
    assert events() == []
    assert not connection.in_atomic_block
