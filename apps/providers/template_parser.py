"""The template dialect's parser: JSON in which a value, or a part of a string, may be a placeholder (spec 02, Templates).

`json.loads` cannot do this: an unquoted placeholder is not JSON, and it tells neither where a placeholder stands nor that a
key came twice. Every problem is reported with line and column, both counted from 1.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import MAX_DEPTH, MAX_DIGITS
from apps.providers.scanning import Scanner
from apps.providers.variables import ALIASES, MAX_NAME, NUMBER, VARIABLE_NAME

MAX_TEMPLATE = 1 << 20  # characters; what it renders to may not be larger either


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """Something wrong with a body: `code` is template_invalid, unknown_variable or required_unused; severity error or warning."""

    code: str
    message: str
    line: int
    column: int
    variable: str = ""
    severity: str = "error"


class TemplateInvalid(ProviderError):
    """The text is not a template; `problem` says why and where."""

    def __init__(self, problem: TemplateProblem) -> None:
        place = f"Line {problem.line}, column {problem.column}: {problem.message}"
        super().__init__(ErrorKind.TEMPLATE_INVALID, place, "Correct the body and try again.")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place for a variable's value."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, true, false or null, exactly as it was written."""

    json: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string: text and placeholders in turn."""

    parts: tuple[str | Placeholder, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A list of nodes."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Object:
    """Members in the order in which they were written."""

    members: tuple[tuple[str, "Node"], ...]


type Node = Placeholder | Literal | Text | Array | Object

_NUMBER_LIKE = re.compile(r"[-+.0-9][-+.0-9A-Za-z]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile('[^"\\\\{\x00-\x1f\ud800-\udfff]+')
_PLACEHOLDER = re.compile(r"\{\{[ \t]*(" + VARIABLE_NAME.pattern + r")[ \t]*\}\}")
_UP_TO_PLACEHOLDER = re.compile(r"[^{\\]*")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONTROL_NAMES = {"\n": "A line break", "\r": "A line break", "\t": "A tab"}
_CONTROL_ESCAPES = {"\n": r"\n", "\r": r"\n", "\t": r"\t"}
_WORDS_OF_OTHERS = {"True": "true", "False": "false", "None": "null", "undefined": "null", "nil": "null"}
_OPENING_QUOTES = "'`“”„\u2018\u2019«"
_VALUE_ENDS = " \t\r\n,]}"


def parse(text: str) -> Node:
    """The tree of a body. Raises TemplateInvalid at the first problem."""
    return _Parser(text).document()


def parse_parts(text: str) -> tuple[str | Placeholder, ...]:
    """The parts of a plain text with placeholders, such as a header value. Raises TemplateInvalid."""
    return _Parser(text).plain_text()


def placeholders_of(node: Node) -> Iterator[Placeholder]:
    """Every placeholder of a tree, in the order in which they were written."""
    match node:
        case Placeholder():
            yield node
        case Text(parts):
            yield from (part for part in parts if isinstance(part, Placeholder))
        case Array(items):
            for item in items:
                yield from placeholders_of(item)
        case Object(members):
            for _, member in members:
                yield from placeholders_of(member)


class _Parser(Scanner):
    """One pass over a text, from `position` on."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        if len(text) > MAX_TEMPLATE:
            self.fail(f"The text is larger than {MAX_TEMPLATE:,} characters.", 0)

    def fail(self, message: str, at: int | None = None, variable: str = "") -> NoReturn:
        line, column = self.place(self.position if at is None else at)
        raise TemplateInvalid(TemplateProblem("template_invalid", message, line, column, variable))

    def place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, at)
        return line, at - self.line_starts[line - 1] + 1

    # The JSON part

    def document(self) -> Node:
        self.position = 1 if self.text.startswith("\ufeff") else 0
        self.skip_blanks()
        if self.at_end():
            self.fail("The body is empty.")
        root = self.value(depth=0)
        self.skip_blanks()
        if not self.at_end():
            self.fail("There is more text after the end of the JSON.")
        return root

    def value(self, depth: int) -> Node:
        start, first = self.position, self.peek()
        node: Node
        if first == "{":
            node = self.placeholder() if self.text.startswith("{{", start) else self.object(depth + 1)
        elif first == "[":
            node = self.array(depth + 1)
        elif first == '"':
            node = _as_node(self.string())
        else:
            node = self.literal()
        self.refuse_glue(start, node)
        return node

    def refuse_glue(self, start: int, node: Node) -> None:
        glued = self.text.startswith("{{", self.position)
        if isinstance(node, Placeholder) and self.text[start] == "{":
            glued = not self.at_end() and self.peek() not in _VALUE_ENDS
        if glued:
            self.fail("A placeholder cannot be glued to a bare value. Put both into one string, in double quotes.")

    def object(self, depth: int) -> Object:
        self.enter(depth)
        members: dict[str, Node] = {}
        while not self.closes("}", bool(members)):
            self.member(members, depth)
        return Object(tuple(members.items()))

    def member(self, members: dict[str, Node], depth: int) -> None:
        start = self.position
        key = self.key()
        if key in members:
            self.fail(f"The key {_quoted(key)} stands twice in the same object.", start)
        self.skip_blanks()
        if self.peek() != ":":
            self.fail(f"A “:” is missing after the key {_quoted(key)}.")
        self.position += 1
        self.skip_blanks()
        members[key] = self.value(depth)

    def key(self) -> str:
        start = self.position
        if self.text.startswith("{{", start):
            self.fail("A placeholder cannot be a key: only values are filled in.")
        if self.peek() != '"':
            self.fail("A key in double quotes is expected here." if not self.at_end() else "The body ends before its last “}”.")
        parts = self.string(in_key=True)
        return "".join(part for part in parts if isinstance(part, str))

    def array(self, depth: int) -> Array:
        self.enter(depth)
        items: list[Node] = []
        while not self.closes("]", bool(items)):
            items.append(self.value(depth))
        return Array(tuple(items))

    def enter(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.fail(f"The body is nested more than {MAX_DEPTH} levels deep.")
        self.position += 1

    def closes(self, bracket: str, has_items: bool) -> bool:
        """Step over the end of an object or array, or to its next item; past the comma when there was one before."""
        self.skip_blanks()
        if self.peek() == bracket:
            self.position += 1
            return True
        if self.at_end():
            self.fail(f"The body ends before its last “{bracket}”.")
        if not has_items:
            return False
        comma = self.position
        if self.peek() != ",":
            self.fail(f"A “,” or “{bracket}” is expected here.")
        self.position += 1
        self.skip_blanks()
        if self.peek() == bracket:
            self.fail(f"Remove this comma: nothing follows it before “{bracket}”.", comma)
        return False

    def literal(self) -> Literal:
        start = self.position
        if match := _WORD.match(self.text, start):
            self.position = match.end()
            return self.word(match.group(), start)
        if match := _NUMBER_LIKE.match(self.text, start):
            self.position = match.end()
            return self.number(match.group(), start)
        self.fail(self.unexpected())

    def word(self, word: str, start: int) -> Literal:
        if word in ("true", "false", "null"):
            return Literal(word)
        if word in ("NaN", "Infinity"):
            self.fail(f"JSON has no {word}.", start)
        if word in _WORDS_OF_OTHERS:
            self.fail(f"Write {_WORDS_OF_OTHERS[word]} instead of {word}.", start)
        self.fail(f"Text needs double quotes: {_quoted(word[:40])}.", start)

    def number(self, digits: str, start: int) -> Literal:
        if not NUMBER.fullmatch(digits):
            reason = "JSON has no Infinity." if digits == "-Infinity" else f"{digits[:40]} is not a JSON number."
            self.fail(reason, start)
        if len(digits) > MAX_DIGITS:
            self.fail(f"A number has at most {MAX_DIGITS:,} digits.", start)
        return Literal(digits)

    def unexpected(self) -> str:
        if self.at_end():
            return "The body ends where a value is expected."
        char = self.peek()
        if char in _OPENING_QUOTES:
            return f'Strings stand in double quotes ("), not in {char}.'
        if char in "/#":
            return "JSON has no comments."
        return f"A value is expected here, not “{char}”." if char.isprintable() else "A value is expected here."

    # Strings and placeholders

    def string(self, *, in_key: bool = False) -> list[str | Placeholder]:
        start = self.position
        self.position += 1
        parts: list[str | Placeholder] = []
        while (char := self.peek()) != '"':
            if match := _PLAIN.match(self.text, self.position):
                parts.append(match.group())
                self.position = match.end()
            elif self.text.startswith("{{", self.position):
                if in_key:
                    self.fail("A placeholder cannot stand in a key: only values are filled in.")
                parts.append(self.placeholder())
            elif char == "{":
                parts.append(char)
                self.position += 1
            elif char == "\\":
                parts.append(self.escape())
            else:
                self.refuse_character(char, start)
        self.position += 1
        return parts

    def refuse_character(self, char: str, start: int) -> NoReturn:
        if not char:
            self.fail("This string is never closed with a double quote.", start)
        if "\ud800" <= char <= "\udfff":
            self.fail("This character is not valid Unicode (a lone surrogate).")
        name = _CONTROL_NAMES.get(char, "A control character")
        self.fail(f"{name} within a string is written {_CONTROL_ESCAPES.get(char, f'\\u{ord(char):04x}')}.")

    def escape(self) -> str:
        r"""What an escape stands for. `\{{` and, as JSON writes a backslash, `\\{{` are a literal `{{`."""
        for literal in ("\\{{", "\\\\{{"):
            if self.text.startswith(literal, self.position):
                self.position += len(literal)
                return "{{"
        letter = self.text[self.position + 1 : self.position + 2]
        if letter == "u":
            return self.unicode_escape()
        if letter not in _ESCAPES:
            self.fail(f"“\\{letter}” is not a JSON escape; a backslash is written “\\\\”.")
        self.position += 2
        return _ESCAPES[letter]

    def placeholder(self) -> Placeholder:
        start = self.position
        match = _PLACEHOLDER.match(self.text, start)
        if not match:
            self.fail(self.bad_placeholder(start), start)
        name = match.group(1)
        if len(name) > MAX_NAME:
            self.fail(f"A variable's name has at most {MAX_NAME} characters.", start, name)
        self.position = match.end()
        line, column = self.place(start)
        return Placeholder(ALIASES.get(name, name), line, column)

    def bad_placeholder(self, start: int) -> str:
        end = self.text.find("}}", start)
        line_end = self.text.find("\n", start)
        if end < 0 or 0 <= line_end < end:
            return r"This “{{” is never closed with “}}”. For two plain braces write “\{{”."
        if self.text.startswith("{{{", start):
            return "A placeholder has two braces on each side, and cannot be a key."
        inside = self.text[start + 2 : end].strip()
        if not inside:
            return "This placeholder names no variable."
        return rf"{_quoted(inside[:40])} is not a variable's name. For two plain braces write “\{{{{”."

    def plain_text(self) -> tuple[str | Placeholder, ...]:
        parts: list[str | Placeholder] = []
        while not self.at_end():
            if self.text.startswith("{{", self.position):
                parts.append(self.placeholder())
                continue
            if self.text.startswith("\\{{", self.position):
                parts.append("{{")
                self.position += 3
                continue
            match = _UP_TO_PLACEHOLDER.match(self.text, self.position + 1)
            end = match.end() if match else self.position + 1
            parts.append(self.text[self.position : end])
            self.position = end
        return tuple(parts)


def _as_node(parts: list[str | Placeholder]) -> Node:
    """A string that is exactly one placeholder is that placeholder: it takes the variable's type."""
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return parts[0]
    return Text(tuple(parts))


def _quoted(text: str) -> str:
    return f"“{text}”"
