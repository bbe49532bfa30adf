"""Reading a Chat Completions request into a ChatCall."""

import re
from typing import Final

from apps.providers.callers.fields import Fields, parse_body, unsupported, wrong
from apps.providers.chat import ChatCall, Image, Message, Part, ResponseSchema, Role, Text, Tool, ToolCall, ToolResult, ToolUse
from apps.providers.types import JsonValue

# Fields that change nothing of the answer.
IGNORED: Final = {
    "model": "chose the route already",
    "stream": "how the answer is delivered is not a part of the call",
    "stream_options": "as is what a stream says beside the answer",
    "user": "labels the call for abuse reports of OpenAI's own",
    "safety_identifier": "the same, by its new name",
    "metadata": "labels a stored completion, and nothing is stored",
    "prompt_cache_key": "sorts calls for a cache that works without it",
}
# Fields that are fine with these values: what happens without them. Any other value of them is refused.
NEUTRAL: Final[dict[str, tuple[JsonValue, ...]]] = {
    "n": (1,),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "modalities": (["text"],),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "verbosity": ("medium",),
    "functions": ([],),
}
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[^;,]*)*;base64,(.*)", re.DOTALL | re.ASCII)
_USE_TOOLS: Final = "Use “tools”, “tool_calls” and messages of the role “tool” instead."


def parse_request(body: bytes, label: str) -> ChatCall:
    request = Fields(parse_body(body, label))
    request.ignore(IGNORED)
    for name, values in NEUTRAL.items():
        request.allow(name, *values)
    system, messages = _messages(request)
    tool_use, tool_name = _tool_choice(request)
    call = ChatCall(
        messages=messages,
        system=system,
        tools=tuple(_tool(item) for item in request.objects("tools")),
        tool_use=tool_use,
        tool_name=tool_name,
        parallel_tools=request.flag("parallel_tool_calls"),
        response_schema=_response_format(request),
        temperature=request.number("temperature"),
        top_p=request.number("top_p"),
        max_tokens=_limit(request),
        stop=_stop(request),
        variables=request.mapping("variables") or {},
    )
    request.done()
    return call


def _messages(request: Fields) -> tuple[str, tuple[Message, ...]]:
    """The system prompt and the turns. Tool results in a row are one turn of the user, with what the user says behind them."""
    system: list[str] = []
    turns: list[Message] = []
    after_results = False
    for item in request.objects("messages"):
        role = item.needed_text("role")
        if role in ("system", "developer"):
            if turns:
                raise unsupported(f"{item.place} of the role {role}, after the first turn", "Put it before all other messages.")
            system.append("\n".join(_texts(item)))
        elif after_results and role in ("tool", "user"):
            turns[-1] = Message(Role.USER, (*turns[-1].parts, *_turn(item, role).parts))
        else:
            turns.append(_turn(item, role))
        item.done()
        after_results = role == "tool"
    if not turns:
        raise wrong("messages", "a list with at least one message of the user")
    if turns[-1].role is Role.ASSISTANT:  # some APIs would go on with it, some answer it, some refuse
        raise unsupported("a last message of the assistant", "Let the user have the last word.")
    return "\n\n".join(system), tuple(turns)


def _turn(item: Fields, role: str) -> Message:
    match role:
        case "user":
            return Message(Role.USER, tuple(_user_parts(item)))
        case "assistant":
            return Message(Role.ASSISTANT, tuple(_assistant_parts(item)))
        case "tool":
            return Message(Role.USER, (ToolResult(item.needed_text("tool_call_id"), "\n".join(_texts(item))),))
        case "function":
            raise unsupported(f"{item.place} of the role function", _USE_TOOLS)
        case _:
            raise wrong(item.at("role"), "system, developer, user, assistant or tool")


def _texts(item: Fields) -> list[str]:
    """A content that can be nothing but text: as it is, or in parts."""
    if item.is_text("content"):
        return [item.needed_text("content")]
    parts = list(item.objects("content"))
    if not parts:
        raise wrong(item.at("content"), "a text or a list of parts")
    return [_text_part(part) for part in parts]


def _text_part(part: Fields) -> str:
    kind = part.needed_text("type")
    if kind not in ("text", "refusal"):
        raise unsupported(f"{part.place} of the type {kind}")
    text = part.needed_text(kind)
    part.done()
    return text


def _user_parts(item: Fields) -> list[Part]:
    if item.is_text("content"):
        return [Text(item.needed_text("content"))]
    parts = [_user_part(part) for part in item.objects("content")]
    if not parts:
        raise wrong(item.at("content"), "a text or a list of parts")
    return parts


def _user_part(part: Fields) -> Part:
    kind = part.needed_text("type")
    found: Part
    if kind == "text":
        found = Text(part.needed_text("text"))
    elif kind == "image_url":
        inner = part.inner("image_url")
        inner.allow("detail", "auto")
        found = _image(inner.needed_text("url"), inner.at("url"))
        inner.done()
    else:
        raise unsupported(f"{part.place} of the type {kind}")
    part.done()
    return found


def _image(url: str, place: str) -> Image:
    if url.startswith(("https://", "http://")):
        return Image(url=url)
    if found := _DATA_URL.fullmatch(url):
        return Image(found[1], found[2])
    raise wrong(place, "an https:// address, or a data: URL in base64")


def _assistant_parts(item: Fields) -> list[Part]:
    item.allow("function_call")
    item.ignore(["annotations"])  # sources that an earlier answer named; they come back with it
    parts: list[Part] = []
    if item.is_text("content"):
        parts.append(Text(item.needed_text("content")))
    else:
        parts += [Text(_text_part(part)) for part in item.objects("content")]
    if refusal := item.text("refusal"):
        parts.append(Text(refusal))
    calls = [_tool_call(call) for call in item.objects("tool_calls")]
    if calls:
        parts = [part for part in parts if part != Text("")]
    return [*parts, *calls] or [Text("")]


def _tool_call(item: Fields) -> ToolCall:
    if (kind := item.text("type") or "function") != "function":
        raise unsupported(f"{item.place} of the type {kind}")
    function = item.inner("function")
    call = ToolCall(item.needed_text("id"), function.needed_text("name"), function.text("arguments") or "")
    item.ignore(["index"])  # of the stream that it came in
    function.done()
    item.done()
    return call


def _tool(item: Fields) -> Tool:
    if (kind := item.needed_text("type")) != "function":
        raise unsupported(f"{item.place} of the type {kind}")
    function = item.inner("function")
    name, description = function.needed_text("name"), function.text("description") or ""
    tool = Tool(name, description, function.mapping("parameters") or {}, function.flag("strict") or False)
    function.done()
    item.done()
    return tool


def _tool_choice(request: Fields) -> tuple[ToolUse | None, str]:
    if request.is_text("tool_choice"):
        word = request.needed_text("tool_choice")
        if word not in ToolUse:
            raise wrong("tool_choice", "none, auto, required, or the function to use")
        return ToolUse(word), ""
    chosen = request.mapping("tool_choice")
    if chosen is None:
        return None, ""
    choice = Fields(chosen, "tool_choice")
    if (kind := choice.needed_text("type")) != "function":
        raise unsupported(f"tool_choice of the type {kind}")
    function = choice.inner("function")
    name = function.needed_text("name")
    function.done()
    choice.done()
    return None, name


def _response_format(request: Fields) -> ResponseSchema | None:
    wanted = request.mapping("response_format")
    if wanted is None:
        return None
    fields = Fields(wanted, "response_format")
    kind = fields.needed_text("type")
    if kind == "text":
        fields.done()
        return None
    if kind != "json_schema":
        # JSON without a schema is a promise that no other of these APIs makes in the same words.
        raise unsupported(f"response_format of the type {kind}", "Give a JSON schema, with the type json_schema.")
    inner = fields.inner("json_schema")
    schema = inner.mapping("schema")
    if schema is None:
        raise wrong(inner.at("schema"), "given")
    found = ResponseSchema(schema, inner.needed_text("name"), inner.flag("strict") or False)
    inner.done()
    fields.done()
    return found


def _limit(request: Fields) -> int | None:
    old, new = request.limit("max_tokens"), request.limit("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise wrong("max_tokens", "left out where max_completion_tokens is given")
    return old if new is None else new


def _stop(request: Fields) -> tuple[str, ...]:
    return (request.needed_text("stop"),) if request.is_text("stop") else request.texts("stop")
