"""OpenAI: the provider, and its wire format, Chat Completions, which many other servers speak too."""

import re
from typing import Final

from apps.providers.base import CheckRequest, EasySetup, Provider, StreamReader
from apps.providers.chat import ChatAnswer, ChatCall, JsonObject, Message, Role, Tool
from apps.providers.endpoint import join_url
from apps.providers.openai_answer import OpenAIReader, read_completion
from apps.providers.rendering import check_call, function_calls, given, result_messages, stop_list, text_of, user_message
from apps.providers.types import JsonValue

OPENAI = Provider(
    "openai",
    "OpenAI",
    ("openai",),
    EasySetup(
        base_url="https://api.openai.com/v1",
        endpoint=lambda base, model: join_url(base, "/chat/completions"),
        key_header="Authorization",
        key_prefix="Bearer ",
        check=lambda base, model: CheckRequest(join_url(base, "/models")),
        key_help="In the OpenAI platform under API keys:",
        key_url="https://platform.openai.com/api-keys",
        key_placeholder="sk-…",
    ),
    summary="API key",
    monogram="Oa",
    hue=1,
)

# OpenAI's reasoning models know only max_completion_tokens, its others both names, and most servers that speak its format, older API
# versions of Azure among them, only max_tokens. A new name is therefore sent to models that need it, the old one to all others.
_NEW_LIMIT: Final = re.compile(r"(?:.*/)?(?:ft:)?(?:o\d|gpt-[5-9]|gpt-\d\d|chat-latest|codex)", re.IGNORECASE)


class OpenAIFormat:
    """Chat Completions. Failed tool calls have no mark there: their result begins with "Error: "."""

    key = "openai"
    label = "OpenAI (Chat Completions)"
    sends_model = True

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        check_call(call)
        return {
            **({"model": model} if self.sends_model else {}),
            **call_object(call),
            **given(**{limit_field(model): call.max_tokens}),
            **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
        }

    def stream_url(self, url: str) -> str:
        return url

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        return read_completion(document, self.label)

    def read_stream(self) -> StreamReader:
        return OpenAIReader(self.label)


def limit_field(model: str) -> str:
    """What the limit on the answer's length is called for this model."""
    return "max_completion_tokens" if _NEW_LIMIT.match(model) else "max_tokens"


def call_object(call: ChatCall) -> JsonObject:
    """The call in the API's words, whatever the model: without its name, and without the limit, whose own name depends on it."""
    return {
        "messages": _messages(call),
        **_tools(call),
        **_response_format(call),
        **given(temperature=call.temperature, top_p=call.top_p, stop=stop_list(call)),
    }


def _messages(call: ChatCall) -> list[JsonValue]:
    system: list[JsonValue] = [{"role": "system", "content": call.system}] if call.system else []
    return [*system, *(rendered for message in call.messages for rendered in _turn(message))]


def _turn(message: Message) -> list[JsonObject]:
    """One turn as messages: a turn of calls alone has null for its content, not an empty text."""
    if message.role is Role.USER:
        return [*result_messages(message), *user_message(message)]
    calls = function_calls(message)
    words = text_of(message)
    return [{"role": "assistant", "content": words if words or not calls else None, **({"tool_calls": calls} if calls else {})}]


def _tools(call: ChatCall) -> JsonObject:
    if not call.tools:
        return {}
    tools: list[JsonValue] = [{"type": "function", "function": _function(tool)} for tool in call.tools]
    choice: JsonValue = call.tool_use
    if call.tool_name:
        choice = {"type": "function", "function": {"name": call.tool_name}}
    return {"tools": tools, **given(tool_choice=choice, parallel_tool_calls=call.parallel_tools)}


def _function(tool: Tool) -> JsonObject:
    return given(name=tool.name, description=tool.description or None, parameters=dict(tool.parameters) or None, strict=tool.strict or None)


def _response_format(call: ChatCall) -> JsonObject:
    wanted = call.response_schema
    if wanted is None:
        return {}
    schema: JsonObject = {"name": wanted.name, "schema": dict(wanted.schema), "strict": wanted.strict}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
