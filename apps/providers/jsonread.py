"""JSON answers, read strictly and within bounds (spec 07 C3)."""

import json
import re

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import JsonValue

MAX_DEPTH = 200
MAX_DIGITS = 4300
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(body: bytes) -> JsonValue:
    """The value that a response body holds. Raises ProviderError(NOT_JSON) with the reason and the place."""
    text = _decode(body)
    if not text.strip(" \t\r\n"):
        raise _not_json("The response is empty where a JSON document was expected.")
    try:
        return parse_text(text)
    except ValueError as problem:
        raise _not_json(f"The response is not usable JSON: {problem}.", _hint_for(text)) from None


def parse_text(text: str) -> JsonValue:
    """The value that a JSON text holds, within the bounds of C3. Raises ValueError with the reason as half a sentence."""
    try:
        value: JsonValue = json.loads(text, parse_int=_whole_number, parse_float=_decimal_number, parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        raise ValueError(_reason(problem)) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if depth_exceeds(value, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)
    return value


def depth_exceeds(value: object, limit: int) -> bool:
    """Whether lists and objects are nested more than `limit` deep. Walks level by level, so it never recurses."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [child for parent in level for child in children(parent) if isinstance(child, dict | list)]
    return bool(level)


def children(value: object) -> list[object]:
    """The values directly inside a list or an object."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def storable[T: JsonValue](value: T) -> T:
    """The same value with U+0000 and lone surrogates replaced by U+FFFD: PostgreSQL and UTF-8 refuse them.

    Expects what `parse_json` returns, whose depth is bounded.
    """
    return _storable(value)  # type: ignore[return-value]  # a string stays a string, a list a list, and so on


def _storable(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("\ufffd", key): _storable(item) for key, item in value.items()}
    return value


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _not_json(f"The response is not UTF-8 text: byte {problem.start + 1} does not belong there.") from None


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits")
    return int(digits)


def _decimal_number(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits")
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is larger than a double can hold")
    return number


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not a JSON value")


def _reason(problem: json.JSONDecodeError) -> str:
    return f"{problem.msg[:1].lower()}{problem.msg[1:]} at line {problem.lineno}, column {problem.colno}"


def _hint_for(text: str) -> str:
    start = text.lstrip()[:100].lower()
    if start.startswith("<"):
        return "The server answered with a web page: check the path of the endpoint URL."
    if start.startswith(("data:", "event:", ":")):
        return "The server answered with a stream of events: switch streaming off in the body."
    return "Look at the response as text to see what the server sent."


def _not_json(message: str, hint: str = "") -> ProviderError:
    return ProviderError(ErrorKind.NOT_JSON, message, hint or "Check that the endpoint URL is the API's, and that it answers in JSON.")
