"""JSON of a pasted request, read strictly, and written as a template: two blanks of indentation, literal braces escaped."""

import json
import re

from apps.providers.jsonread import parse_text
from apps.providers.types import JsonValue

# A string that is never closed is stepped over as well: else each quote within it would be tried anew.
_STRING_OR_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)


class Slot(str):
    """A string that is a placeholder of the template, and not text that looks like one."""

    __slots__ = ()


def read_json(text: str) -> tuple[JsonValue, tuple[str, ...]]:
    """The value, and what had to be mended. Raises ValueError with the reason as half a sentence.

    A comma before a closing bracket is mended: some documentation prints one, and it can mean only one thing.
    """
    notes: tuple[str, ...] = ()
    try:
        value = parse_text(text)
    except ValueError as problem:
        mended = _STRING_OR_COMMA.sub(lambda match: match.group(1) or "", text)
        if mended == text:
            raise
        try:
            value = parse_text(mended)
        except ValueError:
            raise problem from None
        text, notes = mended, ("A comma before a closing bracket is taken out of the body: JSON has none there.",)
    json.loads(text, object_pairs_hook=_unique)  # cannot fail in any other way: the text was read before
    return value, notes


def _unique(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"the key “{key[:40]}” stands twice in the same object")
        seen.add(key)


def write_template(value: JsonValue, indent: str = "") -> str:
    """The template whose rendering is this value; each Slot in it becomes its placeholder. Expects the depth that `read_json` allows."""
    inner = indent + "  "
    if isinstance(value, Slot):
        return json.dumps(str(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + write_template(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, dict) and value:
        members = (f"{inner}{_text(key)}: {write_template(member, inner)}" for key, member in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return json.dumps(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("{{", r"\{{")
