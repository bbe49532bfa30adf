"""Amazon Bedrock: the provider, and its wire format for chat models, Converse."""

from typing import Final

from apps.providers.base import Provider, StreamReader
from apps.providers.chat import ChatAnswer, ChatCall, Image, JsonObject, Message, Part, Text, ToolCall, ToolResult, ToolUse
from apps.providers.converse_answer import ConverseReader, read_converse
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.rendering import arguments_of, check_call, given, merged, stop_list, unsupported, without_empty_text
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

BEDROCK = Provider("bedrock", "Amazon Bedrock", ("converse", "template"), summary="IAM role", monogram="Br", hue=5)
_IMAGE_FORMATS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}


class ConverseFormat:
    """Converse: the model is in the URL, and a streamed call has another address, whose answer is no text but AWS's event stream."""

    key = "converse"
    label = "Amazon Bedrock (Converse)"

    def build_body(self, call: ChatCall, model: str, *, stream: bool = False) -> JsonObject:
        check_call(call)
        return {
            **({"system": [{"text": call.system}]} if call.system else {}),
            "messages": [self._turn(message) for message in merged(call.messages)],
            **self._tool_config(call),
            **_inference_config(call),
            **_output_config(call),
        }

    def stream_url(self, url: str) -> str:
        """The streaming sister of the address. Raises ProviderError(URL_INVALID) for one that does not end with /converse."""
        if not url.endswith(("/converse", "/converse-stream")):
            message = "A streamed call has another address in Bedrock's API, which only follows from one that ends with /converse."
            raise ProviderError(ErrorKind.URL_INVALID, message, "Correct the endpoint URL, or call without streaming.")
        return f"{url.removesuffix('-stream')}-stream"

    def read_answer(self, document: JsonValue) -> ChatAnswer:
        return read_converse(document, self.label)

    def read_stream(self) -> StreamReader:
        return ConverseReader(self.label)

    def _turn(self, message: Message) -> JsonObject:
        return {"role": message.role, "content": [self._block(part) for part in without_empty_text(message).parts]}

    def _block(self, part: Part) -> JsonObject:
        match part:
            case Text():
                return {"text": part.text}
            case Image():
                return {"image": self._image(part)}
            case ToolCall():
                return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_of(part, self.label)}}
            case ToolResult():
                failed: JsonObject = {"status": "error"} if part.is_error else {}
                return {"toolResult": {"toolUseId": part.call_id, "content": [{"text": part.content}], **failed}}

    def _image(self, image: Image) -> JsonObject:
        if image.url:
            raise unsupported(self.label, "way to fetch an image from a URL", "Send the image itself, in base64.")
        kind = _IMAGE_FORMATS.get(image.media_type.lower())
        if kind is None:
            raise unsupported(self.label, f"place for images of the type {image.media_type}", "Send it as PNG, JPEG, GIF or WebP.")
        return {"format": kind, "source": {"bytes": image.data}}

    def _tool_config(self, call: ChatCall) -> JsonObject:
        """There is no word for "none": the tools are left out then, which the API allows as long as no turn speaks of tools."""
        if not call.tools:
            return {}
        if call.parallel_tools is False:
            raise unsupported(self.label, "way to forbid parallel tool calls")
        if call.tool_use is ToolUse.NONE and not call.tool_name:
            if any(isinstance(part, ToolCall | ToolResult) for message in call.messages for part in message.parts):
                raise unsupported(self.label, "way to forbid tools in a conversation that has used some")
            return {}
        tools: list[JsonValue] = [
            {
                "toolSpec": {
                    **given(name=tool.name, description=tool.description or None, strict=tool.strict or None),
                    "inputSchema": {"json": {"type": "object", **tool.parameters}},
                }
            }
            for tool in call.tools
        ]
        return {"toolConfig": {"tools": tools, **_tool_choice(call)}}


def _tool_choice(call: ChatCall) -> JsonObject:
    if call.tool_name:
        return {"toolChoice": {"tool": {"name": call.tool_name}}}
    return {"toolChoice": {"any" if call.tool_use is ToolUse.REQUIRED else "auto": {}}} if call.tool_use else {}


def _inference_config(call: ChatCall) -> JsonObject:
    config = given(maxTokens=call.max_tokens, temperature=call.temperature, topP=call.top_p, stopSequences=stop_list(call))
    return {"inferenceConfig": config} if config else {}


def _output_config(call: ChatCall) -> JsonObject:
    """The schema goes as JSON text within the JSON."""
    if call.response_schema is None:
        return {}
    schema: JsonObject = {"schema": compact_json(dict(call.response_schema.schema)), "name": call.response_schema.name}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}}
