"""Google: the provider, and its wire format, Gemini's generateContent."""

import re
from typing import Final

from apps.providers.address import add_query
from apps.providers.base import CheckRequest, EasySetup, Provider, StreamReader
from apps.providers.chat import ChatAnswer, ChatCall, Image, JsonObject, Message, Part, Role, Text, ToolCall, ToolResult, ToolUse
from apps.providers.endpoint import as_segment, join_url
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.gemini_answer import GeminiReader, read_content
from apps.providers.rendering import (
    arguments_of,
    check_call,
    given,
    merged,
    refuse_strict_tools,
    stop_list,
    unsupported,
    without_empty_text,
)
from apps.providers.types import JsonValue

# From Gemini 3 on, each turn's first tool call comes with a signature of the thoughts behind it, without which the turn is refused when it
# is sent back. A conversation in nobody's words has none; for that case Google documents this word, which skips the check.
_NO_SIGNATURE: Final = "skip_thought_signature_validator"
_UNSIGNED_MODELS: Final = re.compile(r"(?:models/)?gemini-[12](?:\.|-|$)")
_MODES: Final = {ToolUse.AUTO: "AUTO", ToolUse.REQUIRED: "ANY", ToolUse.NONE: "NONE"}


def _endpoint(base: str, model: str) -> str:
    """Google names a model `models/NAME`, people write the name alone; both are accepted."""
    return join_url(base, f"/v1beta/models/{as_segment(model.removeprefix('models/'))}:generateContent")


GOOGLE = Provider(
    "google",
    "Google",
    ("gemini",),
    EasySetup(
        base_url="https://generativelanguage.googleapis.com",
        endpoint=_endpoint,
        key_header="x-goog-api-key",
        check=lambda base, model: CheckRequest(join_url(base, "/v1beta/models?pageSize=1000")),
        key_help="In Google AI Studio under API keys:",
        key_url="https://aistudio.google.com/apikey",
        key_placeholder="AIza…",
    ),
    summary="API key",
    monogram="Go",
    hue=3,
)


class GeminiFormat:
    """generateContent: the model is in the URL, tools are called and answered by name, and a streamed call has another address."""

    key = "gemini"
    label = "Google (Gemini)"

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        check_call(call)
        turns = merged(call.messages)
        names = {part.id: part.name for message in turns for part in message.parts if isinstance(part, ToolCall)}
        return {
            **({"systemInstruction": {"parts": [{"text": call.system}]}} if call.system else {}),
            "contents": [self._turn(message, names, signed=not _UNSIGNED_MODELS.match(model)) for message in turns],
            **self._tools(call),
            **_generation_config(call),
        }

    def stream_url(self, url: str) -> str:
        """The method's streaming sister, as server-sent events. Raises ProviderError(URL_INVALID) for an address without the method."""
        path, _, query = url.partition("?")
        if not path.endswith((":generateContent", ":streamGenerateContent")):
            message = "A streamed call has another address in Gemini's API, which only follows from one that ends with :generateContent."
            raise ProviderError(ErrorKind.URL_INVALID, message, "Correct the endpoint URL, or call without streaming.")
        address = f"{path.rpartition(':')[0]}:streamGenerateContent{'?' if query else ''}{query}"
        return address if "alt=sse" in query.split("&") else add_query(address, (("alt", "sse"),))

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        return read_content(document, self.label)

    def read_stream(self) -> StreamReader:
        return GeminiReader(self.label)

    def _turn(self, message: Message, names: dict[str, str], *, signed: bool) -> JsonObject:
        parts: list[JsonValue] = []
        for part in without_empty_text(message).parts:
            rendered = self._part(part, names)
            if signed and isinstance(part, ToolCall):
                rendered["thoughtSignature"] = _NO_SIGNATURE
                signed = False  # only the first call of a turn has one
            parts.append(rendered)
        return {"role": "model" if message.role is Role.ASSISTANT else "user", "parts": parts}

    def _part(self, part: Part, names: dict[str, str]) -> JsonObject:
        match part:
            case Text():
                return {"text": part.text}
            case Image() if part.url:
                return {"fileData": {**given(mimeType=part.media_type or None), "fileUri": part.url}}
            case Image():
                return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
            case ToolCall():
                call: JsonObject = {"name": part.name, "args": arguments_of(part, self.label)}
                return {"functionCall": {**given(id=part.id or None), **call}}
            case ToolResult():
                return {"functionResponse": self._result(part, names)}

    def _result(self, result: ToolResult, names: dict[str, str]) -> JsonObject:
        name = result.name or names.get(result.call_id)
        if not name:
            feature = f"way to carry the result of the tool call “{result.call_id}” without the tool's name"
            raise unsupported(self.label, feature, "Send the call along with its result, or name the tool in the result.")
        said: JsonObject = {"error": result.content} if result.is_error else {"output": result.content}
        return {**given(id=result.call_id or None), "name": name, "response": said}

    def _tools(self, call: ChatCall) -> JsonObject:
        if not call.tools:
            return {}
        if call.parallel_tools is False:
            raise unsupported(self.label, "way to forbid parallel tool calls")
        refuse_strict_tools(call, self.label)
        functions: list[JsonValue] = [
            given(name=tool.name, description=tool.description or None, parametersJsonSchema=dict(tool.parameters) or None)
            for tool in call.tools
        ]
        tools: JsonObject = {"tools": [{"functionDeclarations": functions}]}
        if call.tool_name:
            return {**tools, "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [call.tool_name]}}}
        return {**tools, **({"toolConfig": {"functionCallingConfig": {"mode": _MODES[call.tool_use]}}} if call.tool_use else {})}


def _generation_config(call: ChatCall) -> JsonObject:
    config = given(temperature=call.temperature, topP=call.top_p, maxOutputTokens=call.max_tokens, stopSequences=stop_list(call))
    if call.response_schema:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": dict(call.response_schema.schema)}
    return {"generationConfig": config} if config else {}
