r"""Placeholders in what people paste: `$OPENAI_API_KEY`, `<your key>`, `YOUR_RESOURCE_NAME`, `{{host}}`. They are asked for.

Inside the import they stand as `\0NAME\0`, so that nothing that was typed can be taken for one.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from apps.providers.imported import MAX_FILLED, MAX_PLACEHOLDERS, Answers, ImportRefused
from apps.providers.variables import MAX_NAME

MARKED = re.compile(r"\0([^\0]+)\0")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_]+")

_ANGLE = r"<[A-Za-z][A-Za-z0-9 _.-]{0,62}>"
_POSTMAN = r"\{\{[ \t]*[A-Za-z_][\w.-]{0,63}[ \t]*\}\}"
_YOUR = r"(?<![A-Za-z0-9])(?:(?:YOUR|Your|your)[_-][A-Za-z0-9_-]*[A-Za-z0-9]|Your[A-Z][A-Za-z0-9]+|(?:INSERT|REPLACE)_[A-Z0-9_]*[A-Z0-9])"
IN_ADDRESS = re.compile(rf"{_POSTMAN}|{_ANGLE}|{_YOUR}|\$?\{{[A-Za-z_][\w .-]{{0,62}}\}}")
IN_HEADER = re.compile(f"{_POSTMAN}|{_ANGLE}")
WHOLE = re.compile(f"{_POSTMAN}|{_ANGLE}|{_YOUR}")
# A credential that is none: a name in capitals, or dots, stars or crosses for most of it (`sk-...`, `hf_xxxxxxxx`). A key that merely
# contains such signs is a key: what is taken for a stand-in is shown on the page.
_NO_CREDENTIAL = re.compile(
    rf"{_POSTMAN}|{_ANGLE}|\{{[A-Za-z_][\w .-]*\}}|\[[A-Za-z][\w .-]*\]|{_YOUR}"
    r"|(?:[A-Za-z0-9]{1,8}[-_]){0,3}[A-Za-z0-9]{0,6}(?:\.{3,}|…+|\*{3,}|•{3,}|[xX]{4,}(?:[-_][xX]{4,})*[-_]?)[A-Za-z0-9]{0,6}"
)
_MAX_STAND_IN = 200  # characters: what is longer was made by a machine
_CAPITALS = re.compile(r"[A-Z0-9]+")
_KEY_WORDS = frozenset({"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD"})


@dataclass(slots=True)
class Marks:
    """The placeholders found so far, each under one name, with what is known of them. Answers show in no repr: they may be keys."""

    answers: Answers = field(default_factory=dict, repr=False)
    written: dict[str, str] = field(default_factory=dict)

    def mark(self, text: str, pattern: re.Pattern[str]) -> str:
        """The text with everything that matches the pattern marked, outside of what is marked already."""
        pieces = re.split(r"(\0[^\0]+\0)", text)
        return "".join(piece if piece.startswith("\0") else pattern.sub(self._marked, piece) for piece in pieces)

    def mark_as(self, name: str, written: str) -> str:
        """A mark under this name, or under a name like it where something else has it. Raises ImportRefused where there are too many."""
        base = name = as_name(name)
        number = 2
        while self.written.setdefault(name, written) != written:
            name, number = f"{base}_{number}", number + 1
        check_number(self.written)
        return f"\0{name}\0"

    def fill(self, text: str) -> str:
        """The text with the answers in their places; marks without an answer stay. Raises ImportRefused where that is too long."""
        if len(text) + sum(len(self.answers.get(name, "")) for name in MARKED.findall(text)) > MAX_FILLED:
            raise ImportRefused("With the answers in the places of the placeholders, this is longer than 1 MiB.")
        return MARKED.sub(lambda match: self.answers.get(match.group(1)) or match.group(), text)

    def is_answered(self, text: str) -> bool:
        """Whether an answer stands in the text: it is what the person means, whatever it looks like."""
        return any(answer in text for answer in self.answers.values() if answer)

    def unmarked(self, text: str) -> str:
        """The text as it was written, placeholders included."""
        return MARKED.sub(lambda match: self.written.get(match.group(1), match.group()), text)

    def _marked(self, match: re.Match[str]) -> str:
        return self.mark_as(match.group(), match.group())


def check_number(placeholders: Collection[str]) -> None:
    """Raise ImportRefused for more placeholders than can be asked for."""
    if len(placeholders) > MAX_PLACEHOLDERS:
        raise ImportRefused(f"There are more than {MAX_PLACEHOLDERS} placeholders. Put the values themselves in the places of some.")


def names_in(text: str) -> tuple[str, ...]:
    """The placeholders that are still open in a text, each once."""
    return tuple(dict.fromkeys(MARKED.findall(text)))


def is_no_credential(text: str) -> bool:
    """Whether what stands where a key belongs is only a stand-in for one."""
    if len(text) > _MAX_STAND_IN:  # before any pattern, whose work grows faster than the text
        return False
    return bool(_NO_CREDENTIAL.fullmatch(text)) or _is_name_in_capitals(text)


def _is_name_in_capitals(text: str) -> bool:
    """`OPENAI_API_KEY`: words in capitals between “_”, one of them for a credential; those before it begin with a letter."""
    words = text.split("_")
    if not all(_CAPITALS.fullmatch(word) for word in words):
        return False
    lead = next((index for index, word in enumerate(words) if word in _KEY_WORDS), len(words))
    return lead < len(words) and not any(word[0].isdigit() for word in words[:lead])


def as_name(text: str) -> str:
    """A name to ask by, and for a URL parameter: letters, digits and “_”."""
    name = _NOT_NAME.sub("_", text).strip("_")[:MAX_NAME] or "value"
    return name if not name[0].isdigit() else f"_{name}"[:MAX_NAME]
