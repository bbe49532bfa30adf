"""Finds the message in a request body of a known shape, and puts {{prompt}} and {{system_prompt}} in its place.

Only shapes that are certain: a wrong replacement costs the reader more than one to make by hand.
"""

from dataclasses import dataclass
from typing import cast

from apps.providers.body_template import Slot
from apps.providers.imported import Replacement
from apps.providers.types import JsonValue

type JsonObject = dict[str, JsonValue]
type Place = tuple[JsonObject | list[JsonValue], str | int]  # where a text stands: its parent, and its key or index

PROMPT = Slot("{{prompt}}")
SYSTEM_PROMPT = Slot("{{system_prompt}}")
_SYSTEM_ROLES = ("system", "developer")
_USER_ROLES = ("user", "USER", "User", None)
_SYSTEM_KEYS = ("system", "systemInstruction", "system_instruction", "preamble", "instructions")
# What a body holds the prompt in when it has no messages. Exactly one of them, or none is taken.
_PROMPT_KEYS = ("prompt", "inputs", "inputText", "input", "message", "question", "query", "instruction")
_WRAPPERS = ("input", "inputs", "instances", "body", "request")


@dataclass(frozen=True, slots=True)
class Recognized:
    """The body with placeholders, and what they stand for."""

    body: JsonValue
    replacements: tuple[Replacement, ...]


def recognize(body: JsonValue) -> Recognized:
    """A copy of the body in which the message text is replaced."""
    copied = _copy(body)
    places = _places(copied)
    if not places and isinstance(copied, dict):
        inner = (_first_object(copied[key]) for key in _WRAPPERS if key in copied)
        places = next((found for wrapped in inner if wrapped is not None and (found := _places(wrapped))), [])
    replacements = []
    for (parent, key), slot in places:
        replacements.append(Replacement(cast(str, _at(parent, key)), str(slot)[2:-2]))
        _put(parent, key, slot)
    return Recognized(copied, tuple(replacements))


def _places(body: JsonValue) -> list[tuple[Place, Slot]]:
    if not isinstance(body, dict):
        return []
    user = _user_place(body)
    if user is None:
        return []
    system = _system_place(body)
    return [*([(system, SYSTEM_PROMPT)] if system else []), (user, PROMPT)]


def _user_place(body: JsonObject) -> Place | None:
    for key in ("messages", "contents", "input"):
        turns = body.get(key)
        turns = [turns] if key == "contents" and isinstance(turns, dict) else turns
        if isinstance(turns, list) and turns and all(isinstance(turn, dict) for turn in turns):
            return _last_user_text(cast(list[JsonObject], turns))
    keys = [key for key in _PROMPT_KEYS if isinstance(body.get(key), str)]
    if len(keys) == 1:
        return body, keys[0]
    prompts = body.get("prompt")
    if not keys and isinstance(prompts, list) and len(prompts) == 1 and isinstance(prompts[0], str):
        return prompts, 0
    return None


def _last_user_text(turns: list[JsonObject]) -> Place | None:
    users = [turn for turn in turns if turn.get("role") in _USER_ROLES]
    return next((place for turn in reversed(users) if (place := _text_in_turn(turn, last=True))), None)


def _system_place(body: JsonObject) -> Place | None:
    turns = body.get("messages", body.get("input"))
    if isinstance(turns, list):
        systems = [turn for turn in turns if isinstance(turn, dict) and turn.get("role") in _SYSTEM_ROLES]
        if place := next((place for turn in systems if (place := _text_in_turn(turn, last=False))), None):
            return place
    return next((place for key in _SYSTEM_KEYS if (place := _text_of(body, key, last=False))), None)


def _text_in_turn(turn: JsonObject, *, last: bool) -> Place | None:
    return next((place for key in ("content", "parts") if (place := _text_of(turn, key, last=last))), None)


def _text_of(parent: JsonObject, key: str, *, last: bool) -> Place | None:
    """The text under a key: the string itself, or that of its first or last text part."""
    value = parent.get(key)
    if isinstance(value, str):
        return parent, key
    if isinstance(value, dict):
        return _text_of(value, "parts", last=last) or _text_of(value, "text", last=last)
    if not isinstance(value, list):
        return None
    texts = [part for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return (texts[-1 if last else 0], "text") if texts else None


def _first_object(value: JsonValue) -> JsonObject | None:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def _copy(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _copy(member) for key, member in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _at(parent: JsonObject | list[JsonValue], key: str | int) -> JsonValue:
    return parent[cast(int, key)] if isinstance(parent, list) else parent[cast(str, key)]


def _put(parent: JsonObject | list[JsonValue], key: str | int, value: JsonValue) -> None:
    if isinstance(parent, list):
        parent[cast(int, key)] = value
    else:
        parent[cast(str, key)] = value
