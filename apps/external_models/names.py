"""Names as people compare them: unique without case, and equal when they look equal."""

import unicodedata

MAX_NAME = 120


def name_key(name: str) -> str:
    """The form in which two names are the same: NFKC, blanks folded, case folded. At most 4 x MAX_NAME characters."""
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
    if "@" in name:
        raise ValueError("Leave out @: programs write name@connection to pick a connection.")
    return name
