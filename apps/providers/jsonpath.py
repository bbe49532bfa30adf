"""JSON paths: what is read from an answer (spec 02, JSON paths).

What is accepted gives RFC 9535's result, with two allowances: the leading `$.` may be left out, and a name that meets an array
applies to its elements (outside filters, and not in a `..` step, which visits the elements anyway). Evaluation stops after
`MAX_VISITS` values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from apps.providers.errors import ErrorKind, ProviderError
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
from apps.providers.jsonpath_parser import PathInvalid, parse_segments, quote_name
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

__all__ = ["JsonPath", "Leaf", "Match", "PathInvalid", "compile_path", "path_of", "read_output", "read_tokens", "walk_leaves"]

MAX_VISITS = 200_000
MAX_TOKENS = 2**31 - 1
_MAX_KEYS_SHOWN = 20

type Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A value that a path found, and the way to it."""

    steps: Steps
    value: JsonValue

    @property
    def path(self) -> str:
        """The path to exactly this value, such as `choices[0].message.content`."""
        return path_of(self.steps)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A compiled path."""

    text: str
    segments: tuple[Segment, ...] = field(repr=False)

    @property
    def is_multiple(self) -> bool:
        """Whether the path by itself may find several values: it has a wildcard, slice, filter, union or `..`.

        A path without any of them finds several only where a name meets an array.
        """
        return not Query(True, self.segments).is_singular

    def find(self, document: JsonValue) -> list[Match]:
        """Every match, in document order per step. Raises ProviderError(OUTPUT_PATH_NO_MATCH) when the search is too long."""
        return [Match(_steps(node), node.value) for node in _Evaluation(document).select(self.segments)]


@lru_cache(maxsize=1024)
def compile_path(text: str) -> JsonPath:
    """Compile a path of at most 512 characters. Raises PathInvalid with a sentence, the position and a suggestion."""
    return JsonPath(text, parse_segments(text))


def path_of(steps: Iterable[str | int]) -> str:
    """The path that reads the value at the end of these steps and nothing else; `$` for no steps.

    Expects the steps of a `storable` document: a path cannot name a key with a lone surrogate.
    """
    text = "".join(quote_name(step) if isinstance(step, str) else f"[{step}]" for step in steps)
    return text.removeprefix(".") or "$"


def read_output(path: JsonPath, document: JsonValue) -> str:
    """The text that the path picks out: all matches joined; a match that is not text as compact JSON.

    A path without wildcard, slice, filter, union or `..` has one match, unless a name in it meets an array.
    Raises ProviderError(OUTPUT_PATH_NO_MATCH), which names the response's top-level keys.
    """
    matches = path.find(document)
    if not matches:
        message = f"The output path {path.text} found nothing in the response, {_outline(document)}."
        raise ProviderError(ErrorKind.OUTPUT_PATH_NO_MATCH, message, "Test the model and click the value that holds the answer.")
    return "".join(match.value if isinstance(match.value, str) else compact_json(match.value) for match in matches)


def read_tokens(path: JsonPath | None, document: JsonValue) -> int | None:
    """The token count that the path picks out, several matches added up; None where it is unknown (spec 07 C4)."""
    if path is None:
        return None
    try:
        counts = [_token_count(match.value) for match in path.find(document)]
    except ProviderError:  # too long a search: the answer is good, only its count is unknown
        return None
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts) or sum(known) > MAX_TOKENS:
        return None
    return sum(known)


def _token_count(value: JsonValue) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_TOKENS else None


def _outline(document: JsonValue) -> str:
    match document:
        case dict() if document:
            keys = [key if len(key) <= 64 else f"{key[:64]}…" for key in list(document)[:_MAX_KEYS_SHOWN]]
            return f"whose top-level keys are {', '.join(keys)}{', …' if len(document) > _MAX_KEYS_SHOWN else ''}"
        case dict():
            return "which is an empty object"
        case list():
            return f"which is an array of {len(document)}"
        case _:
            return "which is a single value"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value without anything inside it: a scalar, or an empty object or array."""

    steps: Steps
    value: JsonValue

    @property
    def path(self) -> str:
        """The path that reads this value."""
        return path_of(self.steps)


def walk_leaves(document: JsonValue, limit: int = 10_000) -> Iterator[Leaf]:
    """The leaves of a document in its order, at most `limit` of them."""
    leaves = (Leaf(_steps(node), node.value) for node in _Evaluation(document).leaves())
    return islice(leaves, limit)


@dataclass(frozen=True, slots=True)
class _Node:
    """A value and the link back to where it was found: whole paths are only written for matches."""

    value: JsonValue
    step: str | int = ""
    parent: "_Node | None" = None


def _steps(node: _Node) -> Steps:
    steps: list[str | int] = []
    while node.parent is not None:
        steps.append(node.step)
        node = node.parent
    return tuple(reversed(steps))


class _Nothing:
    """What a comparison sees where a path finds nothing (RFC 9535, 2.3.5.2.2)."""


_NOTHING = _Nothing()
type _Operand = JsonValue | _Nothing


class _Evaluation:
    """One search through one document."""

    def __init__(self, document: JsonValue) -> None:
        self.root = _Node(document)
        self.visits = 0

    def visit(self, values: int = 1) -> None:
        self.visits += values
        if self.visits > MAX_VISITS:
            message = f"The path looks at more than {MAX_VISITS:,} values of this response."
            raise ProviderError(ErrorKind.OUTPUT_PATH_NO_MATCH, message, "Name the way to the value instead of using “..” or “*”.")

    def select(self, segments: tuple[Segment, ...], start: _Node | None = None) -> list[_Node]:
        """The nodes that the steps lead to. From a node within a filter (`start`), names do not apply to an array's elements."""
        nodes = [start or self.root]
        for segment in segments:
            spreads = start is None and not segment.descends
            origins = self.descendants(nodes) if segment.descends else nodes
            nodes = [found for origin in origins for selector in segment.selectors for found in self.apply(selector, origin, spreads)]
        return nodes

    def descendants(self, nodes: list[_Node]) -> Iterator[_Node]:
        """The nodes and everything below them, parents before children."""
        pending = list(reversed(nodes))
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(self.children(node)))

    def leaves(self) -> Iterator[_Node]:
        """The nodes with nothing below them, as far as the budget goes."""
        try:
            yield from (node for node in self.descendants([self.root]) if not (isinstance(node.value, dict | list) and node.value))
        except ProviderError:
            return

    def apply(self, selector: Selector, node: _Node, spreads: bool) -> Iterator[_Node]:
        self.visit()
        match selector:
            case Name(name):
                yield from self.by_name(name, node, spreads)
            case Index(index):
                yield from self.by_slice(slice(index, index + 1 or None), node)
            case Slice(start, stop, step):
                yield from self.by_slice(slice(start, stop, step), node) if step else ()
            case Wildcard():
                yield from self.children(node)
            case Filter(condition):
                yield from (child for child in self.children(node) if self.holds(condition, child))

    def by_name(self, name: str, node: _Node, spreads: bool) -> Iterator[_Node]:
        if isinstance(node.value, dict) and name in node.value:
            yield _Node(node.value[name], name, node)
        elif isinstance(node.value, list) and spreads:
            for child in self.children(node):
                yield from self.by_name(name, child, spreads)

    def by_slice(self, wanted: slice, node: _Node) -> Iterator[_Node]:
        if isinstance(node.value, list):
            for index in range(*wanted.indices(len(node.value))):
                self.visit()
                yield _Node(node.value[index], index, node)

    def children(self, node: _Node) -> list[_Node]:
        """The nodes directly inside, counted before any of them is made."""
        if isinstance(node.value, dict):
            self.visit(len(node.value))
            return [_Node(value, key, node) for key, value in node.value.items()]
        if isinstance(node.value, list):
            self.visit(len(node.value))
            return [_Node(value, index, node) for index, value in enumerate(node.value)]
        return []

    # Filters

    def holds(self, condition: Condition, node: _Node) -> bool:
        self.visit()
        match condition:
            case Exists(query):
                return bool(self.run(query, node))
            case Not(inner):
                return not self.holds(inner, node)
            case And(conditions):
                return all(self.holds(inner, node) for inner in conditions)
            case Or(conditions):
                return any(self.holds(inner, node) for inner in conditions)
            case Comparison(left, operator, right):
                return self.compare(self.operand(left, node), operator, self.operand(right, node))

    def run(self, query: Query, node: _Node) -> list[_Node]:
        return self.select(query.segments, self.root if query.from_root else node)

    def operand(self, operand: Query | Constant, node: _Node) -> _Operand:
        if isinstance(operand, Constant):
            return operand.value
        found = self.run(operand, node)
        return found[0].value if found else _NOTHING

    def compare(self, left: _Operand, operator: str, right: _Operand) -> bool:
        match operator:
            case "==":
                return self.equal(left, right)
            case "!=":
                return not self.equal(left, right)
            case "<":
                return _less(left, right)
            case ">":
                return _less(right, left)
            case "<=":
                return _less(left, right) or self.equal(left, right)
            case _:
                return _less(right, left) or self.equal(left, right)

    def equal(self, left: _Operand, right: _Operand) -> bool:
        """Equality by JSON types: true is not 1, nothing equals nothing."""
        self.visit()
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(self.equal(a, b) for a, b in zip(left, right, strict=True))
        if isinstance(left, dict) and isinstance(right, dict):
            return left.keys() == right.keys() and all(self.equal(value, right[key]) for key, value in left.items())
        return _kind(left) == _kind(right) and left == right


def _kind(value: _Operand) -> type:
    """The JSON type: whole and decimal numbers are one."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _less(left: _Operand, right: _Operand) -> bool:
    """Whether left is less: only numbers and only strings have an order."""
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    return isinstance(left, int | float) and isinstance(right, int | float) and left < right
