"""May this endpoint be called? Egress rules as values, and the check of every call and form (spec 07 B3, B4, B7, B8).

The default is https to public addresses. Everything else needs a rule of platform staff, and what a rule opens depends on the address:

    public address, plain http     any rule that names the host or covers the address
    private (not public) address   any rule that names the host or covers the address
    loopback, link-local           only a rule for exactly that address
    metadata, unspecified, multicast, reserved, tunnelled forms    no rule at all
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from math import inf

from apps.core.addresses import Address, AddressKind, kind_of
from apps.core.endpoint import Endpoint, parse_url
from apps.core.outbound import Failure, OutboundError

SCHEMES = ("http", "https", "any")
EXACT_ONLY = (AddressKind.LOOPBACK, AddressKind.LINK_LOCAL)
RULE_CAN_OPEN = (AddressKind.PUBLIC, AddressKind.PRIVATE, *EXACT_ONLY)
# Names of metadata services, refused before they are looked up: some platforms answer them on addresses that look ordinary.
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"})


@dataclass(frozen=True, slots=True)
class EgressRule:
    """One exception made by platform staff: `host` (a name or an address) or `cidr`, with ports and scheme ("http", "https", "any").

    Raises ValueError with a sentence where the parts do not make a rule.
    """

    id: str
    host: str = ""
    cidr: str = ""
    ports: tuple[int, ...] = ()
    scheme: str = "https"
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if bool(self.host) == bool(self.cidr):
            raise ValueError("An egress rule has either a host or a CIDR range.")
        if self.scheme not in SCHEMES:
            raise ValueError("The scheme of an egress rule is http, https or any.")
        if not self.ports or not all(1 <= port <= 65535 for port in self.ports):
            raise ValueError("An egress rule names its ports, each from 1 to 65535.")
        if self.cidr:
            ipaddress.ip_network(self.cidr)

    @property
    def network(self) -> IPv4Network | IPv6Network | None:
        """The addresses that the rule names itself; None for a host name, whose addresses are only known when it is resolved."""
        try:
            return ipaddress.ip_network(self.cidr or self.host)
        except ValueError:
            return None

    def is_for(self, endpoint: Endpoint, now: datetime) -> bool:
        """Whether the rule is in force and is about the endpoint's scheme and port."""
        in_force = self.expires_at is None or now < self.expires_at
        return in_force and endpoint.port in self.ports and self.scheme in {endpoint.scheme, "any"}

    def covers(self, address: Address) -> bool:
        return self.network is not None and address in self.network

    def is_exactly(self, address: Address) -> bool:
        """Whether the rule names this one address. A host name or a wider range never does (spec 07 B7: broad rules)."""
        network = self.network
        return network is not None and network.num_addresses == 1 and network.network_address == address


def check_url(text: str, rules: Iterable[EgressRule]) -> Endpoint:
    """Parse a URL and refuse what can be refused without DNS: for forms. The call itself checks again, with the resolved addresses.

    Raises OutboundError url_invalid or url_not_allowed.
    """
    endpoint = parse_url(text)
    address = endpoint.address
    if address is not None:
        check_addresses(endpoint, [address], rules)
    else:
        check_name(endpoint, rules)
    return endpoint


def check_name(endpoint: Endpoint, rules: Iterable[EgressRule]) -> None:
    """Refuse a host name that no answer of DNS could make allowed. Raises OutboundError(url_not_allowed)."""
    candidates = _rules_for(endpoint, rules)
    if endpoint.host in METADATA_NAMES:
        raise _refusal(endpoint, AddressKind.METADATA)
    if endpoint.host == "localhost" or endpoint.host.endswith(".localhost"):
        if not any(rule.network and rule.network.num_addresses == 1 and rule.network.is_loopback for rule in candidates):
            raise _refusal(endpoint, AddressKind.LOOPBACK)
    elif endpoint.scheme == "http" and not any(rule.host == endpoint.host or rule.network for rule in candidates):
        raise _plain_http(endpoint)


def check_addresses(endpoint: Endpoint, addresses: Sequence[Address], rules: Iterable[EgressRule]) -> None:
    """Refuse unless every address that the endpoint's host leads to is allowed (spec 07 B2). Raises OutboundError(url_not_allowed)."""
    candidates = _rules_for(endpoint, rules)
    for address in addresses:
        _check_address(endpoint, address, candidates)


def good_until(rules: Iterable[EgressRule]) -> float:
    """When what these rules allow now has to be asked again, in seconds since 1970: as soon as the first of them expires."""
    now = datetime.now(UTC)
    return min((rule.expires_at.timestamp() for rule in rules if rule.expires_at is not None and now < rule.expires_at), default=inf)


def _check_address(endpoint: Endpoint, address: Address, candidates: Sequence[EgressRule]) -> None:
    kind = kind_of(address)
    if kind is AddressKind.PUBLIC and endpoint.scheme == "https":
        return
    if kind in EXACT_ONLY:
        allowed = any(rule.is_exactly(address) for rule in candidates)
    else:
        allowed = kind in RULE_CAN_OPEN and any(rule.host == endpoint.host or rule.covers(address) for rule in candidates)
    if allowed:
        return
    raise _plain_http(endpoint) if kind is AddressKind.PUBLIC else _refusal(endpoint, kind)


def _rules_for(endpoint: Endpoint, rules: Iterable[EgressRule]) -> list[EgressRule]:
    now = datetime.now(UTC)
    return [rule for rule in rules if rule.is_for(endpoint, now)]


def _refusal(endpoint: Endpoint, kind: AddressKind) -> OutboundError:
    """Says which class of address is refused, never the address that a name resolved to (spec 07 B8)."""
    subject = f"{endpoint.host} is" if endpoint.is_ip else f"{endpoint.host} leads to"
    if kind in EXACT_ONLY:
        hint = f"It can be opened only by an egress rule for exactly this address. {_ask_staff(endpoint)}"
    elif kind in RULE_CAN_OPEN:
        hint = f"Such addresses need an egress rule. {_ask_staff(endpoint)}"
    else:
        hint = "No egress rule can open it. Check the URL."
    return OutboundError(Failure.URL_NOT_ALLOWED, f"The URL is not allowed: {subject} {kind.phrase}.", hint, reason=kind.value)


def _ask_staff(endpoint: Endpoint) -> str:
    """Staff know how: it is for members that this is said."""
    return f"Ask platform staff for an egress rule for {endpoint.host} port {endpoint.port}."


def _plain_http(endpoint: Endpoint) -> OutboundError:
    return OutboundError(
        Failure.URL_NOT_ALLOWED,
        "The URL is not allowed: plain http sends keys and prompts readable by anyone on the way.",
        f"Use https://, or have plain http opened. {_ask_staff(endpoint)}",
        reason="plain_http",
    )
