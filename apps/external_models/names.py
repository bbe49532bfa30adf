"""Names of models and connections: what apps.core.names says of names, and what programs need besides."""

from collections.abc import Collection

from apps.core import names
from apps.core.names import MAX_KEY, MAX_NAME, name_key

__all__ = ["MAX_KEY", "MAX_NAME", "check_name", "name_key", "numbered", "shortened"]

NUMBER_ROOM = 5  # what numbered() may have to add


def check_name(name: str) -> str:
    """The name trimmed. Raises ValueError, with a sentence for the reader, for a name that people or programs could mistake."""
    name = names.check_name(name)
    if "@" in name_key(name):
        raise ValueError("Leave out @: programs write name@connection to pick a connection.")
    return name


def shortened(name: str) -> str:
    """As much of the name as leaves room for a number, in the name and in its key."""
    name = name[: MAX_NAME - NUMBER_ROOM]
    while len(name_key(name)) > MAX_KEY - NUMBER_ROOM:
        name = name[:-1]
    return name.rstrip()


def numbered(name: str, taken: Collection[str]) -> str:
    """`name`, or `name 2`, `name 3` ..., whichever has a key that is not taken."""
    number, candidate = 1, name
    while name_key(candidate) in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate
