"""What a call said, cut into pieces that people read: the messages of a chat, the values of a test."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from apps.traces.previews import CALLS
from apps.traces.record import Api

CALL = {"id", "name", "arguments"}  # of a tool, as a kept answer has them
MOST_TIMES = 20  # as long as the text is what is indented, at most
ROLES = {"system": "System prompt", "developer": "System prompt", "user": "Prompt", "assistant": "Answer", "tool": "Tool result"}
TOOL_RESULT = ROLES["tool"]


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
            yield from blocks(ROLES.get(role, role.capitalize()), message.get("content"))
            calls = message.get("tool_calls")
            yield from (tool_call(each) for each in calls) if isinstance(calls, list) else ()
    yield from tools_offered(document.get("tools"))


def blocks(label: str, content: object) -> Iterator[Part]:
    """A message: its text, and apart from that each tool that it calls and each result that it brings."""
    if not isinstance(content, list):
        if content is not None:
            yield Part(label, plain(content))
        return
    for special, group in groupby(content, key=lambda block: isinstance(block, dict) and block.get("type") in ("tool_use", "tool_result")):
        if not special:
            yield Part(label, plain(list(group)))
            continue
        for block in group:
            yield tool_call(block) if block["type"] == "tool_use" else Part(TOOL_RESULT, plain(block.get("content")))


def tool_call(call: object) -> Part:
    """One in the words of Chat Completions, of Messages, or of a kept answer, which all say a name and arguments."""
    match call:
        case {"function": {"name": str(name), **rest}} | {"name": str(name), **rest}:
            said = rest.get("arguments", rest.get("input"))
            return Part(f"Calls the tool {name}", plain(said))
        case _:
            return Part("Calls a tool", compact(call))


def tools_offered(tools: object) -> Iterator[Part]:
    found = [each.get("function", each) for each in tools if isinstance(each, dict)] if isinstance(tools, list) else []
    named = [str(each["name"]) for each in found if isinstance(each, dict) and each.get("name")]
    if named:
        yield Part("Tools offered", ", ".join(named))


def parts_of_answer(text: str) -> list[Part]:
    """The pieces of an output: its text, or the tools that it calls, which are kept as a list (inference.trail)."""
    calls = document_of(text) if text.startswith(CALLS) else None
    if isinstance(calls, list) and all(isinstance(call, dict) and call.keys() == CALL for call in calls):
        return [tool_call(call) for call in calls]
    return [Part("", text)]


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
            return f"[Image: {url.partition(';')[0].removeprefix('data:') if url.startswith('data:') else url}]"
        case {"type": "image", "source": {"media_type": str(kind)}}:
            return f"[Image: {kind}]"
        case {"text": str(text)}:
            return text
        case str():
            return block
        case _:
            return compact(block)


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
