"""Text of users and models, made safe to look at."""

import re
import unicodedata

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Only mask characters, or a hint such as "sk-…MQAA" or "sk***************MQAA".
_MASK = re.compile(r".{0,8}(?:[•●∙…]+|\*{3,}).{0,4}")


def visible(text: str) -> str:
    """Control and direction characters as ``<U+202E>`` (spec 07 C6), so that a name cannot read as another. Line feeds and tabs stay."""
    return "".join(f"<U+{ord(char):04X}>" if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    return char in _DIRECTION or (unicodedata.category(char) == "Cc" and char not in "\n\t") or char in "\u200b\u2060\ufeff"


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
