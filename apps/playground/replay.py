"""*Open in playground*: the page filled in from a trace. Read leniently: what the playground cannot show is named, not guessed."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apps.accounts.requests import WorkspaceRequest
from apps.playground.choices import Choices
from apps.playground.draft import Draft, Pick
from apps.playground.script import Script, Turn, as_typed
from apps.providers.chat import Role
from apps.traces.models import Trace
from apps.traces.queries import get_trace, own_only
from apps.traces.record import Api

SYSTEM_ROLES = frozenset({"system", "developer"})
SHOWN = frozenset(
    {"model", "messages", "system", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "stop_sequences", "stream"}
)
BEYOND = 10**9  # no parameter of a call is that large
NOBODY = Pick(UUID(int=0))
IN_VARIABLES = frozenset({"prompt", "system_prompt"})


class NotReplayable(Exception):
    """The trace does not have what was asked; the text says why."""


def replayed(request: WorkspaceRequest, trace_id: UUID, choices: Choices) -> tuple[Draft, list[str]]:
    """The call of a trace, and sentences about what of it is not there. Raises Http404 and NotReplayable."""
    trace = get_trace(request.workspace, trace_id, own=own_only(request))
    body = getattr(trace, "body", None)
    document = document_of(body.input if body else "")
    draft, left_out = of_variables(document) if trace.api == Api.VARIABLES else of_chat(document)
    pick, gone = picked(trace, choices)
    sentences = [*gone, *([f"Left out: {', '.join(left_out)}."] if left_out else [])]
    return Draft(script=draft.script, values=draft.values, picks=(pick,), stream=trace.streamed), sentences


def picked(trace: Trace, choices: Choices) -> tuple[Pick | None, list[str]]:
    """Whom the call asked, as far as they are still there, and who is not. A pick that is no choice stays one: a lane without a model."""
    if trace.model_id is None:
        return (NOBODY, [gone_model(trace)]) if trace.model_name else (None, [])
    pick, any_connection = Pick(trace.model_id, trace.connection_id), Pick(trace.model_id)
    if choices.find(pick.key):
        return pick, []
    if (choice := choices.find(any_connection.key)) is None:
        return pick, [gone_model(trace)]
    return any_connection, [f"Its connection “{trace.connection_name}” is not there any more: any of {choice.model.name} is asked."]


def gone_model(trace: Trace) -> str:
    return f"“{trace.model_name}” is not there any more: choose a model."


def document_of(text: str) -> Mapping[str, Any]:
    if not text:
        raise NotReplayable("What it said is not kept, or not any more, so there is nothing to fill in.")
    try:
        document = json.loads(text)
        # Halves of surrogate pairs stand in JSON as escapes, and in no page.
        document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NotReplayable("Its input was cut or masked when it was kept, so it cannot be read any more.")
    return document


def of_variables(document: Mapping[str, Any]) -> tuple[Draft, list[str]]:
    """The values of a test, or of a custom JSON API."""
    script = Script(
        turns=(Turn(Role.USER, as_typed(written(document.get("prompt")))),), system=as_typed(written(document.get("system_prompt")))
    )
    values = {name: written(value) for name, value in document.items() if name not in IN_VARIABLES}
    return Draft(script=script, values=values), []


def of_chat(document: Mapping[str, Any]) -> tuple[Draft, list[str]]:
    """An OpenAI or an Anthropic request: they differ in where the system prompt and the limits stand.

    Beside their messages both have the values for a custom JSON API's own variables.
    """
    variables = document.get("variables")
    values = variables if isinstance(variables, dict) else {}
    left_out = [name for name in document if name not in SHOWN and not (name == "variables" and values)]
    systems = [text_of(document.get("system"), left_out)]
    turns = []
    messages = document.get("messages")
    for message in messages if isinstance(messages, list) else ():
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str):
            continue
        text = text_of(message.get("content"), left_out)
        if role in SYSTEM_ROLES:
            systems.append(text)
        elif role in set(Role):
            turns.append(Turn(Role(role), as_typed(text)))
        if role == "tool" or message.get("tool_calls"):
            left_out.append("tool calls and their results")
    script = Script(
        turns=tuple(turn for turn in turns if turn.text) or (Turn(Role.USER, ""),),
        system=as_typed("\n\n".join(filter(None, systems))),
        temperature=number(document.get("temperature")),
        top_p=number(document.get("top_p")),
        max_tokens=whole(document.get("max_completion_tokens") or document.get("max_tokens")),
        stop=stops(document.get("stop") or document.get("stop_sequences")),
    )
    return Draft(script=script, values={name: written(value) for name, value in values.items()}), list(dict.fromkeys(left_out))


def text_of(content: object, left_out: list[str]) -> str:
    """The text of a message: what else it has is left out."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = [str(part["text"]) for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    others = [part for part in content if not (isinstance(part, dict) and isinstance(part.get("text"), str))]
    left_out += [str(part.get("type", "content")).replace("_", " ") for part in others if isinstance(part, dict)]
    return "\n".join(texts)


def written(value: object) -> str:
    """A value as its field has it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < BEYOND else None


def whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < BEYOND else None


def stops(value: object) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(stop for stop in found if isinstance(stop, str) and stop)
