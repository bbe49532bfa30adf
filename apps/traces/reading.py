"""What a call said, cut into pieces that people read: the messages of a chat, the values of a test."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.traces.record import Api

MOST_TIMES = 20  # as long as the text is what is indented, at most
ROLES = {"system": "System prompt", "developer": "System prompt", "user": "Prompt", "assistant": "Answer", "tool": "Tool result"}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece. `label` is "" where the text speaks for itself."""

    label: str
    text: str


def parts_of(api: str, text: str) -> list[Part]:
    """The pieces of an input. One that cannot be read (it was cut, or masked where it mattered) is one piece, as it stands."""
    document = document_of(text)
    if not isinstance(document, dict):
        return [Part("", text)]
    if api == Api.VARIABLES:
        return [Part(str(name), plain(value)) for name, value in document.items()]
    return list(messages(document)) or [Part("", text)]


def messages(document: Mapping[str, Any]) -> Iterator[Part]:
    if document.get("system"):
        yield Part(ROLES["system"], plain(document["system"]))
    found = document.get("messages")
    for message in found if isinstance(found, list) else []:
        if isinstance(message, dict):
            role = str(message.get("role", ""))
            text = "\n".join(filter(None, (plain(message.get("content")), calls_of(message))))
            yield Part(ROLES.get(role, role.capitalize()), text)


def plain(content: object) -> str:
    match content:
        case None:
            return ""
        case str():
            return content
        case list():
            return "\n".join(block_text(block) for block in content)
        case _:
            return compact(content)


def block_text(block: object) -> str:
    """A block of a message: its text; an image by its kind, because its data says nothing to people."""
    match block:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return f"[Image: {url.partition(',')[0] if url.startswith('data:') else url}]"
        case {"type": "image", "source": {"media_type": str(kind)}}:
            return f"[Image: {kind}]"
        case {"text": str(text)}:
            return text
        case {"type": "tool_result", "content": content}:
            return plain(content)
        case str():
            return block
        case _:
            return compact(block)


def calls_of(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls")
    return compact(calls) if calls else ""


def document_of(text: str) -> object:
    """The JSON that a text is, else None."""
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None


def pretty(text: str) -> str:
    """A text that is a JSON object or list, indented; "" for any other. As it is where that would be spaces more than anything: what
    is nested in 5,000 lists is 10 KB, and 50 MB indented."""
    document = document_of(text)
    if not isinstance(document, (dict, list)):
        return ""
    pieces, left = [], MOST_TIMES * len(text)
    for piece in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(document):
        left -= len(piece)
        if left < 0:
            return text
        pieces.append(piece)
    return "".join(pieces)


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
