"""Names as people compare them: unique without case, and equal when they look equal."""

import unicodedata

MAX_NAME = 120
MAX_KEY = 4 * MAX_NAME  # the column; one character may stand for eighteen


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
    if len(name_key(name)) > MAX_KEY:
        raise ValueError("This name is too long: some of its characters stand for whole words. Use fewer of them.")
    return name
