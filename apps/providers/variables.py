"""Template variables: their names, and the values that callers give them (spec 02, Templates)."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from apps.providers.errors import ErrorKind, VariableError
from apps.providers.jsonread import MAX_DEPTH, children, depth_exceeds, parse_text
from apps.providers.types import DataType, JsonValue, Variable

MAX_NAME = 64
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
ALIASES: Final = {"system.prompt": "system_prompt"}

PROMPT: Final = Variable("prompt", "Prompt", DataType.STRING, required=True)
SYSTEM_PROMPT: Final = Variable("system_prompt", "System prompt", DataType.STRING)
EXAMPLES: Final = Variable("examples", "Examples", DataType.JSON)
BUILT_IN: Final = (PROMPT, SYSTEM_PROMPT, EXAMPLES)

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_variable_name(name: str) -> None:
    """Raise ValueError with a sentence when a custom variable cannot have this name."""
    if not name:
        raise ValueError("Enter a name.")
    if len(name) > MAX_NAME:
        raise ValueError(f"A name has at most {MAX_NAME} characters; this one has {len(name)}.")
    if not VARIABLE_NAME.fullmatch(name):
        raise ValueError("A name begins with a letter or “_”, then letters, digits, “_”, “.” and “-”; no blanks.")
    if name in ALIASES or any(name == variable.name for variable in BUILT_IN):
        raise ValueError(f"“{name}” is the name of a prompt variable; choose another one.")


def coerce_value(variable: Variable, raw: str) -> JsonValue:
    """The typed value of what somebody wrote in a form field. Raises VariableError(BAD_VALUE) naming the variable.

    An empty field of a Number, Boolean or JSON variable is no value at all: leave it out, as `coerce_values` does.
    """
    if _SURROGATE.search(raw):
        raise _bad(variable, "contains a character that is not valid Unicode (a lone surrogate)")
    match variable.data_type:
        case DataType.STRING:
            return raw.replace("\r\n", "\n")  # browsers send a text area's line breaks as CR LF; nobody typed the CR
        case DataType.NUMBER:
            return _read_number(variable, raw.strip())
        case DataType.BOOLEAN:
            return _read_boolean(variable, raw.strip())
        case DataType.JSON:
            return _read_json(variable, raw)


def coerce_values(variables: Iterable[Variable], raw: Mapping[str, str]) -> dict[str, JsonValue]:
    """The typed values of a form's fields, by name; an empty field counts as not given. Raises like `coerce_value`."""
    fields = ((variable, raw.get(variable.name, "")) for variable in variables)
    return {variable.name: coerce_value(variable, text) for variable, text in fields if text.strip()}


class Values:
    """What each variable holds in one call: the given value, else the default, else "" for a String, else nothing."""

    def __init__(self, variables: Iterable[Variable], given: Mapping[str, JsonValue]) -> None:
        """Raises VariableError(MISSING_VARIABLE) for a required variable without value, (BAD_VALUE) for one of the wrong type."""
        self._variables = {variable.name: variable for variable in variables}
        self._values: dict[str, JsonValue] = {}
        self._json: dict[str, str] = {}
        for variable in self._variables.values():
            self._settle(variable, variable.name in given, given.get(variable.name))

    def _settle(self, variable: Variable, given: bool, value: JsonValue) -> None:
        is_null = value is None and variable.data_type is not DataType.JSON  # null is a value of the JSON type only
        if given and not is_null:
            self._values[variable.name] = _checked(variable, value)
        elif variable.default is not None:
            self._values[variable.name] = _checked(variable, variable.default)
        elif variable.required:
            raise missing(variable.name)
        elif variable.data_type is DataType.STRING:
            self._values[variable.name] = ""

    def knows(self, name: str) -> bool:
        """Whether there is a variable of that name."""
        return name in self._variables

    def has(self, name: str) -> bool:
        """Whether that variable holds a value, so that its place in the body stays."""
        return name in self._values

    def as_json(self, name: str) -> str:
        """The value as JSON text."""
        if name not in self._json:
            self._json[name] = compact_json(self._values[name])
        return self._json[name]

    def as_text(self, name: str) -> str:
        """The value as it stands within a longer string: a String as it is, other types as compact JSON, nothing as ""."""
        value = self._values.get(name)
        if self._variables[name].data_type is DataType.STRING and isinstance(value, str):
            return value
        return self.as_json(name) if name in self._values else ""


def compact_json(value: JsonValue) -> str:
    """JSON without blanks, in readable characters."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def missing(name: str) -> VariableError:
    """The error for a variable that needs a value and has none."""
    return VariableError(ErrorKind.MISSING_VARIABLE, name, f"The variable “{name}” needs a value.", "Give it a value, or set a default.")


def refuse_undeclared(variables: Iterable[Variable], values: Mapping[str, JsonValue]) -> None:
    """What the definition cannot carry is refused, never dropped in silence (spec 04); an empty value asks for nothing."""
    declared = {variable.name for variable in variables}
    for name, value in values.items():
        if name not in declared and value not in (None, ""):
            message = f"This model takes no “{name}”: its definition has no such variable."
            raise VariableError(
                ErrorKind.UNKNOWN_VARIABLE, name, message, "Add the variable to the model's definition, or leave the value out."
            )


def _bad(variable: Variable, reason: str) -> VariableError:
    hint = f"“{variable.name}” is of the type {variable.data_type.label}."
    return VariableError(ErrorKind.BAD_VALUE, variable.name, f"The value of “{variable.name}” {reason}.", hint)


def _checked(variable: Variable, value: JsonValue) -> JsonValue:
    problem = _PROBLEMS[variable.data_type](value)
    if problem:
        raise _bad(variable, problem)
    return value


def _string_problem(value: object) -> str:
    if not isinstance(value, str):
        return "is not text"
    return "contains a character that is not valid Unicode (a lone surrogate)" if _SURROGATE.search(value) else ""


def _number_problem(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is not a number"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is not a finite number"
    return "has too many digits" if value.bit_length() > 14_000 else ""  # Python writes at most 4,300 digits, that is 14,284 bits


def _boolean_problem(value: object) -> str:
    return "" if isinstance(value, bool) else "is neither true nor false"


def _json_problem(value: object) -> str:
    if depth_exceeds(value, MAX_DEPTH):
        return f"is nested more than {MAX_DEPTH} levels deep"
    pending = [value]
    while pending:
        item = pending.pop()
        problem = _json_item_problem(item)
        if problem:
            return problem
        pending.extend(children(item))
    return ""


def _json_item_problem(item: object) -> str:
    if isinstance(item, dict):
        return next((problem for key in item if (problem := _string_problem(key))), "")
    if isinstance(item, str):
        return _string_problem(item)
    if item is None or isinstance(item, bool | list):
        return ""
    return _number_problem(item) and "is not a JSON value"


_PROBLEMS = {
    DataType.STRING: _string_problem,
    DataType.NUMBER: _number_problem,
    DataType.BOOLEAN: _boolean_problem,
    DataType.JSON: _json_problem,
}


def _read_number(variable: Variable, raw: str) -> int | float:
    if not NUMBER.fullmatch(raw):
        instead = raw.replace(",", ".")
        advice = f"; write {instead}" if instead != raw and NUMBER.fullmatch(instead) else ""
        raise _bad(variable, f"is not a number{advice}")
    try:
        number = int(raw) if raw.lstrip("-").isdigit() else float(raw)
    except ValueError:
        raise _bad(variable, "has too many digits") from None
    _checked(variable, number)
    return number


def _read_boolean(variable: Variable, raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise _bad(variable, "is neither true nor false")
    return raw.lower() == "true"


def _read_json(variable: Variable, raw: str) -> JsonValue:
    try:
        value = parse_text(raw)
    except ValueError as problem:
        raise _bad(variable, f"is not JSON: {problem}") from None
    return _checked(variable, value)
