"""The beginning of what was asked and answered, in one line each, for the list and its search."""

import msgspec

from apps.providers.jsonread import storable
from apps.traces.record import Api

CALLS = '[{"id":'  # how an answer begins that only calls tools
IMAGE = "[Image]"
LENGTH = 200  # characters


class _Piece(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[_Piece] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return " ".join(piece.text or IMAGE for piece in self.content if piece.text or piece.type.startswith("image"))
        return self.content or ""


class _Chat(msgspec.Struct):
    """As much of a Chat Completions or Messages request as a preview needs."""

    messages: list[_Message]


_chats = msgspec.json.Decoder(_Chat)


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    """A tool that an answer calls, as inference keeps it."""

    id: str
    name: str
    arguments: str


_calls = msgspec.json.Decoder(list[_Call])
_values = msgspec.json.Decoder(dict[str, object])


def one_line(text: str) -> str:
    beginning = text[:LENGTH]
    if beginning.isprintable() and "  " not in beginning and beginning[:1] != " " and beginning[-1:] != " ":
        return beginning  # nearly always: one line as it stands, and nothing in it that a database refuses
    return storable(" ".join(text[: LENGTH * 2].split())[:LENGTH])


def preview_of(api: str, text: str) -> str:
    """The person's last words; of a test, its values. What cannot be read (it was cut) begins as it stands."""
    try:
        if api == Api.VARIABLES:
            return one_line(", ".join(str(value) for value in _values.decode(text).values()))
        asked = [message.text for message in _chats.decode(text).messages if message.role == "user" and message.text]
        return one_line(asked[-1] if asked else text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return one_line(text)


def preview_of_answer(text: str) -> str:
    """The beginning of an answer; of one that only calls tools, their names with what they are called with."""
    if not text.startswith(CALLS):
        return one_line(text)
    try:
        return one_line(", ".join(f"{call.name}({call.arguments})" for call in _calls.decode(text)))
    except (msgspec.DecodeError, UnicodeError):
        return one_line(text)
