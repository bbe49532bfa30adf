"""What a pasted cURL command or an OpenAPI document comes to: one request, with what was replaced in it and what is still to be asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

type LooksSecret = Callable[[str], bool]  # whether a header of that name carries a credential
type Answers = Mapping[str, str]  # what the person gave for the placeholders, by name

MAX_HEADERS = 200
MAX_PLACEHOLDERS = 100
MAX_FILLED = 1 << 20  # characters of one text with the answers in it: as long as a body may be


class ImportRefused(Exception):
    """What was pasted is not taken, and `message` says why. Line and column count from 1; 0 where there is no place to point at."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"Line {line}, column {column}: {message}" if line else message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class ImportedHeader:
    """One header. A secret's `value` is what follows the prefix, as it was pasted or answered; "" where it is not known yet."""

    name: str
    value: str = field(default="", repr=False)
    secret: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A placeholder that only the person can fill in. `place` says in words where the answer goes."""

    name: str
    written: str
    place: str
    header: str = ""
    prefix: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Replacement:
    """A message text in the body that became a placeholder."""

    text: str
    placeholder: str


@dataclass(frozen=True, slots=True)
class ReadingPaths:
    """Where the answer's parts are, as far as that is certain; "" where it is not."""

    output: str = ""
    input_tokens: str = ""
    output_tokens: str = ""


NO_PATHS = ReadingPaths()


@dataclass(frozen=True, slots=True)
class ImportedRequest:
    """A request as the page *Custom API integration* takes it.

    `body` is a template, `literal_body` the same one before any message text was replaced (for Undo). `needs_profile` says why the
    credential cannot be a header, and "" where it can.
    """

    method: str
    url: str
    headers: tuple[ImportedHeader, ...] = ()
    body: str = ""
    literal_body: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    replacements: tuple[Replacement, ...] = ()
    paths: ReadingPaths = NO_PATHS
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()
    needs_profile: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The prompt variables that the body uses."""
        return tuple(dict.fromkeys(replacement.placeholder for replacement in self.replacements))
