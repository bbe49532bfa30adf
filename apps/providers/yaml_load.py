"""JSON and YAML documents of strangers, read within bounds: no tags, no cycles, no bombs of aliases, no key twice (spec 02; spec 07 C3).

YAML is read from the parser's events, without recursion, by the core schema of YAML 1.2 as OpenAPI wants it: `no` and `on` are text,
a date is text, a key is always text (`200:` is the key "200").
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from apps.providers.imported import ImportRefused
from apps.providers.jsonread import MAX_DEPTH, MAX_DIGITS, children, depth_exceeds, parse_text
from apps.providers.types import JsonValue

MAX_DOCUMENT = 2 << 20  # bytes
MAX_VALUES = 50_000  # counted as often as aliases repeat them; keys are not
_TOO_MANY = f"The document has more than {MAX_VALUES:,} values, aliases counted as often as they repeat them."
_TOO_DEEP = f"The document is nested more than {MAX_DEPTH} levels deep."

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = {"0o": (re.compile(r"0o[0-7]+"), 8), "0x": (re.compile(r"0x[0-9a-fA-F]+"), 16)}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TEXT_TAG = "tag:yaml.org,2002:str"
_TAGS = frozenset({_TEXT_TAG, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null", "map", "seq"))})
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser where it is there: ten times as quick


def load_document(text: str) -> JsonValue:
    """The value of a JSON or YAML text. Raises ImportRefused with the reason and, where there is one, the place."""
    if len(text.encode("utf-8", "replace")) > MAX_DOCUMENT:
        raise ImportRefused(f"The document is larger than {MAX_DOCUMENT >> 20} MiB.")
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ImportRefused("The document is empty.")
    if text.lstrip().startswith(("{", "[")) and (value := _read_json(text)) is not None:
        return value
    return _read_yaml(text)


def _read_json(text: str) -> JsonValue:
    """The value of a JSON text; None for what is no JSON, which may be YAML in braces."""
    try:
        json.loads(text, object_pairs_hook=_unique)
        value = parse_text(text)
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise ImportRefused(_TOO_DEEP) from None
    except ValueError as problem:
        raise ImportRefused(f"The document cannot be used: {problem}.") from None
    if _has_too_many(value):
        raise ImportRefused(_TOO_MANY)
    return value


def _has_too_many(value: JsonValue) -> bool:
    found = 1
    pending: list[object] = [value]
    while pending and found <= MAX_VALUES:
        inside = children(pending.pop())
        found += len(inside)
        pending += inside
    return found > MAX_VALUES


def _unique(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ImportRefused(f"The key “{key[:60]}” stands twice in the same object.")
        seen.add(key)


def _read_yaml(text: str) -> JsonValue:
    try:
        value = _Builder().build(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ImportRefused(f"The document is neither JSON nor YAML: {error.problem or error.context}.", line, column) from None
    except (yaml.YAMLError, ValueError, UnicodeError, RecursionError):
        raise ImportRefused("The document is neither JSON nor YAML.") from None
    if depth_exceeds(value, MAX_DEPTH):  # aliases within aliases are deeper than anything that is written
        raise ImportRefused(_TOO_DEEP)
    return value


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    value: JsonValue
    anchor: str | None
    key: str | None = None  # of a mapping: the key whose value comes next
    size: int = 1
    merged: list[JsonValue] = field(default_factory=list)


class _Builder:
    """Builds the value from the parser's events."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[JsonValue, int] | None] = {}  # None while it is being built
        self.nodes = 0
        self.result: JsonValue = None
        self.documents = 0
        self.event: yaml.Event | None = None

    def build(self, events: Iterator[yaml.Event]) -> JsonValue:
        for self.event in events:
            match self.event:
                case yaml.ScalarEvent() as event:
                    self.scalar(event)
                case yaml.AliasEvent() as event:
                    self.alias(event)
                case yaml.MappingStartEvent() as event:
                    self.open({}, event)
                case yaml.SequenceStartEvent() as event:
                    self.open([], event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self.close()
                case yaml.DocumentStartEvent():
                    self.documents += 1
                    if self.documents > 1:
                        self.fail("The text holds several documents. Paste one.")
        return self.result

    def fail(self, message: str) -> NoReturn:
        mark = self.event.start_mark if self.event else None
        raise ImportRefused(message, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        parent = self.stack[-1] if self.stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            parent.key = event.value
            if event.value in parent.value:
                self.fail(f"The key “{event.value[:60]}” stands twice in the same mapping.")
            return
        value = self.plain(event.value) if self.is_plain(event) else event.value
        self.remember(event.anchor, value, 1)
        self.add(value, 1)

    def is_plain(self, event: yaml.ScalarEvent) -> bool:
        """Whether the value is what it looks like, and not text."""
        self.check_tag(event.tag)
        return bool(event.implicit[0]) if event.tag in (None, "!") else event.tag != _TEXT_TAG

    def check_tag(self, tag: str | None) -> None:
        if tag and tag not in _TAGS:
            self.fail(f"The tag {tag[:60]} is not read. Leave it out.")

    def plain(self, text: str) -> JsonValue:
        if text in _NULL:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if len(text) > MAX_DIGITS:
            return text
        if _INTEGER.fullmatch(text):
            return int(text)
        based = _BASED.get(text[:2])
        if based and based[0].fullmatch(text):
            return int(text[2:], based[1])
        if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
            return float(text)
        return text

    def open(self, value: JsonValue, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self.check_tag(event.tag)
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            self.fail("A key has to be text.")
        if len(self.stack) >= MAX_DEPTH:
            self.fail(_TOO_DEEP)
        self.count(1)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(value, event.anchor))

    def close(self) -> None:
        done = self.stack.pop()
        for source in done.merged:
            if isinstance(source, dict) and isinstance(done.value, dict):
                done.value |= {key: value for key, value in source.items() if key not in done.value}
        self.remember(done.anchor, done.value, done.size)
        self.add(done.value, done.size)

    def remember(self, anchor: str | None, value: JsonValue, size: int) -> None:
        if anchor:
            self.anchors[anchor] = (value, size)

    def alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        known = self.anchors.get(name)
        if known is None:
            self.fail(f"The alias *{name[:60]} has no anchor before it, or contains itself.")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            self.fail("An alias cannot be a key.")
        self.count(known[1])
        self.add(known[0], known[1])

    def add(self, value: JsonValue, size: int) -> None:
        """Put a finished value into what is open."""
        if not self.stack:
            self.result = value
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif isinstance(parent.value, dict) and parent.key is not None:
            if parent.key == "<<":
                parent.merged += value if isinstance(value, list) else [value]
            else:
                parent.value[parent.key] = value
            parent.key = None

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_VALUES:
            self.fail(_TOO_MANY)
