"""Reading a JSON body strictly: a missing field is None, one of the wrong type is refused with its place."""

import json

from apps.demo.provider.messages import Json, JsonObject, Refusal, Request, Why


def read_object(request: Request) -> JsonObject:
    """The request's body as a JSON object; Refusal(BAD_REQUEST) without a place when it is something else."""
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refusal(Why.BAD_REQUEST, f"the body is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Refusal(Why.BAD_REQUEST, "the body must be a JSON object")
    return value


def object_of(text: str) -> JsonObject:
    """A JSON object that travels as a text; Refusal(BAD_REQUEST) for something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(Why.BAD_REQUEST, f"the text is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise Refusal(Why.BAD_REQUEST, "the text must be a JSON object")
    return value


def text(source: JsonObject, name: str, where: str = "") -> str | None:
    value = source.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong(where + name, "text", value)


def number(source: JsonObject, name: str, where: str = "") -> int | float | None:
    value = source.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise _wrong(where + name, "a number", value)


def whole(source: JsonObject, name: str, where: str = "") -> int | None:
    value = source.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _wrong(where + name, "a whole number", value)


def flag(source: JsonObject, name: str, where: str = "") -> bool:
    value = source.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(where + name, "true or false", value)


def child(source: JsonObject, name: str, where: str = "") -> JsonObject | None:
    value = source.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise _wrong(where + name, "an object", value)


def objects(source: JsonObject, name: str, where: str = "") -> list[JsonObject]:
    """A list of objects; [] when the field is missing."""
    value = source.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(where + name, "a list", value)
    found: list[JsonObject] = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise _wrong(f"{where}{name}[{index}]", "an object", item)
        found.append(item)
    return found


def texts(source: JsonObject, name: str, where: str = "") -> tuple[str, ...]:
    """One text or a list of texts, as providers allow for stop sequences; () when the field is missing."""
    value = source.get(name)
    items = value if isinstance(value, list) else [] if value is None else [value]
    found = tuple(item for item in items if isinstance(item, str))
    if len(found) != len(items):
        raise _wrong(where + name, "a list of texts", value)
    return found


def required[T](value: T | None, where: str) -> T:
    if value is None or value in ("", []):
        raise Refusal(Why.BAD_REQUEST, "missing", where)
    return value


def _wrong(where: str, wanted: str, value: Json) -> Refusal:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return Refusal(Why.BAD_REQUEST, f"must be {wanted}, not {names.get(type(value), 'null')}", where)
