"""The body of an imported request: read as JSON, its message replaced by placeholders, streaming switched off, and its paths known."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from apps.providers.body_template import read_json, write_template
from apps.providers.imported import NO_PATHS, ImportRefused, Question, ReadingPaths, Replacement
from apps.providers.known_calls import reading_paths, without_streaming
from apps.providers.masking import literal_pieces
from apps.providers.message_text import recognize
from apps.providers.placeholders import MARKED, WHOLE, Marks, is_no_credential
from apps.providers.secret_names import holds_credential
from apps.providers.types import JsonValue

_TOKEN = re.compile(r"placeholder-([0-9]+)-")
_TOKEN_OF_NAME = re.compile(r"placeholder-[0-9]+-[0-9]+-")


@dataclass(frozen=True, slots=True)
class ImportedBody:
    """What a pasted body comes to; `url` is the address with its streaming form taken back."""

    url: str
    template: str = ""
    literal: str = ""
    replacements: tuple[Replacement, ...] = ()
    paths: ReadingPaths = NO_PATHS
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def read_body(text: str | None, url: str, marks: Marks) -> ImportedBody:
    """The body of a command. Raises ImportRefused for one that is not JSON."""
    if text is None:
        return ImportedBody(url)
    written, names = _as_tokens(text, marks)
    try:
        value, mended = read_json(written)
    except ValueError as problem:
        return _unreadable(text, url, names, marks, problem)
    found = import_body(_marked(value, names), url, marks)
    return replace(found, notes=(*mended, *found.notes))


def import_body(value: JsonValue, url: str, marks: Marks) -> ImportedBody:
    """A body that is JSON already; strings in it may hold marks."""
    plain = without_streaming(url, value)
    emptied = without_credentials(plain.body)
    recognized = recognize(emptied.body)
    asker = _Asker(marks)
    body = asker.filled(recognized.body)
    literal = _Asker(marks).filled(emptied.body)
    notes = (*plain.notes, *emptied.notes)
    replacements = tuple(Replacement(marks.unmarked(old.text), old.placeholder) for old in recognized.replacements)
    if not replacements:
        notes = (*notes, "No message text was recognized in the body. Put {{prompt}} where the prompt goes.")
    return ImportedBody(
        plain.url,
        write_template(body),
        write_template(literal),
        replacements,
        reading_paths(plain.url, plain.body),
        tuple(asker.questions.values()),
        notes,
        emptied.secrets,
    )


def _as_tokens(text: str, marks: Marks) -> tuple[str, dict[str, str]]:
    """The text with each mark as a word that stands nowhere else in it, so that JSON can be read; and the names by those words."""
    names = list(dict.fromkeys(MARKED.findall(text)))
    taken = set(_TOKEN.findall(text))
    number = next(number for number in itertools.count() if str(number) not in taken)
    tokens = {name: f"placeholder-{number}-{index}-" for index, name in enumerate(names)}
    return MARKED.sub(lambda match: tokens[match.group(1)], text), {token: name for name, token in tokens.items()}


def _marked(value: JsonValue, names: dict[str, str]) -> JsonValue:
    if isinstance(value, str):
        return _TOKEN_OF_NAME.sub(lambda match: f"\0{names[match.group()]}\0" if match.group() in names else match.group(), value)
    if isinstance(value, list):
        return [_marked(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _marked(member, names) for key, member in value.items()}
    return value


def _unreadable(text: str, url: str, names: dict[str, str], marks: Marks, problem: ValueError) -> ImportedBody:
    """A body whose placeholders stand outside of strings can only be read once they are answered."""
    if names:
        questions = tuple(Question(name, marks.written[name], "the body") for name in names.values())
        return ImportedBody(url, questions=questions)
    if "=" in text.partition("{")[0] and not text.lstrip().startswith(("{", "[", '"')):
        raise ImportRefused("The body is form data (name=value), and a custom integration sends JSON.")
    raise ImportRefused(f"The body is not JSON: {problem}.")


@dataclass(frozen=True, slots=True)
class Emptied:
    """A body without credentials, a note on each, and the values that were taken out."""

    body: JsonValue
    notes: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)


def without_credentials(value: JsonValue) -> Emptied:
    """The body with members like “api_key” left empty: a definition's body is stored in the open."""
    found: list[tuple[str, str]] = []

    def emptied(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [emptied(item) for item in value]
        if not isinstance(value, dict):
            return value
        secret = {name: str(member) for name, member in value.items() if _is_credential(name, member)}
        found.extend(secret.items())
        return {name: "" if name in secret else emptied(member) for name, member in value.items()}

    body = emptied(value)
    notes = (f"The value of “{name}” is left out: a body is stored in the open. Send a key as a header." for name in dict(found))
    pieces = (literal_pieces(secret, MARKED) if MARKED.search(secret) else [secret] for _, secret in found if not is_no_credential(secret))
    return Emptied(body, tuple(notes), tuple(piece for some in pieces for piece in some))


def _is_credential(name: str, member: JsonValue) -> bool:
    return isinstance(member, str) and bool(member) and holds_credential(name)


class _Asker:
    """Puts the answers into a body, and asks for what has none: variables, and strings that are a placeholder as a whole."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.questions: dict[str, Question] = {}

    def filled(self, value: JsonValue, key: str = "") -> JsonValue:
        if isinstance(value, list):
            return [self.filled(item, key) for item in value]
        if isinstance(value, dict):
            return {name: self.filled(member, name) for name, member in value.items()}
        if type(value) is not str:  # a Slot is a string that is ready
            return value
        if WHOLE.fullmatch(value) and not self.marks.is_answered(value):
            value = self.marks.mark_as(key or value, value)
        value = self.marks.fill(value)
        for name in self.open_names(value):
            self.questions[name] = Question(name, self.marks.written[name], f"“{key}” in the body" if key else "the body")
        return self.marks.unmarked(value)

    def open_names(self, value: str) -> Iterator[str]:
        """Its placeholders; between two NULs that are written as escapes stands none."""
        return (name for name in dict.fromkeys(MARKED.findall(value)) if name in self.marks.written)
