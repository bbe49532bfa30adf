"""A chat call and its answer as plain values: what the chat wire formats render, read, and carry between each other (spec 04)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from apps.providers.types import JsonValue

type JsonObject = dict[str, JsonValue]


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image for the model: `data` in base64 with its `media_type`, or a `url` that the provider fetches itself. One of the two."""

    media_type: str = ""
    data: str = field(default="", repr=False)
    url: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` is the JSON text as the model wrote it, which need not be valid."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool gave, for the call of that ID. `name` is the tool's: some formats answer by name instead of ID."""

    call_id: str
    content: str
    name: str = ""
    is_error: bool = False


type Part = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Tool calls are the assistant's, images and tool results the user's."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may ask for; `parameters` is a JSON schema of an object, which a `strict` tool's calls have to follow."""

    name: str
    description: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    strict: bool = False


class ToolUse(StrEnum):
    """Whether the model may, must or must not ask for a tool."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ResponseSchema:
    """The answer has to be JSON of this schema."""

    schema: Mapping[str, JsonValue]
    name: str = "response"
    strict: bool = True


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One call, in no provider's words. None and () leave a setting to the provider."""

    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    tool_use: ToolUse | None = None
    tool_name: str = ""  # the one tool that must be used; "" for any
    parallel_tools: bool | None = None
    response_schema: ResponseSchema | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    # The limit is there because the caller's format demands one (Anthropic's does): a target that has no such setting answers without.
    formal_limit: bool = False
    stop: tuple[str, ...] = ()
    # Values for a custom JSON API's own variables, by name. The chat formats have no place for them.
    variables: Mapping[str, JsonValue] = field(default_factory=dict)


class Finish(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOLS = "tools"
    FILTERED = "filtered"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. None where the provider did not say, never 0 instead (spec 07 C4).

    `input_tokens` is all of the input, that from the cache included; `cached_tokens` is how much of it was read from the cache, and
    `cache_write_tokens` how much was written to it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What the model said: text, tool calls, or both. `model` is the name that the provider gives itself, "" without one."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    usage: Usage = field(default_factory=Usage)
    model: str = ""


# A streamed answer, in the order in which it comes. An error in the middle of a stream is raised as a ProviderError.


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """The model begins to ask for a tool. `index` counts the calls of this answer from 0."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolArgumentsDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: why the model stopped, and what it cost. A stream that ends without it was cut."""

    finish: Finish
    usage: Usage = field(default_factory=Usage)


type StreamEvent = TextDelta | ToolCallStarted | ToolArgumentsDelta | Ended
