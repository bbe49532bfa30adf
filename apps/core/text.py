"""Text of users and models, made safe to look at."""

import re

# Control characters but line feeds and tabs, marks of direction, and what has no width.
_HIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Only mask characters, or a hint such as "sk-…MQAA" or "sk***************MQAA".
_MASK = re.compile(r".{0,8}(?:[•●∙…]+|\*{3,}).{0,4}")


def visible(text: str) -> str:
    """Control and direction characters as ``<U+202E>`` (spec 07 C6), so that a name cannot read as another. Line feeds and tabs stay."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def is_storable(text: str) -> bool:
    """Whether a database takes it: PostgreSQL refuses NUL and half of a surrogate pair, even in what is only compared with."""
    return _UNSTORABLE.search(text) is None


def monogram(name: str) -> str:
    """Two letters for a name: initials of its first two words, else its first two letters."""
    words = ["".join(char for char in word if char.isalnum()) for word in visible(name).split()]
    words = [word for word in words if word]
    if not words:
        return "?"
    if len(words) > 1 and words[1][0].isalpha():
        return (words[0][0] + words[1][0]).upper()
    return words[0][:2].upper()


def is_mask(text: str) -> bool:
    """Whether a text is what products show in place of a secret. Stored as a value, it would replace the real one (spec 07 A6)."""
    return bool(_MASK.fullmatch(text.strip()))
