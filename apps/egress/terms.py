"""What makes a sound egress rule. A rule that could never open anything is refused with the reason, so that nobody relies on it."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.core.addresses import Address, AddressKind, kind_of
from apps.core.egress import EXACT_ONLY, METADATA_NAMES, RULE_CAN_OPEN
from apps.core.endpoint import parse_url
from apps.core.outbound import OutboundError
from apps.egress.models import Scheme

MAX_PORTS = 20
MAX_REASON = 500  # characters


@dataclass(frozen=True, slots=True)
class Terms:
    """The parts of a rule, checked and in one spelling."""

    host: str
    cidr: str
    ports: list[int]
    scheme: str
    reason: str
    expires_at: datetime | None


def read_terms(*, host: str, cidr: str, ports: Sequence[int], scheme: str, reason: str, expires_at: datetime | None) -> Terms:
    """Check the parts of a rule. Raises ValidationError with a sentence at the field that is wrong."""
    host, cidr, reason = host.strip(), cidr.strip(), reason.strip()
    if bool(host) == bool(cidr):
        raise ValidationError({"host": "Enter either a host or a CIDR range."})
    if scheme not in Scheme.values:
        raise ValidationError({"scheme": "The scheme is http, https or any."})
    if not reason or len(reason) > MAX_REASON:
        raise ValidationError({"reason": f"Say why the rule is needed, in at most {MAX_REASON} characters."})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": "The rule would have expired already."})
    return Terms(_read_host(host), _read_cidr(cidr), _read_ports(ports), scheme, reason, expires_at)


def _read_ports(ports: Sequence[int]) -> list[int]:
    if not ports or len(ports) > MAX_PORTS or not all(1 <= port <= 65535 for port in ports):
        raise ValidationError({"ports": f"Enter 1 to {MAX_PORTS} ports, each from 1 to 65535."})
    return sorted(set(ports))


def _read_host(text: str) -> str:
    """A host as URLs spell it after parsing, or "" for none."""
    if not text:
        return ""
    is_ipv6 = text.count(":") > 1
    if re.search(r"[/?]", text) or (":" in text and not is_ipv6):
        raise ValidationError({"host": "Enter the host alone, without scheme, port or path."})
    try:
        endpoint = parse_url(f"https://[{text}]/" if is_ipv6 else f"https://{text}/")
    except OutboundError as error:
        raise ValidationError({"host": error.message.replace("in the URL ", "").replace("in brackets ", "")}) from None
    if endpoint.address is not None:
        _check_address("host", endpoint.address)
    elif endpoint.host in METADATA_NAMES:
        raise ValidationError({"host": "No rule can open a cloud metadata service."})
    elif endpoint.host == "localhost" or endpoint.host.endswith(".localhost"):
        raise ValidationError({"host": "Loopback is opened by its exact address only: enter 127.0.0.1 or ::1."})
    return endpoint.host


def _read_cidr(text: str) -> str:
    """A range in its normal spelling, or "" for none."""
    if not text:
        return ""
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValidationError({"cidr": f"This is not a CIDR range: {error}."}) from None
    if network.num_addresses == 1:
        _check_address("cidr", network.network_address)
    elif kind_of(network.network_address) in EXACT_ONLY and kind_of(network.broadcast_address) in EXACT_ONLY:
        raise ValidationError({"cidr": "A range never opens loopback or link-local addresses: enter the exact address."})
    return str(network)


def _check_address(field: str, address: Address) -> None:
    kind = kind_of(address)
    if kind not in RULE_CAN_OPEN or (kind is AddressKind.LINK_LOCAL and getattr(address, "scope_id", None)):
        raise ValidationError({field: f"No rule can open {kind.phrase}."})
