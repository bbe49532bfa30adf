"""Where in a request a key may stand, what it may be called there, and what its value may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apps.core.headers import check_header_name, check_header_value
from apps.providers.variables import VARIABLE_NAME

MAX_NAME = 128  # characters of a row's name
RESERVED_FIELDS = frozenset(
    {"audience", "client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri", "refresh_token", "scope"}
)


@dataclass(frozen=True, slots=True)
class Location:
    """`key` is the form in which two names are the same one."""

    label: str
    check_name: Callable[[str], None]
    check_value: Callable[[str], None]
    key: Callable[[str], str] = str


def check_text(value: str) -> None:
    """Raises ValueError for control characters, which nothing can be sent with. Never repeats the value: it may be a secret."""
    if not value.isprintable():
        raise ValueError("This has a line break or another control character in it. Enter it without.")


def check_parameter(name: str) -> None:
    if not name or not re.fullmatch(r"[A-Za-z0-9._~$\[\]:-]+", name):
        raise ValueError("A query parameter's name has letters, digits and . _ ~ - only.")


def check_member(name: str) -> None:
    if not all(re.fullmatch(r"[A-Za-z0-9_$-]+", part) for part in name.split(".")):
        raise ValueError("Write the member's name, such as api_key, or auth.key for a member of an object.")


def check_path_name(name: str) -> None:
    if not VARIABLE_NAME.fullmatch(name):
        raise ValueError("Write the name that stands in braces in the address, such as tenant for {tenant}.")


def check_field(name: str) -> None:
    """A field of a token request."""
    if not re.fullmatch(r"[A-Za-z0-9._~:-]+", name):
        raise ValueError("A field's name has letters, digits and . _ ~ : - only.")
    if name in RESERVED_FIELDS:
        raise ValueError(f"{name} is there already: the request sets it, or a field above does.")


LOCATIONS: Mapping[str, Location] = {
    "header": Location("Header", check_header_name, check_header_value, str.lower),
    "query": Location("Query", check_parameter, check_text),
    "body": Location("Body", check_member, check_text),
    "path": Location("Path", check_path_name, check_text),
    "": Location("Token request", check_field, check_text),
}
