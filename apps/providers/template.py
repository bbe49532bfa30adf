"""Request bodies: JSON with placeholders, parsed once, filled in as a tree (spec 02, Templates; spec 07 C1).

Values are put into the parsed tree, never into text, so no value can change the structure, and `{{...}}` within a value stays
what it is.

- `"{{n}}"` and `{{n}}` become the typed value; within a longer string a placeholder becomes the value's text.
- A literal `{{` is written with a backslash before it. In a JSON string both `\\{{` (as the spec prints it) and the JSON
  spelling of the same, with the backslash doubled, are read so. A real backslash before a placeholder is written as the JSON escape u005c.
"""

import difflib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from apps.providers.errors import ErrorKind, ProviderError, VariableError
from apps.providers.template_parser import (
    Array,
    Literal,
    Node,
    Object,
    Placeholder,
    TemplateInvalid,
    TemplateProblem,
    Text,
    parse,
    parse_parts,
    placeholders_of,
)
from apps.providers.types import JsonValue, Variable
from apps.providers.variables import (
    BUILT_IN,
    EXAMPLES,
    PROMPT,
    SYSTEM_PROMPT,
    VARIABLE_NAME,
    Values,
    check_variable_name,
    coerce_value,
    coerce_values,
    missing,
)

__all__ = [
    "BUILT_IN",
    "EXAMPLES",
    "MAX_BODY",
    "PROMPT",
    "SYSTEM_PROMPT",
    "VARIABLE_NAME",
    "Template",
    "TemplateInvalid",
    "TemplateProblem",
    "check_template",
    "check_text",
    "check_variable_name",
    "coerce_value",
    "coerce_values",
    "parse_template",
    "render",
    "render_text",
    "text_names",
]

MAX_BODY = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed body."""

    root: Node

    def placeholders(self) -> Iterator[Placeholder]:
        """Every placeholder, in the order in which they were written."""
        return placeholders_of(self.root)

    def names(self) -> frozenset[str]:
        """The variables that the body uses."""
        return frozenset(placeholder.name for placeholder in self.placeholders())


def parse_template(text: str) -> Template:
    """Parse a body. Raises TemplateInvalid, whose `problem` has line and column, counted from 1."""
    return Template(parse(text))


def check_template(
    text: str, variables: Iterable[Variable], *, used_elsewhere: Collection[str] = ()
) -> tuple[Template | None, list[TemplateProblem]]:
    """The template, or None when it is not one, and everything that is wrong with it: errors first, then warnings.

    `used_elsewhere` names the variables that header values use, so that those are not reported as unused.
    """
    try:
        template = parse_template(text)
    except TemplateInvalid as invalid:
        return None, [invalid.problem]
    variables = tuple(variables)
    used = template.names() | set(used_elsewhere)
    unused = [_unused(variable) for variable in variables if variable.required and variable.name not in used]
    return template, [*_unknown(template.placeholders(), variables), *unused]


def check_text(text: str, variables: Iterable[Variable]) -> list[TemplateProblem]:
    """Everything wrong with the placeholders in a plain text, such as a header value."""
    try:
        parts = parse_parts(text)
    except TemplateInvalid as invalid:
        return [invalid.problem]
    return _unknown((part for part in parts if isinstance(part, Placeholder)), variables)


def text_names(text: str) -> frozenset[str]:
    """The variables that a plain text uses; none where it is not well formed."""
    try:
        parts = parse_parts(text)
    except TemplateInvalid:
        return frozenset()
    return frozenset(part.name for part in parts if isinstance(part, Placeholder))


def render(template: Template, variables: Iterable[Variable], values: Mapping[str, JsonValue]) -> bytes:
    """The body to send: compact JSON in UTF-8, keys in the template's order. Values must have their variable's type.

    Raises VariableError (MISSING_VARIABLE, BAD_VALUE, UNKNOWN_VARIABLE) naming the variable, ProviderError(BODY_TOO_LARGE) over 1 MiB.
    """
    settled = Values(variables, values)
    _refuse_unknown(template.placeholders(), settled)
    if isinstance(template.root, Placeholder) and not settled.has(template.root.name):
        raise missing(template.root.name)
    writer = _Writer(settled)
    writer.write(template.root)
    return writer.body()


def render_text(text: str, variables: Iterable[Variable], values: Mapping[str, JsonValue]) -> str:
    """A plain text, such as a header value, with its placeholders filled in, in one pass. Raises as `parse_template` and `render` do."""
    if "{{" not in text:
        return text
    parts = parse_parts(text)
    settled = Values(variables, values)
    _refuse_unknown((part for part in parts if isinstance(part, Placeholder)), settled)
    return _joined(parts, settled, MAX_BODY)


class _Writer:
    """Writes a tree as JSON text, and stops as soon as it is too large."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.chunks: list[str] = []
        self.room = MAX_BODY  # characters: never more than the bytes which they become

    def body(self) -> bytes:
        body = "".join(self.chunks).encode()
        if len(body) > MAX_BODY:
            raise _too_large()
        return body

    def add(self, text: str) -> None:
        self.room -= len(text)
        if self.room < 0:
            raise _too_large()
        self.chunks.append(text)

    def write(self, node: Node) -> None:
        match node:
            case Placeholder(name):
                self.add(self.values.as_json(name))
            case Literal(text):
                self.add(text)
            case Text(parts):
                self.add(json.dumps(_joined(parts, self.values, self.room), ensure_ascii=False))
            case Array(items):
                self.write_all("[", (("", item) for item in items), "]")
            case Object(members):
                self.write_all("{", ((json.dumps(key, ensure_ascii=False) + ":", member) for key, member in members), "}")

    def write_all(self, opening: str, labelled: Iterable[tuple[str, Node]], closing: str) -> None:
        self.add(opening)
        separator = ""
        for label, node in labelled:
            if self.is_left_out(node):
                continue
            self.add(separator + label)
            self.write(node)
            separator = ","
        self.add(closing)

    def is_left_out(self, node: Node) -> bool:
        """Whether a member or element has a placeholder without a value (never a String, which is then "")."""
        if not isinstance(node, Placeholder | Text):
            return False
        return any(not self.values.has(placeholder.name) for placeholder in placeholders_of(node))


def _joined(parts: Iterable[str | Placeholder], values: Values, room: int) -> str:
    texts = [values.as_text(part.name) if isinstance(part, Placeholder) else part for part in parts]
    if sum(map(len, texts)) > room:  # before joining: the same large value may stand here many times
        raise _too_large()
    return "".join(texts)


def _refuse_unknown(placeholders: Iterable[Placeholder], values: Values) -> None:
    for placeholder in placeholders:
        if not values.knows(placeholder.name):
            place = f"line {placeholder.line}, column {placeholder.column}"
            message = f"There is no variable “{placeholder.name}” ({place})."
            raise VariableError(ErrorKind.UNKNOWN_VARIABLE, placeholder.name, message, "Add the variable, or correct the name.")


def _unknown(placeholders: Iterable[Placeholder], variables: Iterable[Variable]) -> list[TemplateProblem]:
    names = [variable.name for variable in variables]
    return [_unknown_problem(placeholder, names) for placeholder in placeholders if placeholder.name not in names]


def _unknown_problem(placeholder: Placeholder, names: list[str]) -> TemplateProblem:
    close = difflib.get_close_matches(placeholder.name, names, n=1)
    advice = f" Did you mean “{close[0]}”?" if close else ""
    message = f"There is no variable “{placeholder.name}”.{advice}"
    return TemplateProblem("unknown_variable", message, placeholder.line, placeholder.column, placeholder.name)


def _unused(variable: Variable) -> TemplateProblem:
    message = f"The required variable “{variable.name}” is not used in the body."
    return TemplateProblem("required_unused", message, 1, 1, variable.name, "warning")


def _too_large() -> ProviderError:
    hint = "Shorten the values, or send large content in parts."
    return ProviderError(ErrorKind.BODY_TOO_LARGE, f"The request body would be larger than {MAX_BODY:,} bytes.", hint)
