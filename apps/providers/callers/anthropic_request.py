"""Reading a Messages request into a ChatCall."""

from typing import Final

from apps.providers.callers.fields import Fields, parse_body, unsupported, wrong
from apps.providers.chat import ChatCall, Image, Message, Part, ResponseSchema, Role, Text, Tool, ToolCall, ToolResult, ToolUse
from apps.providers.rendering import merged
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

# Fields that change nothing of the answer.
IGNORED: Final = {
    "model": "chose the route already",
    "stream": "how the answer is delivered is not a part of the call",
    "metadata": "labels the call for abuse reports of Anthropic's own",
}
# Fields that are fine with these values: what happens without them. Any other value of them is refused.
NEUTRAL: Final[dict[str, tuple[JsonValue, ...]]] = {
    "service_tier": ("auto",),
    "speed": ("standard",),
    "thinking": ({"type": "disabled"},),
    "mcp_servers": ([],),
}
_TOOL_NEUTRAL: Final[dict[str, tuple[JsonValue, ...]]] = {
    "defer_loading": (False,),
    "allowed_callers": (["direct"],),
    "input_examples": ([],),
    "eager_input_streaming": (True, False),  # how finely a stream is cut
}
_TOOL_WORDS: Final = {"auto": ToolUse.AUTO, "any": ToolUse.REQUIRED, "none": ToolUse.NONE}


def parse_request(body: bytes, label: str) -> ChatCall:
    """The limit is a formal one: the API demands it of every call, whether or not the caller cares."""
    request = Fields(parse_body(body, label))
    request.ignore(IGNORED)
    for name, values in NEUTRAL.items():
        request.allow(name, *values)
    limit = request.limit("max_tokens")
    if limit is None:
        raise wrong("max_tokens", "given")
    tool_use, tool_name, parallel = _tool_choice(request)
    call = ChatCall(
        messages=_messages(request),
        system="\n".join(_texts(request, "system")),
        tools=tuple(_tool(item) for item in request.objects("tools")),
        tool_use=tool_use,
        tool_name=tool_name,
        parallel_tools=parallel,
        response_schema=_schema(request),
        temperature=request.number("temperature"),
        top_p=request.number("top_p"),
        max_tokens=limit,
        formal_limit=True,
        stop=request.texts("stop_sequences"),
        variables=request.mapping("variables") or {},
    )
    request.done()
    return call


def _messages(request: Fields) -> tuple[Message, ...]:
    """The turns; those of one role in a row are one, as the API has it."""
    turns = tuple(_turn(item) for item in request.objects("messages"))
    if not turns:
        raise wrong("messages", "a list with at least one message")
    if turns[-1].role is Role.ASSISTANT:
        raise unsupported("a last message of the assistant for the model to go on with", "Let the user have the last word.")
    return tuple(merged(turns))


def _turn(item: Fields) -> Message:
    role = item.needed_text("role")
    if role == "system":
        raise unsupported(f"{item.place} of the role system", "Give it as “system”, beside the messages.")
    if role not in Role:
        raise wrong(item.at("role"), "user or assistant")
    if item.is_text("content"):
        parts: list[Part] = [Text(item.needed_text("content"))]
    else:
        parts = [_block(block, Role(role)) for block in item.objects("content")]
    if not parts:
        raise wrong(item.at("content"), "a text or a list of blocks")
    item.done()
    return Message(Role(role), tuple(parts))


def _block(block: Fields, role: Role) -> Part:
    kind = block.needed_text("type")
    part: Part
    match kind, role:
        case "text", _:
            part = Text(_text(block))
        case "image", Role.USER:
            part = _image(block)
        case "tool_use", Role.ASSISTANT:
            block.allow("caller", {"type": "direct"})
            part = ToolCall(block.needed_text("id"), block.needed_text("name"), compact_json(block.mapping("input") or {}))
        case "tool_result", Role.USER:
            part = ToolResult(
                block.needed_text("tool_use_id"), "\n".join(_texts(block, "content")), is_error=block.flag("is_error") or False
            )
        case _:
            raise unsupported(f"{block.place} of the type {kind} in a message of the {role}")
    block.done()
    return part


def _texts(parent: Fields, name: str) -> list[str]:
    """A content that can be nothing but text: as it is, in blocks, or not there at all."""
    if parent.is_text(name):
        return [parent.needed_text(name)]
    return [_text_block(block) for block in parent.objects(name)]


def _text_block(block: Fields) -> str:
    kind = block.needed_text("type")
    if kind != "text":
        raise unsupported(f"{block.place} of the type {kind}")
    text = _text(block)
    block.done()
    return text


def _text(block: Fields) -> str:
    block.allow("citations", [])
    return block.needed_text("text")


def _image(block: Fields) -> Image:
    block.allow("transformations", {})
    source = block.inner("source")
    kind = source.needed_text("type")
    if kind == "base64":
        image = Image(source.needed_text("media_type"), source.needed_text("data"))
    elif kind == "url":
        image = Image(url=source.needed_text("url"))
    else:
        raise unsupported(f"{source.place} of the type {kind}")
    if image.url and not image.url.startswith(("https://", "http://")):
        raise wrong(source.at("url"), "an https:// address")
    source.done()
    return image


def _tool(item: Fields) -> Tool:
    if (kind := item.text("type") or "custom") != "custom":
        raise unsupported(f"{item.place} of the type {kind}")
    for name, values in _TOOL_NEUTRAL.items():
        item.allow(name, *values)
    schema = item.mapping("input_schema")
    if schema is None:
        raise wrong(item.at("input_schema"), "given")
    tool = Tool(item.needed_text("name"), item.text("description") or "", schema, item.flag("strict") or False)
    item.done()
    return tool


def _tool_choice(request: Fields) -> tuple[ToolUse | None, str, bool | None]:
    """How tools are used, the one that has to be, and whether several may be at once."""
    chosen = request.mapping("tool_choice")
    if chosen is None:
        return None, "", None
    choice = Fields(chosen, "tool_choice")
    kind = choice.needed_text("type")
    if kind != "tool" and kind not in _TOOL_WORDS:
        raise wrong(choice.at("type"), "auto, any, tool or none")
    name = choice.needed_text("name") if kind == "tool" else ""
    forbidden = choice.flag("disable_parallel_tool_use")
    choice.done()
    return _TOOL_WORDS.get(kind), name, None if forbidden is None else not forbidden


def _schema(request: Fields) -> ResponseSchema | None:
    config = request.mapping("output_config")
    if config is None:
        return None
    fields = Fields(config, "output_config")
    wanted = fields.mapping("format")
    fields.done()
    if wanted is None:
        return None
    inner = Fields(wanted, "output_config.format")
    if (kind := inner.needed_text("type")) != "json_schema":
        raise unsupported(f"output_config.format of the type {kind}")
    schema = inner.mapping("schema")
    if schema is None:
        raise wrong(inner.at("schema"), "given")
    inner.done()
    return ResponseSchema(schema)
