"""Reading a request strictly: every field is taken by somebody, or refused by name (spec 04: nothing is dropped in silence)."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from apps.providers.chat import JsonObject
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import MAX_DEPTH, depth_exceeds
from apps.providers.types import JsonValue

_LEAVE_OUT: Final = "Leave it out, or choose a model that speaks this API itself."
_MAX_PLACE: Final = 120  # characters of a field's name in a sentence


def wrong(place: str, wanted: str) -> ProviderError:
    """The error for a field that is not what the API says; `wanted` goes on after "must be"."""
    message = f"“{place[:_MAX_PLACE]}” must be {wanted}." if place else f"The request body must be {wanted}."
    return ProviderError(ErrorKind.INVALID_REQUEST, message, "Compare the request with the API's reference.")


def unsupported(place: str, hint: str = _LEAVE_OUT) -> ProviderError:
    """The error for a field, or a value of one, that only models of the caller's own format understand."""
    return ProviderError(ErrorKind.UNSUPPORTED, f"“{place[:_MAX_PLACE]}” has no counterpart in the API of this model.", hint)


def undecodable(problem: Exception, label: str) -> ProviderError:
    """The error for a body that msgspec refused."""
    if isinstance(problem, msgspec.ValidationError):
        message = f"The body is no request of {label}: {_in_words(str(problem))}."
    elif isinstance(problem, msgspec.DecodeError):
        message = f"The request body is not JSON: {_in_words(str(problem).removeprefix('JSON is malformed: '))}."
    elif isinstance(problem, RecursionError):
        message = f"The request body is nested more than {MAX_DEPTH} levels deep."
    else:
        message = "The request body is not UTF-8 text."
    return ProviderError(ErrorKind.INVALID_REQUEST, message, "Compare the request with the API's reference.")


_WORDS: Final = {
    "`object`": "an object",
    "`object | null`": "an object or null",
    "`array`": "a list",
    "`str`": "a text",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`bool | null`": "true or false, or null",
    "`null`": "null",
}


def _in_words(problem: str) -> str:
    """msgspec's reason as half a sentence: expected a text, got a whole number at “model”."""
    what, _, place = problem.partition(" - at `$")
    for word, meaning in _WORDS.items():
        what = what.replace(word, meaning)
    what = what[:1].lower() + what[1:]
    return f"{what} at “{place.strip('.`')}”" if place else what


def parse_body(body: bytes, label: str) -> JsonValue:
    """The request's JSON, within bounds. Raises ProviderError(INVALID_REQUEST)."""
    try:
        value: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as problem:
        raise undecodable(problem, label) from None
    if depth_exceeds(value, MAX_DEPTH):
        raise undecodable(RecursionError(), label)
    return value


class Fields:
    """One object of a request. null counts as not given."""

    def __init__(self, value: JsonValue, place: str = "") -> None:
        if not isinstance(value, dict):
            raise wrong(place, "an object")
        self.place = place
        self._left = {name: member for name, member in value.items() if member is not None}

    def at(self, name: str) -> str:
        """How the field is called in sentences."""
        return f"{self.place}.{name}" if self.place else name

    def take(self, name: str) -> JsonValue:
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise wrong(self.at(name), "a text")
        return value

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise wrong(self.at(name), "given")
        return value

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong(self.at(name), "a number")
        return value

    def limit(self, name: str) -> int | None:
        """A number of tokens, 1 or more."""
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise wrong(self.at(name), "a whole number of 1 or more")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(self.at(name), "true or false")
        return value

    def mapping(self, name: str) -> JsonObject | None:
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(self.at(name), "an object")
        return value

    def inner(self, name: str) -> "Fields":
        """The object of that name, which has to be there."""
        return Fields(self.take(name), self.at(name))

    def listed(self, name: str) -> list[tuple[str, JsonValue]]:
        """The items of a list, each with its place; none where it is not given."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            raise wrong(self.at(name), "a list")
        return [(f"{self.at(name)}[{position}]", item) for position, item in enumerate(value or [])]

    def objects(self, name: str) -> Iterator["Fields"]:
        return (Fields(item, place) for place, item in self.listed(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        items = self.listed(name)
        for place, item in items:
            if not isinstance(item, str):
                raise wrong(place, "a text")
        return tuple(str(item) for _, item in items)

    def is_text(self, name: str) -> bool:
        return isinstance(self._left.get(name), str)

    def ignore(self, names: Iterable[str]) -> None:
        """Take fields that change nothing of the answer."""
        for name in names:
            self._left.pop(name, None)

    def allow(self, name: str, *values: JsonValue) -> None:
        """Take a field if it asks for nothing more than what happens without it."""
        value = self._left.get(name)
        if any(value == neutral and isinstance(value, bool) is isinstance(neutral, bool) for neutral in values):
            self._left.pop(name, None)

    def done(self) -> None:
        """Raise ProviderError(UNSUPPORTED) for a field that nobody took."""
        for name in self._left:
            raise unsupported(self.at(name))
