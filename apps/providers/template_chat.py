"""A chat call for a custom JSON API: its values for the template's variables (spec 02, Templates; spec 04).

What no variable can hold is refused by name. A conversation is carried as `prompt`, its last turn, and `examples`, the turns before it,
as a list of {"role": "user" or "assistant", "content": text}; `temperature`, `top_p`, `max_tokens` and `stop` by custom variables of
these names. A limit that only the caller's format demands is left out where the template has none.
"""

from collections.abc import Iterable
from typing import Final

from apps.providers.chat import ChatCall, Message, Role, Text
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.types import JsonValue, Variable
from apps.providers.variables import EXAMPLES, PROMPT, SYSTEM_PROMPT, refuse_undeclared

type TemplateValues = dict[str, JsonValue]

_WHAT: Final = {PROMPT.name: "a prompt", SYSTEM_PROMPT.name: "a system prompt", EXAMPLES.name: "earlier messages of a conversation"}


def values_of(call: ChatCall, variables: Iterable[Variable]) -> TemplateValues:
    """What fills in the body. Raises ProviderError(UNSUPPORTED, BAD_VALUE), VariableError(UNKNOWN_VARIABLE)."""
    variables = tuple(variables)
    names = {variable.name for variable in variables}
    _refuse_features(call)
    refuse_undeclared(variables, call.variables)
    *earlier, last = _texts(call)
    if last[0] is not Role.USER:
        raise _bad("The conversation ends with a message of the assistant, so there is no prompt.")
    values: TemplateValues = {**_settings(call, names), PROMPT.name: last[1]}
    if call.system:
        values[SYSTEM_PROMPT.name] = call.system
    if earlier:
        values[EXAMPLES.name] = [{"role": role, "content": text} for role, text in earlier]
    for name, what in _WHAT.items():
        if name in values and name not in names:
            raise _unsupported(what, f"Leave it out; “{name}” switched on in the model's definition, and used in its body, would carry it.")
    for name in values.keys() & call.variables.keys():
        raise _bad(f"“{name}” is given twice: among the “variables”, and by the call itself.")
    return {**values, **call.variables}


def _refuse_features(call: ChatCall) -> None:
    if call.tools:
        raise _unsupported("tools")
    if call.response_schema:
        raise _unsupported("structured output")


def _texts(call: ChatCall) -> list[tuple[Role, str]]:
    """The turns, which can be nothing but text."""
    if not call.messages:
        raise _bad("The call has no messages.")
    return [(message.role, _text(message)) for message in call.messages]


def _text(message: Message) -> str:
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) < len(message.parts):
        other = next(type(part).__name__ for part in message.parts if not isinstance(part, Text))
        raise _unsupported({"Image": "images", "ToolCall": "tool calls", "ToolResult": "tool results"}[other])
    return "\n".join(texts)


def _settings(call: ChatCall, names: set[str]) -> TemplateValues:
    """The settings that are given, each for the variable of its name."""
    stop: JsonValue = list(call.stop) or None
    settings = {"temperature": call.temperature, "top_p": call.top_p, "max_tokens": call.max_tokens, "stop": stop}
    given: TemplateValues = {name: value for name, value in settings.items() if value is not None}
    if call.formal_limit and "max_tokens" not in names:
        given.pop("max_tokens", None)
    for name in given:
        if name not in names:
            raise _unsupported(f"“{name}”", f"Leave it out; a custom variable “{name}” in the model's definition would carry it.")
    return given


def _bad(message: str) -> ProviderError:
    return ProviderError(ErrorKind.BAD_VALUE, message, "Correct the messages of the call.")


def _unsupported(what: str, hint: str = "Leave them out, or choose a model that speaks a chat API.") -> ProviderError:
    return ProviderError(ErrorKind.UNSUPPORTED, f"This model is a custom JSON API, and its definition has no place for {what}.", hint)
