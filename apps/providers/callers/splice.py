"""Changing a few fields of a request's body in place: the rest passes through byte by byte (spec 04, spec 08)."""

import re
from collections.abc import Iterable
from typing import Final, cast

import msgspec

from apps.providers.callers.fields import undecodable
from apps.providers.errors import ErrorKind, ProviderError

_encode: Final = msgspec.json.Encoder().encode
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_options: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_DECIDING: Final = frozenset({"model", "stream", "stream_options"})
_BLANK: Final = rb"[ \t\r\n]*"
_KEY: Final = re.compile(_BLANK + rb"[{,]" + _BLANK + rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"' + _BLANK + b":" + _BLANK)
_END: Final = re.compile(_BLANK + b"}" + _BLANK)
_ASK: Final = b'"stream_options":{"include_usage":true},'


def splice(body: bytes, model: str, *, ask_usage: bool = False) -> bytes:
    """The body with this model, "" to keep its own, and if `ask_usage` with `stream_options.include_usage` true.

    The body is a JSON object with a “model”. Raises ProviderError(INVALID_REQUEST) for one that has any member twice: which of the two
    the provider would take is unknown, and the route was chosen by one. The same for other spellings of what decides over the route,
    which some servers take for it, and for a list of other models.
    """
    places = _places(body)
    _refuse_other_ways(places)
    changes: list[tuple[slice, bytes]] = []
    if model:
        changes.append((places["model"], _encode(model)))
    if ask_usage and (place := places.get("stream_options")):
        changes.append((place, _asking(body[place])))
    elif ask_usage:
        start = body.index(b"{") + 1
        changes.append((slice(start, start), _ASK))
    for place, value in sorted(changes, key=lambda change: change[0].start, reverse=True):
        body = b"".join((body[: place.start], value, body[place.stop :]))
    return body


def _refuse_other_ways(names: Iterable[str]) -> None:
    for name in names:
        if name != "models" and name.islower() and name.isascii():
            continue  # it is folded already
        folded = name.casefold()
        if folded == "models" or (folded in _DECIDING and name != folded):
            message = f"“{name[:120]}” could choose another model, or another kind of answer, than the one that is called."
            raise ProviderError(ErrorKind.INVALID_REQUEST, message, "Leave it out; “model” and “stream” are written in small letters.")


def _asking(options: bytes) -> bytes:
    """The same options, and the token counts."""
    return _encode((_decode_options(options) or {}) | {"include_usage": True})


def _places(body: bytes) -> dict[str, slice]:
    """Where the value of each member stands. The decoder tells how long each is; that what stands there is the value proves the place."""
    try:
        members = _decode_members(body)
    except UnicodeDecodeError as problem:  # in a name that nobody has looked at yet
        raise undecodable(problem, "JSON") from None
    places: dict[str, slice] = {}
    position = 0
    for name, value in members.items():
        key = _KEY.match(body, position)
        if key is None or (key[1] != name.encode() and msgspec.json.decode(b'"%b"' % key[1]) != name):
            raise _twice()
        start = key.end()
        position = start + len(memoryview(value))
        if not body.startswith(cast(bytes, value), start):
            raise _twice()
        places[name] = slice(start, position)
    if not _END.fullmatch(body, position):
        raise _twice()
    return places


def _twice() -> ProviderError:
    message = "The request body has a member twice, so what it means is not certain."
    return ProviderError(ErrorKind.INVALID_REQUEST, message, "Give every name once.")
