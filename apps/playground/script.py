"""What is said to a model, as typed: system prompt, turns with `{{variables}}`, parameters. Runs and prompts keep it as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from apps.providers.chat import ChatCall, Image, Message, Part, Role, Text
from apps.providers.template import TemplateInvalid, render_text
from apps.providers.template_parser import Placeholder, parse_parts
from apps.providers.types import Variable


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """None and () leave a parameter to the provider."""

    turns: tuple[Turn, ...] = (Turn(Role.USER, ""),)
    system: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.system, *(turn.text for turn in self.turns))

    @property
    def prompt(self) -> str:
        """The last thing that the person says."""
        return next((turn.text for turn in reversed(self.turns) if turn.role is Role.USER), "")

    def names(self) -> list[str]:
        """The variables of its texts, each once, in the order in which they stand there."""
        return list(dict.fromkeys(name for text in self.texts for name in names_in(text)))

    def filled(self, values: Mapping[str, str]) -> Self:
        """With the values in the places of its variables. Raises VariableError for a missing one, TemplateInvalid for a broken text."""
        variables = [Variable(name, required=True) for name in self.names()]
        given = {variable.name: values[variable.name] for variable in variables if variable.name in values}

        def fill(text: str) -> str:
            return render_text(text, variables, given)

        turns = tuple(Turn(turn.role, fill(turn.text)) for turn in self.turns)
        return replace(self, system=fill(self.system), turns=turns)

    def chat_call(self, images: tuple[Image, ...] = ()) -> ChatCall:
        """The call that a filled script makes. Images go with the last thing that the person says, before its text."""
        last = max((number for number, turn in enumerate(self.turns) if turn.role is Role.USER), default=-1)
        messages = []
        for number, turn in enumerate(self.turns):
            attached: tuple[Part, ...] = images if number == last else ()
            messages.append(Message(turn.role, (*attached, Text(turn.text))))
        return ChatCall(
            messages=tuple(messages),
            system=self.system,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=self.stop,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        turns = tuple(Turn(Role(turn["role"]), turn["text"]) for turn in data.get("turns", ()))
        return cls(
            turns=turns or (Turn(Role.USER, ""),),
            system=data.get("system", ""),
            temperature=data.get("temperature"),
            top_p=data.get("top_p"),
            max_tokens=data.get("max_tokens"),
            stop=tuple(data.get("stop", ())),
        )


def names_in(text: str) -> list[str]:
    """The variables of a text in their order; none where it is not well formed."""
    try:
        return [part.name for part in parse_parts(text) if isinstance(part, Placeholder)]
    except TemplateInvalid:
        return []


def as_typed(text: str) -> str:
    """How a text has to be typed so that nothing in it is taken for a variable."""
    return text.replace("{{", "\\{{")
