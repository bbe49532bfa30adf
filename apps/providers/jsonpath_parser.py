"""The parser of JSON paths: the part of RFC 9535 that reading an answer needs (spec 02, JSON paths).

An own parser, because a library either accepts more than the standard (and then reads some of it wrongly) or cannot bound the
evaluation. What is refused is refused with the reason, the place and, where there is one, the right spelling.
"""

import re
from typing import NoReturn

from apps.providers.jsonpath_nodes import (
    And,
    Comparison,
    Condition,
    Constant,
    Exists,
    Filter,
    Index,
    Name,
    Not,
    Or,
    Query,
    Segment,
    Selector,
    Slice,
    Wildcard,
)
from apps.providers.scanning import Scanner

MAX_LENGTH = 512
MAX_DESCENTS = 2
MAX_NESTING = 20  # parentheses, negations and filters within filters
MAX_INTEGER = (1 << 53) - 1


class PathInvalid(ValueError):
    """The text is not a path that is read. `position` counts characters from 0; `suggestion` is the right spelling, or ""."""

    def __init__(self, message: str, position: int, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.suggestion = suggestion


_SHORT_NAME = re.compile("[A-Za-z_\x80-\ud7ff\ue000-\U0010ffff][A-Za-z0-9_\x80-\ud7ff\ue000-\U0010ffff]*")
_INTEGER = re.compile(r"-?[0-9]+")
_STRICT_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_OPERATOR = re.compile("==|!=|<=|>=|<|>")
_PLAIN = re.compile("[^'\"\\\\\x00-\x1f\ud800-\udfff]+")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\"}
_KEYWORDS = {"true": True, "false": False, "null": None}
_OTHER_OPERATORS = {"=~": "Regular expressions are not read.", "===": "Write ==.", "=": "Write ==.", "<>": "Write !=."}
_DOTTED_INDEX = re.compile(r"\.(\d+)(?=[.\[]|$)")
_HYPHENATED = re.compile(r"(?<=[.$])([A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+)|^([A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+)")


def parse_segments(text: str) -> tuple[Segment, ...]:
    """The steps of a path. Raises PathInvalid."""
    if not text:
        raise PathInvalid("Enter a path, such as choices[0].message.content.", 0)
    if len(text) > MAX_LENGTH:
        raise PathInvalid(f"A path has at most {MAX_LENGTH} characters; this one has {len(text)}.", MAX_LENGTH)
    return _Parser(text).path()


def quote_name(name: str) -> str:
    """The name as a step of a path: `.name` where that is allowed, else `['name']`."""
    if _SHORT_NAME.fullmatch(name):
        return f".{name}"
    return "['" + "".join(_quoted_char(char) for char in name) + "']"


def _quoted_char(char: str) -> str:
    if char in "'\\":
        return "\\" + char
    return f"\\u{ord(char):04x}" if ord(char) < 0x20 else char


class _Parser(Scanner):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.descents = 0
        self.nesting = 0

    def fail(self, message: str, at: int | None = None, suggestion: str = "") -> NoReturn:
        raise PathInvalid(message, self.position if at is None else at, suggestion)

    # Steps

    def path(self) -> tuple[Segment, ...]:
        if self.text.strip(" \t\r\n") != self.text:
            blank_first = self.text[0] in " \t\r\n"
            self.fail("Remove the blanks around the path.", 0 if blank_first else len(self.text) - 1, self.text.strip(" \t\r\n"))
        first: tuple[Segment, ...] = ()
        if self.take("$"):
            pass
        elif self.peek() == "*" or _SHORT_NAME.match(self.text):
            first = (self.short_segment(descends=False),)  # the `$.` in front may be left out
        elif self.peek() not in ("[", ".") or (self.peek() == "." and not self.text.startswith("..")):
            self.fail_at_start()
        segments = (*first, *self.segments())
        if self.position < len(self.text):
            self.fail_at_step()
        return segments

    def segments(self) -> tuple[Segment, ...]:
        found: list[Segment] = []
        while (segment := self.segment()) is not None:
            found.append(segment)
        return tuple(found)

    def segment(self) -> Segment | None:
        before = self.position
        self.skip_blanks()
        if self.text.startswith("..", self.position):
            return self.descent()
        if self.peek() == "[":
            return Segment(self.bracket())
        if self.take("."):
            return self.short_segment(descends=False)
        self.position = before
        return None

    def descent(self) -> Segment:
        self.descents += 1
        if self.descents > MAX_DESCENTS:
            self.fail(f"A path has at most {MAX_DESCENTS} “..” steps.")
        self.position += 2
        if self.peek() == "[":
            return Segment(self.bracket(), descends=True)
        return self.short_segment(descends=True)

    def short_segment(self, *, descends: bool) -> Segment:
        if self.take("*"):
            return Segment((Wildcard(),), descends)
        match = _SHORT_NAME.match(self.text, self.position)
        if not match:
            self.fail_at_name()
        self.position = match.end()
        if self.peek() == "(":
            self.fail("Functions are not read.", match.start())
        return Segment((Name(match.group()),), descends)

    def bracket(self) -> tuple[Selector, ...]:
        self.position += 1
        selectors: list[Selector] = []
        while True:
            self.skip_blanks()
            selectors.append(self.selector())
            self.skip_blanks()
            if self.take("]"):
                return tuple(selectors)
            if not self.take(","):
                self.fail("A “]” is missing." if self.at_end() else "A “]” or “,” is expected here.")

    def selector(self) -> Selector:
        char = self.peek()
        if char and char in "'\"":
            return Name(self.quoted())
        if self.take("*"):
            return Wildcard()
        if self.take("?"):
            self.skip_blanks()
            return Filter(self.nested_condition())
        if char and char in "-0123456789:":
            return self.index_or_slice()
        self.fail_at_selector(char)

    def index_or_slice(self) -> Selector:
        start = self.optional_integer()
        before = self.position
        self.skip_blanks()
        if not self.take(":"):
            self.position = before
            return Index(0 if start is None else start)
        self.skip_blanks()
        stop = self.optional_integer()
        self.skip_blanks()
        step = None
        if self.take(":"):
            self.skip_blanks()
            step = self.optional_integer()
        return Slice(start, stop, 1 if step is None else step)

    def optional_integer(self) -> int | None:
        match = _INTEGER.match(self.text, self.position)
        if not match:
            if self.peek() == "-":
                self.fail("A number is expected after “-”.")
            return None
        if not _STRICT_INTEGER.fullmatch(match.group()):
            self.fail(
                "An index is written without leading zeros, and zero without a sign.",
                suggestion=self.replaced(match, str(int(match.group()))),
            )
        if abs(int(match.group())) > MAX_INTEGER:
            self.fail("This index is too large.")
        self.position = match.end()
        return int(match.group())

    # Filters

    def nested_condition(self) -> Condition:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail("This filter is nested too deep.")
        condition = self.any_of()
        self.nesting -= 1
        return condition

    def any_of(self) -> Condition:
        conditions = [self.all_of()]
        while self.take_operator("||"):
            conditions.append(self.all_of())
        return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))

    def all_of(self) -> Condition:
        conditions = [self.basic()]
        while self.take_operator("&&"):
            conditions.append(self.basic())
        return conditions[0] if len(conditions) == 1 else And(tuple(conditions))

    def basic(self) -> Condition:
        negated = self.take("!")
        self.skip_blanks()
        if self.take("("):
            condition = self.parenthesis()
            return Not(condition) if negated else condition
        start = self.position
        operand = self.operand()
        operator = self.comparison_operator()
        if operator:
            if negated:
                self.fail("A comparison is negated as a whole: !(…).", start)
            return self.comparison(operand, start, operator)
        if isinstance(operand, Constant):
            self.fail("A value alone is no condition: compare it with something.", start)
        return Not(Exists(operand)) if negated else Exists(operand)

    def parenthesis(self) -> Condition:
        self.skip_blanks()
        condition = self.nested_condition()
        self.skip_blanks()
        if not self.take(")"):
            self.fail("A “)” is expected here.")
        self.refuse_arithmetic()
        return condition

    def comparison(self, left: Query | Constant, start: int, operator: str) -> Comparison:
        self.skip_blanks()
        right_start = self.position
        right = self.operand()
        for operand, at in ((left, start), (right, right_start)):
            if isinstance(operand, Query) and not operand.is_singular:
                self.fail("Only a path to a single value can be compared: names and indexes.", at)
        self.refuse_arithmetic()
        return Comparison(left, operator, right)

    def comparison_operator(self) -> str:
        before = self.position
        self.skip_blanks()
        match = _OPERATOR.match(self.text, self.position)
        other = next((sign for sign in _OTHER_OPERATORS if self.text.startswith(sign, self.position)), "")
        if other and (not match or len(other) > len(match.group())):
            sign = {"=": "==", "===": "==", "<>": "!="}.get(other, "")
            fixed = self.text[: self.position] + sign + self.text[self.position + len(other) :] if sign else ""
            self.fail(f"“{other}” is not an operator. {_OTHER_OPERATORS[other]}", suggestion=fixed)
        if match:
            self.position = match.end()
            return match.group()
        self.refuse_arithmetic()
        self.position = before
        return ""

    def refuse_arithmetic(self) -> None:
        before = self.position
        self.skip_blanks()
        if not self.at_end() and self.peek() in "+-*/%":
            self.fail("Arithmetic is not read.")
        self.position = before

    def operand(self) -> Query | Constant:
        char = self.peek()
        if char and char in "@$":
            self.position += 1
            return Query(char == "$", self.segments())
        if char and char in "'\"":
            return Constant(self.quoted())
        if match := _NUMBER.match(self.text, self.position):
            self.position = match.end()
            exact = match.group(1) is None and match.group(2) is None
            return Constant(int(match.group()) if exact else float(match.group()))
        return self.keyword()

    def keyword(self) -> Constant:
        match = _SHORT_NAME.match(self.text, self.position)
        if not match:
            self.fail("The path ends within a filter." if self.at_end() else "A path from “@”, or a value, is expected here.")
        word = match.group()
        if word in _KEYWORDS:
            self.position = match.end()
            return Constant(_KEYWORDS[word])
        if self.text[match.end() : match.end() + 1] == "(":
            self.fail(f"Functions are not read: {word}().")
        if word.lower() in ("true", "false", "null", "none"):
            self.fail(
                "true, false and null are written in small letters.", suggestion=self.replaced(match, word.lower().replace("none", "null"))
            )
        self.fail("Within a filter, a path begins with “@”, and text stands in quotes.", suggestion=self.replaced(match, f"@.{word}"))

    # Strings

    def quoted(self) -> str:
        start, quote = self.position, self.peek()
        self.position += 1
        chars: list[str] = []
        while (char := self.peek()) != quote:
            if match := _PLAIN.match(self.text, self.position):
                chars.append(match.group())
                self.position = match.end()
            elif char == "\\":
                chars.append(self.escape(quote))
            elif char and char in "'\"":
                chars.append(char)
                self.position += 1
            else:
                self.fail(*(("A control character is written as an escape.",) if char else ("This quote is never closed.", start)))
        self.position += 1
        return "".join(chars)

    def escape(self, quote: str) -> str:
        letter = self.text[self.position + 1 : self.position + 2]
        if letter == "u":
            return self.unicode_escape()
        if letter != quote and letter not in _ESCAPES:
            self.fail(f"“\\{letter}” is not an escape.")
        self.position += 2
        return _ESCAPES.get(letter, letter)

    # What is wrong, and how it is written

    def fail_at_start(self) -> NoReturn:
        if self.peek() == "@":
            self.fail("A path begins at the whole response: with “$”, or with a name.", suggestion="$" + self.text[1:])
        if self.peek() == ".":
            self.fail("A path begins with “$” or a name, not with a dot.", suggestion=self.text.lstrip("."))
        if match := re.match(r"\d+(?=[.\[]|$)", self.text):
            self.fail("An index stands in brackets.", suggestion=_indexes_in_brackets(f"[{match.group()}]{self.text[match.end() :]}"))
        self.fail("A path begins with “$” or a name.")

    def fail_at_step(self) -> NoReturn:
        self.skip_blanks()
        char = self.peek()
        if char == "-":
            self.fail("A name with “-” stands in quotes and brackets.", suggestion=_hyphens_in_quotes(self.text))
        if char in "+*/%":
            self.fail("Arithmetic is not read.")
        if char == "(":
            self.fail("Functions are not read.")
        self.fail("A “.” or “[” is expected here.")

    def fail_at_name(self) -> NoReturn:
        char = self.peek()
        if not char:
            self.fail("The path ends after a dot.", suggestion=self.text.rstrip("."))
        if char.isdigit() and char.isascii():
            self.fail("An index stands in brackets.", suggestion=_indexes_in_brackets(self.text))
        if char in "'\"":
            self.fail("A quoted name stands in brackets.")
        if char == "[":
            self.fail("No dot stands before a bracket.", suggestion=self.text[: self.position - 1] + self.text[self.position :])
        if char in " \t\r\n":
            self.fail("No blank stands after a dot.")
        self.fail("A name is expected here.")

    def fail_at_selector(self, char: str) -> NoReturn:
        if not char:
            self.fail("A “]” is missing.")
        if char == "]":
            self.fail("The brackets are empty.", suggestion=self.text[: self.position] + "*" + self.text[self.position :])
        if char == "(":
            self.fail("Script expressions are not read.")
        if match := _SHORT_NAME.match(self.text, self.position):
            self.fail("A name in brackets stands in quotes.", suggestion=self.replaced(match, f"'{match.group()}'"))
        self.fail("An index, a quoted name, “*”, a slice or a filter is expected here.")

    def replaced(self, match: re.Match[str], instead: str) -> str:
        return self.text[: match.start()] + instead + self.text[match.end() :]

    def take_operator(self, sign: str) -> bool:
        before = self.position
        self.skip_blanks()
        if self.take(sign):
            self.skip_blanks()
            return True
        self.position = before
        return False


def _indexes_in_brackets(text: str) -> str:
    return _DOTTED_INDEX.sub(r"[\1]", text)


def _hyphens_in_quotes(text: str) -> str:
    fixed = _HYPHENATED.sub(lambda match: f"['{match.group()}']", text)
    return fixed.replace(".['", "['")
