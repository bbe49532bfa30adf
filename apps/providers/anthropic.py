"""Anthropic: the provider, and its wire format, Messages."""

from typing import Final

from apps.providers.anthropic_answer import AnthropicReader, read_message
from apps.providers.base import CheckRequest, EasySetup, Provider, StreamReader
from apps.providers.chat import ChatAnswer, ChatCall, Image, JsonObject, Message, Part, Text, Tool, ToolCall, ToolResult, ToolUse
from apps.providers.endpoint import join_url
from apps.providers.rendering import arguments_of, check_call, given, merged, stop_list, without_empty_text
from apps.providers.types import JsonValue

# Not the newest: since 2026-10-21 a call with a temperature or top p is refused for every model, while this version, which goes on being
# served, refuses it only for the models that have none (Opus 4.7, generation 5 and later) and says so.
VERSION: Final = "2023-06-01"
# Messages wants a limit in every call. Where the caller sets none, this is within what every model in service can write, and leaves room
# for the thoughts of those that think unasked, which count; a longer answer ends with Finish.LENGTH, which says so.
DEFAULT_MAX_TOKENS: Final = 16_384

ANTHROPIC = Provider(
    "anthropic",
    "Anthropic",
    ("anthropic",),
    EasySetup(
        base_url="https://api.anthropic.com",
        endpoint=lambda base, model: join_url(base, "/v1/messages"),
        key_header="x-api-key",
        check=lambda base, model: CheckRequest(join_url(base, "/v1/models?limit=1000")),
        headers=(("anthropic-version", VERSION),),
        key_help="In the Claude Console under API keys:",
        key_url="https://platform.claude.com/settings/keys",
        key_placeholder="sk-ant-…",
    ),
    summary="API key",
    monogram="An",
    hue=2,
)


class AnthropicFormat:
    """Messages: content in typed blocks, tool results in the user's turn, user and assistant in turns."""

    key = "anthropic"
    label = "Anthropic (Messages)"

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        check_call(call)
        return {
            "model": model,
            "max_tokens": DEFAULT_MAX_TOKENS if call.max_tokens is None else call.max_tokens,
            **given(system=call.system or None),
            "messages": [self._turn(message) for message in merged(call.messages)],
            **_tools(call),
            **_output_config(call),
            **given(temperature=call.temperature, top_p=call.top_p, stop_sequences=stop_list(call)),
            **({"stream": True} if stream else {}),
        }

    def stream_url(self, url: str) -> str:
        return url

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        return read_message(document, self.label)

    def read_stream(self) -> StreamReader:
        return AnthropicReader(self.label)

    def _turn(self, message: Message) -> JsonObject:
        parts = without_empty_text(message).parts
        if len(parts) == 1 and isinstance(parts[0], Text):
            return {"role": message.role, "content": parts[0].text}
        return {"role": message.role, "content": [self._block(part) for part in parts]}

    def _block(self, part: Part) -> JsonObject:
        match part:
            case Text():
                return {"type": "text", "text": part.text}
            case Image():
                return {"type": "image", "source": _source(part)}
            case ToolCall():
                return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part, self.label)}
            case ToolResult():
                failed: JsonObject = {"is_error": True} if part.is_error else {}
                return {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content, **failed}


def _source(image: Image) -> JsonObject:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _tools(call: ChatCall) -> JsonObject:
    if not call.tools:
        return {}
    tools: list[JsonValue] = [
        {**given(name=tool.name, description=tool.description or None, strict=tool.strict or None), "input_schema": _schema(tool)}
        for tool in call.tools
    ]
    return {"tools": tools, **_tool_choice(call)}


def _schema(tool: Tool) -> JsonObject:
    return {"type": "object", **tool.parameters}


def _tool_choice(call: ChatCall) -> JsonObject:
    """Anthropic's word for each choice; parallel calls are a part of it, so forbidding them states the choice that is the default."""
    choice: JsonObject
    if call.tool_name:
        choice = {"type": "tool", "name": call.tool_name}
    elif call.tool_use is None and call.parallel_tools is None:
        return {}
    else:
        words = {ToolUse.AUTO: "auto", ToolUse.REQUIRED: "any", ToolUse.NONE: "none"}
        choice = {"type": words[call.tool_use or ToolUse.AUTO]}
    if call.parallel_tools is not None and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = not call.parallel_tools
    return {"tool_choice": choice}


def _output_config(call: ChatCall) -> JsonObject:
    """A schema is always strict there, and has no name."""
    if call.response_schema is None:
        return {}
    return {"output_config": {"format": {"type": "json_schema", "schema": dict(call.response_schema.schema)}}}
