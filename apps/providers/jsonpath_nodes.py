"""What a compiled JSON path consists of (RFC 9535, without functions)."""

from dataclasses import dataclass

type Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A member of an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """An element of an array, from the end when negative."""

    index: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Elements of an array."""

    start: int | None
    stop: int | None
    step: int


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Every member or element."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The members or elements for which the condition holds."""

    condition: "Condition"


type Selector = Name | Index | Slice | Wildcard | Filter


@dataclass(frozen=True, slots=True)
class Segment:
    """A step: its selectors apply to the value, or to it and everything below it."""

    selectors: tuple[Selector, ...]
    descends: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A path within a filter: from the value in question (`@`), or from the whole document (`$`)."""

    from_root: bool
    segments: tuple[Segment, ...]

    @property
    def is_singular(self) -> bool:
        """Whether it finds one value at most."""
        return all(not s.descends and len(s.selectors) == 1 and isinstance(s.selectors[0], Name | Index) for s in self.segments)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in a filter."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Exists:
    """The query finds something."""

    query: Query


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values compared, by their types as RFC 9535 has it."""

    left: Query | Constant
    operator: str
    right: Query | Constant


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them holds."""

    conditions: tuple["Condition", ...]


type Condition = Exists | Comparison | Not | And | Or
