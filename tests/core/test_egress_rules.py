"""Spec 07 B7, B8: what egress rules open, and what they never do."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest

from apps.core.egress import EgressRule, check_addresses, check_url
from apps.core.endpoint import parse_url
from apps.core.outbound import OutboundError

LATER = datetime.now(UTC) + timedelta(hours=1)
EARLIER = datetime.now(UTC) - timedelta(seconds=1)


def rule(where: str, *ports: int, scheme: str = "any", expires_at: datetime | None = None) -> EgressRule:
    target = {"cidr": where} if "/" in where else {"host": where}
    return EgressRule(id="r", ports=ports or (80, 443), scheme=scheme, expires_at=expires_at, **target)


def verdict(url: str, addresses: str, *rules: EgressRule) -> str:
    """ "allowed", or the reason of the refusal; `addresses` is what the host resolves to, "" for an address in the URL."""
    try:
        endpoint = check_url(url, rules)
        check_addresses(endpoint, [ipaddress.ip_address(text) for text in addresses.split()], rules)
    except OutboundError as refusal:
        return refusal.reason or refusal.code
    return "allowed"


TABLE = [
    # URL, resolves to, rules, verdict
    # -- without rules: https to public addresses, nothing else
    ("https://a.example/", "8.8.8.8", [], "allowed"),
    ("https://a.example:8443/", "8.8.8.8 2606:4700::1111", [], "allowed"),
    ("http://a.example/", "8.8.8.8", [], "plain_http"),
    ("http://8.8.8.8/", "", [], "plain_http"),
    ("https://a.example/", "10.0.0.1", [], "private"),
    ("https://a.example/", "8.8.8.8 10.0.0.1", [], "private"),  # one bad answer is enough (B2)
    ("https://10.0.0.1/", "", [], "private"),
    ("https://127.0.0.1/", "", [], "loopback"),
    ("https://[::1]/", "", [], "loopback"),
    ("https://localhost/", "", [], "loopback"),
    ("https://a.localhost/", "", [], "loopback"),
    ("https://metadata.google.internal/", "8.8.8.8", [], "metadata"),
    ("https://[fe80::1]/", "", [], "link_local"),
    # -- plain http
    ("http://a.example/", "8.8.8.8", [rule("a.example", 80, scheme="http")], "allowed"),
    ("http://a.example/", "8.8.8.8", [rule("a.example", 80, scheme="any")], "allowed"),
    ("http://a.example/", "8.8.8.8", [rule("8.8.8.0/24", 80, scheme="http")], "allowed"),
    ("http://a.example/", "8.8.4.4", [rule("8.8.8.0/24", 80, scheme="http")], "plain_http"),
    ("http://a.example/", "8.8.8.8", [rule("a.example", 80, scheme="https")], "plain_http"),
    ("http://a.example/", "8.8.8.8", [rule("a.example", 8080, scheme="http")], "plain_http"),
    ("http://b.a.example/", "8.8.8.8", [rule("a.example", 80)], "plain_http"),  # a name is that name, not its children
    # -- private addresses
    ("https://llm.corp/", "10.0.0.1", [rule("llm.corp", 443)], "allowed"),
    ("https://llm.corp/", "10.0.0.1 fd12::1", [rule("llm.corp", 443)], "allowed"),
    ("https://llm.corp/", "10.0.0.1", [rule("10.0.0.0/8", 443)], "allowed"),
    ("https://llm.corp/", "10.0.0.1 192.168.0.1", [rule("10.0.0.0/8", 443)], "private"),
    ("https://10.0.0.1/", "", [rule("10.0.0.1", 443)], "allowed"),
    ("https://10.0.0.2/", "", [rule("10.0.0.1", 443)], "private"),
    ("https://10.0.0.1:8443/", "", [rule("10.0.0.1", 443)], "private"),
    ("http://10.0.0.1:443/", "", [rule("10.0.0.1", 443, scheme="https")], "private"),
    ("https://[fd12::1]/", "", [rule("fd12::/16", 443)], "allowed"),
    # -- expiry
    ("https://10.0.0.1/", "", [rule("10.0.0.1", 443, expires_at=LATER)], "allowed"),
    ("https://10.0.0.1/", "", [rule("10.0.0.1", 443, expires_at=EARLIER)], "private"),
    # -- loopback needs the exact address and port
    ("http://127.0.0.1:8901/", "", [rule("127.0.0.1", 8901)], "allowed"),
    ("http://127.0.0.1:8901/", "", [rule("127.0.0.1/32", 8901)], "allowed"),
    ("http://127.0.0.1:8902/", "", [rule("127.0.0.1", 8901)], "loopback"),
    ("http://127.0.0.2:8901/", "", [rule("127.0.0.1", 8901)], "loopback"),
    ("http://127.0.0.1:8901/", "", [rule("127.0.0.0/8", 8901)], "loopback"),
    ("http://127.0.0.1:8901/", "", [rule("0.0.0.0/0", 8901)], "loopback"),
    ("http://[::1]:8901/", "", [rule("::1", 8901)], "allowed"),
    ("http://[::1]:8901/", "", [rule("::1/128", 8901)], "allowed"),
    ("http://[::1]:8901/", "", [rule("::/0", 8901)], "loopback"),
    ("http://[::1]:8901/", "", [rule("127.0.0.1", 8901)], "loopback"),
    # a rule for a name never opens loopback, not even for localhost; a name may lead to an address that has its own rule
    ("http://localhost:8901/", "127.0.0.1", [rule("localhost", 8901)], "loopback"),
    ("http://localhost:8901/", "127.0.0.1", [rule("127.0.0.1", 8901)], "allowed"),
    ("http://localhost:8901/", "127.0.0.1 ::1", [rule("127.0.0.1", 8901)], "loopback"),
    ("http://localhost:8901/", "127.0.0.1 ::1", [rule("127.0.0.1", 8901), rule("::1", 8901)], "allowed"),
    ("https://llm.corp/", "127.0.0.1", [rule("llm.corp", 443)], "loopback"),
    # -- link-local likewise
    ("https://169.254.7.7/", "", [rule("169.254.0.0/16", 443)], "link_local"),
    ("https://llm.corp/", "169.254.7.7", [rule("llm.corp", 443)], "link_local"),
    ("https://169.254.7.7/", "", [rule("169.254.7.7", 443)], "allowed"),
    # -- no rule at all opens these
    ("http://169.254.169.254/", "", [rule("169.254.169.254", 80)], "metadata"),
    ("http://a.example/", "169.254.169.254", [rule("a.example", 80), rule("0.0.0.0/0", 80)], "metadata"),
    ("http://168.63.129.16/", "", [rule("168.63.129.16", 80)], "metadata"),
    ("http://100.100.100.200/", "", [rule("100.64.0.0/10", 80)], "metadata"),
    ("http://[fd00:ec2::254]/", "", [rule("fd00::/8", 80)], "metadata"),
    ("http://metadata.google.internal/", "10.0.0.1", [rule("metadata.google.internal", 80)], "metadata"),
    ("http://0.0.0.0/", "", [rule("0.0.0.0", 80), rule("0.0.0.0/0", 80)], "unspecified"),
    ("http://[::]/", "", [rule("::", 80)], "unspecified"),
    ("http://224.0.0.1/", "", [rule("224.0.0.1", 80)], "multicast"),
    ("http://255.255.255.255/", "", [rule("255.255.255.255", 80)], "reserved"),
    ("http://[::ffff:127.0.0.1]:8901/", "", [rule("127.0.0.1", 8901), rule("::ffff:127.0.0.1", 8901)], "embedded"),
    ("http://[::ffff:10.0.0.1]/", "", [rule("10.0.0.0/8", 80), rule("::/0", 80)], "embedded"),
    ("http://[64:ff9b::10.0.0.1]/", "", [rule("64:ff9b::/96", 80)], "embedded"),
    ("http://[2002:7f00:1::]/", "", [rule("2002::/16", 80)], "embedded"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "addresses", "rules", "expected"), TABLE)
def test_what_rules_open(url: str, addresses: str, rules: list[EgressRule], expected: str) -> None:
    """B7."""
    assert verdict(url, addresses, *rules) == expected


def test_a_form_lets_pass_what_only_dns_can_tell() -> None:
    """B7: plain http to a name is not refused by a form where a range rule may cover its address; the call checks."""
    assert check_url("http://llm.corp/", [rule("10.0.0.0/8", 80)]).host == "llm.corp"


def test_a_refusal_names_the_class_and_not_the_address() -> None:
    """B8."""
    with pytest.raises(OutboundError) as refusal:
        check_addresses(parse_url("https://llm.corp/"), [ipaddress.ip_address("10.20.30.40")], [])
    text = refusal.value.message + refusal.value.hint + repr(refusal.value) + refusal.value.reason
    assert "10.20" not in text
    assert refusal.value.message == "The URL is not allowed: llm.corp leads to an address that is not public."
    assert "Ask platform staff for an egress rule for llm.corp port 443." in refusal.value.hint


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"host": "a", "cidr": "10.0.0.0/8"},
        {"host": "a", "scheme": "ftp"},
        {"host": "a", "ports": ()},
        {"host": "a", "ports": (0,)},
        {"host": "a", "ports": (65536,)},
        {"cidr": "10.0.0.1/8"},
        {"cidr": "nonsense"},
    ],
)
def test_parts_that_make_no_rule_are_refused(parts: dict[str, str]) -> None:
    """B7: host or CIDR, ports, scheme."""
    with pytest.raises(ValueError, match=r"\w"):
        EgressRule(**{"id": "r", "ports": (443,), **parts})
