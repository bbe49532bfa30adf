"""Which IP addresses are public, and what the others are (spec 07 B3).

`ipaddress.is_global` alone is not enough: it calls multicast, NAT64, cloud metadata behind public ranges (168.63.129.16) and most of the
unassigned IPv6 space global.
"""

import ipaddress
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

type Address = IPv4Address | IPv6Address


class AddressKind(StrEnum):
    """What an address is. The value goes into the audit log, `phrase` into the refusal's sentence."""

    phrase: str

    def __new__(cls, value: str, phrase: str = "") -> "AddressKind":
        member = str.__new__(cls, value)
        member._value_ = value
        member.phrase = phrase
        return member

    PUBLIC = "public", "a public address"
    PRIVATE = "private", "an address that is not public"
    LOOPBACK = "loopback", "this server's own loopback address"
    LINK_LOCAL = "link_local", "a link-local address"
    METADATA = "metadata", "a cloud metadata or platform address"
    UNSPECIFIED = "unspecified", "an unspecified address"
    MULTICAST = "multicast", "a multicast address"
    RESERVED = "reserved", "a reserved address"
    EMBEDDED = "embedded", "an IPv6 form of an IPv4 address that is not public"


# Fixed addresses of clouds' metadata and control services: AWS (also containers and pods), Azure, Google, Oracle, Tencent, Alibaba.
METADATA_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.169.0/24",
        "169.254.170.0/24",
        "169.254.0.23/32",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
    )
)
# 0/8 reaches the host itself on Linux; 192.0.0/24 and the 6to4 relays (192.88.99/24) are protocol assignments nobody serves models from.
THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
RESERVED_V4 = tuple(ipaddress.IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"))

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Tunnels and translations whose inner address cannot be trusted to stay what it looks like: IPv4-compatible, IPv4-translated, local NAT64,
# Teredo, 6to4. Nothing that serves a model is reached over them, so they are refused whatever they carry.
TUNNELS = tuple(ipaddress.IPv6Network(text) for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"))
ISATAP_MARKS = (0x0000_5EFE, 0x0200_5EFE)
PRIVATE_V6 = tuple(ipaddress.IPv6Network(text) for text in ("fc00::/7", "fec0::/10", "3fff::/20"))  # the last: new documentation range
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # the only part of IPv6 that IANA has given out for global use


def kind_of(address: Address) -> AddressKind:
    """What `address` is; only `PUBLIC` may be connected to without an egress rule."""
    if any(address in network for network in METADATA_NETWORKS):
        return AddressKind.METADATA
    if isinstance(address, IPv4Address):
        return _kind_of_v4(address)
    return _kind_of_v6(address)


def _kind_of_v4(address: IPv4Address) -> AddressKind:
    if address in THIS_NETWORK:
        return AddressKind.UNSPECIFIED
    if address.is_loopback:
        return AddressKind.LOOPBACK
    if address.is_link_local:
        return AddressKind.LINK_LOCAL
    if address.is_multicast:
        return AddressKind.MULTICAST
    if any(address in network for network in RESERVED_V4):
        return AddressKind.RESERVED
    return AddressKind.PUBLIC if address.is_global else AddressKind.PRIVATE


def _kind_of_v6(address: IPv6Address) -> AddressKind:
    if address.is_unspecified:
        return AddressKind.UNSPECIFIED
    inner = embedded_v4(address)
    if inner is not None:
        return AddressKind.PUBLIC if kind_of(inner) is AddressKind.PUBLIC else AddressKind.EMBEDDED
    if address == IPv6Address(1):
        return AddressKind.LOOPBACK
    if any(address in network for network in TUNNELS) or (int(address) >> 32) & 0xFFFF_FFFF in ISATAP_MARKS:
        return AddressKind.EMBEDDED
    if address.scope_id is not None or address.is_link_local:
        return AddressKind.LINK_LOCAL
    if address.is_multicast:
        return AddressKind.MULTICAST
    if any(address in network for network in PRIVATE_V6):
        return AddressKind.PRIVATE
    if address not in GLOBAL_UNICAST:
        return AddressKind.RESERVED
    return AddressKind.PUBLIC if address.is_global else AddressKind.PRIVATE


def embedded_v4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv4-mapped or well-known NAT64 address leads to.

    These two are judged by what they carry: a network with DNS64 gives every public IPv4 service a NAT64 address.
    """
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
