"""Names as people compare them: unique without case, and equal when they look equal."""

import unicodedata
from collections.abc import Collection

MAX_NAME = 120
MAX_KEY = 4 * MAX_NAME  # the column; one character may stand for eighteen
NUMBER_ROOM = 5  # what numbered() may have to add


def name_key(name: str) -> str:
    """The form in which two names are the same: NFKC, blanks folded, case folded. At most MAX_KEY characters for a checked name."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_name(name: str) -> str:
    """The name trimmed. Raises ValueError, with a sentence for the reader, for an empty, long or invisible-character name."""
    name = " ".join(name.split())
    if not name:
        raise ValueError("Enter a name.")
    if len(name) > MAX_NAME:
        raise ValueError(f"Use at most {MAX_NAME} characters; this is {len(name)}.")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} for character in name):
        raise ValueError("Remove control or invisible characters; they make two names look alike.")
    key = name_key(name)
    if "@" in key:
        raise ValueError("Leave out @: programs write name@connection to pick a connection.")
    if len(key) > MAX_KEY:
        raise ValueError("This name is too long: some of its characters stand for whole words. Use fewer of them.")
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
