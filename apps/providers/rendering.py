"""What rendering a chat call has in common across the formats: refusals in words, and the rules for a call that makes sense."""

from collections.abc import Iterator

from apps.providers.chat import ChatCall, Image, JsonObject, Message, Role, Text, ToolCall, ToolResult, ToolUse
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_text
from apps.providers.types import JsonValue


def unsupported(
    label: str, feature: str, hint: str = "Leave it out of the call, or choose a model with another provider."
) -> ProviderError:
    """The error for what a format cannot carry. `feature` goes on after "has no", for example "way to forbid parallel tool calls"."""
    return ProviderError(ErrorKind.UNSUPPORTED, f"{label} has no {feature}.", hint)


def check_call(call: ChatCall) -> None:
    """Raise ProviderError(BAD_VALUE) for a call that makes no sense in any chat format, (UNSUPPORTED) for what none of them has."""
    if not call.messages:
        raise _bad("The call has no messages.")
    for message in call.messages:
        for part in message.parts:
            _check_part(message.role, part)
    if call.variables:
        sentence = "The call has values for “variables”, and this model's API has none: only a custom JSON API takes them."
        raise ProviderError(ErrorKind.UNSUPPORTED, sentence, "Leave them out, or choose a model with a body of its own.")
    names = [tool.name for tool in call.tools]
    if call.tool_name and call.tool_name not in names:
        raise _bad(f"The call wants the tool “{call.tool_name}” used, which is none of its tools.")
    if call.tool_use is ToolUse.REQUIRED and not names:
        raise _bad("The call wants a tool used and gives none.")


def refuse_strict_tools(call: ChatCall, label: str) -> None:
    """For APIs that cannot hold the model to a tool's schema."""
    if any(tool.strict for tool in call.tools):
        raise unsupported(label, "way to hold tool calls to their schema", "Leave out “strict”, or choose a model with another provider.")


def merged(messages: tuple[Message, ...]) -> list[Message]:
    """The turns with those of one role in a row as one, for APIs that want them to alternate. A turn's tool results come first."""
    turns: list[Message] = []
    for message in messages:
        if turns and turns[-1].role is message.role:
            turns[-1] = Message(message.role, turns[-1].parts + message.parts)
        else:
            turns.append(message)
    return [Message(turn.role, tuple(sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult)))) for turn in turns]


def without_empty_text(message: Message) -> Message:
    """The turn without its empty texts, which some APIs refuse; one that is nothing else keeps the last."""
    parts = tuple(part for part in message.parts if not (isinstance(part, Text) and not part.text))
    return Message(message.role, parts or message.parts[-1:] or (Text(""),))


def arguments_of(call: ToolCall, label: str) -> JsonObject:
    """The arguments as an object, for formats that carry them as one. Models write none at all for a tool without parameters."""
    try:
        arguments = parse_text(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        feature = f"way to carry the arguments of the tool call “{call.name}”, which are no JSON object"
        raise unsupported(label, feature, "Leave that turn out of the conversation, or repair the arguments.")
    return arguments


def data_url(image: Image) -> str:
    """The image's own URL, or its data as one."""
    return image.url or f"data:{image.media_type};base64,{image.data}"


def text_of(message: Message) -> str:
    """The turn's texts as one, for fields that take a single text."""
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def error_text(result: ToolResult) -> str:
    """A result for formats without a mark for failed calls: the failure is said in words, as their documentation advises."""
    return f"Error: {result.content}" if result.is_error else result.content


def result_messages(message: Message) -> list[JsonObject]:
    """The turn's tool results as OpenAI and Cohere want them: messages of their own, right behind the calls."""
    return [{"role": "tool", "tool_call_id": result.call_id, "content": error_text(result)} for result in results_of(message)]


def user_message(message: Message) -> list[JsonObject]:
    """What the user says beside tool results, as OpenAI and Cohere want it; nothing where there are only results."""
    parts: list[JsonObject] = [_content_part(part) for part in message.parts if isinstance(part, Text | Image)]
    if not parts and any(results_of(message)):
        return []
    only_text = all(part["type"] == "text" for part in parts)
    return [{"role": "user", "content": text_of(message) if only_text else list(parts)}]


def function_calls(message: Message) -> list[JsonValue]:
    """The turn's tool calls as OpenAI and Cohere want them: the arguments as the text that they are."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.parts
        if isinstance(call, ToolCall)
    ]


def _content_part(part: Text | Image) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}


def given(**settings: JsonValue) -> JsonObject:
    """The settings that are set."""
    return {name: value for name, value in settings.items() if value is not None}


def stop_list(call: ChatCall) -> list[JsonValue] | None:
    return list(call.stop) or None


def wants_tool(call: ChatCall) -> bool:
    """Whether a tool has to be used: any, or the one that is named."""
    return bool(call.tool_name) or call.tool_use is ToolUse.REQUIRED


def _check_part(role: Role, part: object) -> None:
    if isinstance(part, ToolCall) and role is not Role.ASSISTANT:
        raise _bad("A tool call stands in a turn of the user; only the assistant asks for tools.")
    if isinstance(part, ToolResult | Image) and role is not Role.USER:
        kind = "An image" if isinstance(part, Image) else "A tool result"
        raise _bad(f"{kind} stands in a turn of the assistant; it belongs into one of the user.")
    if isinstance(part, Image) and not part.url and not (part.data and part.media_type):
        raise _bad("An image needs its data and media type, or a URL.")


def _bad(message: str) -> ProviderError:
    return ProviderError(ErrorKind.BAD_VALUE, message, "Correct the messages and tools of the call.")


def results_of(message: Message) -> Iterator[ToolResult]:
    return (part for part in message.parts if isinstance(part, ToolResult))
