"""The demo provider's only thought: an answer made from the question, the same every time, counted in words."""

import re
from dataclasses import dataclass, field
from typing import Literal

from apps.demo.provider.messages import Json, JsonObject, compact
from apps.demo.provider.schema import example_of

type Role = Literal["system", "user", "assistant", "tool"]
type Ended = Literal["done", "stop_sequence", "length", "tools"]

PIECE = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    text: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, whatever its dialect. `settings` keep the names that the dialect gives them."""

    model: str
    turns: tuple[Turn, ...]
    settings: JsonObject = field(default_factory=dict)
    max_words: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    schema: JsonObject | None = None

    @property
    def prompt(self) -> str:
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def system(self) -> str:
        return "\n".join(turn.text for turn in self.turns if turn.role == "system")


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Said:
    """The answer: text or tool calls, why it ended, and both counts in words."""

    text: str
    calls: tuple[ToolCall, ...]
    ended: Ended
    input_tokens: int
    output_tokens: int

    @property
    def pieces(self) -> list[str]:
        """The text in words, each with the blanks before it, for streaming."""
        return pieces(self.text)


def pieces(text: str) -> list[str]:
    return PIECE.findall(text)


def count_words(text: str) -> int:
    """The demo provider's token count: words between blanks."""
    return len(text.split())


def say(asked: Asked) -> Said:
    """Answer what was asked: tool calls where the prompt says "call <tool>", JSON where a schema is given, else text about the request."""
    input_tokens = sum(count_words(turn.text) for turn in asked.turns)
    calls = () if asked.turns[-1].role == "tool" else _tool_calls(asked)
    if calls:
        output_tokens = sum(1 + count_words(compact(call.arguments)) for call in calls)
        return Said("", calls, "tools", input_tokens, output_tokens)
    whole_text = compose(asked) if asked.schema is None else compact(example_of(asked.schema, asked.prompt))
    text, ended = _cut(whole_text, asked)
    return Said(text, (), ended, input_tokens, count_words(text))


def compose(asked: Asked) -> str:
    """The answer's text: quotes the prompt as it came and says what else the request carried."""
    sentences = [f'You asked: "{asked.prompt}".', _about_system(asked.system)]
    conversation = [turn for turn in asked.turns if turn.role != "system"]
    if len(conversation) > 1:
        sentences.append(f"The conversation has {len(conversation)} messages.")
    results = [turn.text for turn in conversation if turn.role == "tool"]
    if results:
        sentences.append(f'Tool results: "{"; ".join(results)}".')
    images = sum(turn.images for turn in conversation)
    if images:
        sentences.append(f"Images: {images}.")
    settings: dict[str, Json] = {"model": asked.model, **asked.settings} if asked.model else asked.settings
    if settings:
        sentences.append("Settings: " + ", ".join(f"{name}={_plain(value)}" for name, value in settings.items()) + ".")
    return " ".join(sentences)


def _about_system(system: str) -> str:
    words = system.split()
    if not words:
        return "No system prompt."
    return f'System prompt of {len(words)} words: "{" ".join(words[:6])}{"…" if len(words) > 6 else ""}".'


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else compact(value)


def _cut(text: str, asked: Asked) -> tuple[str, Ended]:
    ended: Ended = "done"
    at = min((place for stop in asked.stops if stop and (place := text.find(stop)) >= 0), default=-1)
    if at >= 0:
        text, ended = text[:at], "stop_sequence"
    kept = pieces(text)
    if asked.max_words is not None and len(kept) > asked.max_words:
        text, ended = "".join(kept[: asked.max_words]), "length"
    return text, ended


def _tool_calls(asked: Asked) -> tuple[ToolCall, ...]:
    wanted = set(re.findall(r"\bcall ([\w.-]+)", asked.prompt))
    return tuple(ToolCall(tool.name, _arguments(tool, asked.prompt)) for tool in asked.tools if tool.name in wanted)


def _arguments(tool: Tool, prompt: str) -> JsonObject:
    made = example_of(tool.parameters or {"type": "object"}, prompt)
    return made if isinstance(made, dict) else {}
