"""Strict reading of a URL into the parts that a request is built from (spec 07 B1).

The parser accepts a small part of what browsers accept: where two readers of a URL could disagree about the host, it is refused.
"""

import ipaddress
import re
from dataclasses import dataclass

import idna

from apps.core.addresses import Address
from apps.core.outbound import Failure, OutboundError

MAX_URL_LENGTH = 2048  # characters
MAX_HOST_LENGTH = 253
DEFAULT_PORTS = {"http": 80, "https": 443}

URL_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?P<slashes>/{0,2})(?P<authority>[^/?]*)(?P<target>.*)", re.DOTALL)
# What RFC 3986 allows in a path and query, and braces: an address parameter that has no value yet is not the parser's business.
TARGET = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]{}|]|%[0-9A-Fa-f]{2})*")
PORT = re.compile(r"[0-9]{1,5}")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what inet_aton() and browsers read as a number (WHATWG "ends in a number")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed URL. `host` is lower-case ASCII, an IPv6 address without brackets; `target` is path and query exactly as sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> Address | None:
        """The host as an address, or None where it is a name."""
        if ":" in self.host or NUMBER.fullmatch(self.host.rpartition(".")[2]):
            return ipaddress.ip_address(self.host)
        return None

    @property
    def is_ip(self) -> bool:
        return self.address is not None

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str) -> Endpoint:
    """Read an absolute http or https URL; raises OutboundError(url_invalid) with a sentence that says what is wrong (spec 07 B1)."""
    _check_characters(text)
    parts = URL_PARTS.fullmatch(text)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in DEFAULT_PORTS:
        raise _invalid(
            "The URL does not begin with https:// or http://.", "Write the whole address, such as https://api.example.com/v1/chat."
        )
    if parts["slashes"] != "//":
        raise _invalid("The URL needs two slashes after the colon.", f"Write {scheme}:// and then the host.")
    if "@" in parts["authority"]:
        raise _invalid("The URL has a user name or password before the host.", "Take it out and use a header or an authorization profile.")
    host, port = _split_authority(parts["authority"], DEFAULT_PORTS[scheme])
    return Endpoint(scheme, host, port, _read_target(parts["target"]))


def _check_characters(text: str) -> None:
    if len(text) > MAX_URL_LENGTH:
        raise _invalid(f"The URL has {len(text):,} characters; at most {MAX_URL_LENGTH:,} are allowed.")
    for character in text:
        if character.isspace() or not character.isprintable():
            raise _invalid("The URL contains a blank or control character.", "Write %20 for a blank in a path or query.")
    if "\\" in text:
        raise _invalid("The URL contains a backslash.", "Use forward slashes only.")
    if "#" in text:
        raise _invalid("The URL has a fragment (the part from # on), which is never sent.", "Leave it out.")


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    if authority.startswith("["):
        inside, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _invalid("The IPv6 address in the URL is not closed by a bracket.", "Write it as https://[2001:db8::1]/.")
        return _read_ipv6(inside), _read_port(rest, default_port)
    host, colon, port = authority.partition(":")
    return _read_host(host), _read_port(colon + port, default_port)


def _read_port(text: str, default: int) -> int:
    """`text` is empty or begins with the colon."""
    if not text:
        return default
    if not PORT.fullmatch(text[1:]) or not 1 <= int(text[1:]) <= 65535:
        raise _invalid("The port in the URL is not a number from 1 to 65535.")
    return int(text[1:])


def _read_ipv6(text: str) -> str:
    if "%" in text:
        raise _invalid("The IPv6 address in the URL has a zone.", "Zones name this server's own network cards; use an address without one.")
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise _invalid("The address in brackets is not an IPv6 address.") from None


def _read_host(text: str) -> str:
    if not text:
        raise _invalid("The URL has no host.", "Write it as https://api.example.com/path.")
    if "%" in text:
        raise _invalid("The host in the URL is percent-encoded.", "Write the name as it is.")
    if text.endswith("."):
        raise _invalid("The host in the URL ends with a dot.", "Leave the last dot out.")
    host = ".".join(_read_label(label) for label in text.lower().split("."))
    if len(host) > MAX_HOST_LENGTH:
        raise _invalid(f"The host in the URL is longer than {MAX_HOST_LENGTH} characters.")
    if NUMBER.fullmatch(host.rpartition(".")[2]):
        return _read_ipv4(host)
    return host


def _read_label(label: str) -> str:
    """One part of a name as ASCII: IDNA 2008 without mapping, so that full-width digits and dots are errors, not digits and dots."""
    if LABEL.fullmatch(label) and not label.startswith("xn--"):
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        raise _invalid(
            "The host in the URL is not a valid name.",
            "Names have letters, digits and hyphens, in parts of 1 to 63 with single dots between.",
        ) from None


def _read_ipv4(text: str) -> str:
    """A host whose last part is a number must be four decimal numbers: other readers take 2130706433, 0177.1 and 0x7f.1 for 127.0.0.1."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise _invalid("The host in the URL looks like a number but is not an IPv4 address.", "Write it as four decimal numbers.") from None


def _read_target(text: str) -> str:
    if not TARGET.fullmatch(text):
        raise _invalid(
            "The path or query of the URL contains a character that may not stand there.",
            "Percent-encode it, such as %C3%A9 for é or %25 for %.",
        )
    return text if text.startswith("/") else "/" + text


def _invalid(message: str, hint: str = "") -> OutboundError:
    return OutboundError(Failure.URL_INVALID, message, hint)
