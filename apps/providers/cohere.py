"""Cohere: the provider, and its wire format, Chat v2."""

from apps.providers.base import CheckRequest, EasySetup, Provider, StreamReader
from apps.providers.chat import ChatAnswer, ChatCall, JsonObject, Message, Role, Tool, ToolUse
from apps.providers.cohere_answer import CohereReader, read_chat
from apps.providers.endpoint import join_url
from apps.providers.rendering import (
    check_call,
    function_calls,
    given,
    refuse_strict_tools,
    result_messages,
    stop_list,
    text_of,
    unsupported,
    user_message,
    wants_tool,
)
from apps.providers.types import JsonValue

COHERE = Provider(
    "cohere",
    "Cohere",
    ("cohere",),
    EasySetup(
        base_url="https://api.cohere.com",
        endpoint=lambda base, model: join_url(base, "/v2/chat"),
        key_header="Authorization",
        key_prefix="Bearer ",
        check=lambda base, model: CheckRequest(join_url(base, "/v1/models?page_size=1000")),
        key_help="In the Cohere dashboard under API keys:",
        key_url="https://dashboard.cohere.com/api-keys",
    ),
    summary="API key",
    monogram="Co",
    hue=6,
)


class CohereFormat:
    """Chat v2: OpenAI's kind of messages with Cohere's names. Failed tool calls have no mark: their result begins with "Error: "."""

    key = "cohere"
    label = "Cohere (Chat v2)"

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        check_call(call)
        return {
            "model": model,
            "messages": _messages(call),
            **self._tools(call),
            **self._response_format(call),
            **given(temperature=call.temperature, p=call.top_p, max_tokens=call.max_tokens, stop_sequences=stop_list(call)),
            "stream": stream,
        }

    def stream_url(self, url: str) -> str:
        return url

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        return read_chat(document, self.label)

    def read_stream(self) -> StreamReader:
        return CohereReader(self.label)

    def _tools(self, call: ChatCall) -> JsonObject:
        if not call.tools:
            return {}
        if call.parallel_tools is False:
            raise unsupported(self.label, "way to forbid parallel tool calls")
        refuse_strict_tools(call, self.label)
        if call.tool_name and len(call.tools) > 1:
            raise unsupported(
                self.label, "way to name the tool that must be used", "Send only that tool, or leave the choice to the model."
            )
        tools: list[JsonValue] = [{"type": "function", "function": _function(tool)} for tool in call.tools]
        choice = "REQUIRED" if wants_tool(call) else "NONE" if call.tool_use is ToolUse.NONE else None
        return {"tools": tools, **given(tool_choice=choice)}

    def _response_format(self, call: ChatCall) -> JsonObject:
        if call.response_schema is None:
            return {}
        if call.tools:
            raise unsupported(self.label, "structured output together with tools")
        return {"response_format": {"type": "json_object", "json_schema": dict(call.response_schema.schema)}}


def _messages(call: ChatCall) -> list[JsonValue]:
    system: list[JsonValue] = [{"role": "system", "content": call.system}] if call.system else []
    return [*system, *(rendered for message in call.messages for rendered in _turn(message))]


def _turn(message: Message) -> list[JsonObject]:
    """One turn as messages: what the model says before it calls tools is the plan for them."""
    if message.role is Role.USER:
        return [*result_messages(message), *user_message(message)]
    calls = function_calls(message)
    words = text_of(message)
    if calls:
        return [{"role": "assistant", "tool_calls": calls, **given(tool_plan=words or None)}]
    return [{"role": "assistant", "content": words}]


def _function(tool: Tool) -> JsonObject:
    return {**given(name=tool.name, description=tool.description or None), "parameters": {"type": "object", **tool.parameters}}
