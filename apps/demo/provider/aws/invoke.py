"""InvokeModel: every family has a body and an answer of its own."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from apps.demo.provider import fields
from apps.demo.provider.aws.catalogue import Model
from apps.demo.provider.aws.converse import EXTRANEOUS, converse
from apps.demo.provider.aws.eventstream import event
from apps.demo.provider.messages import JsonObject, Refusal, Why, compact
from apps.demo.provider.words import Asked, Role, Said, Turn, say


@dataclass(frozen=True, slots=True)
class Shape:
    """`known` are the fields it takes; `read` makes the question of the body, `write` the answer of what was said."""

    known: frozenset[str]
    read: Callable[[JsonObject], tuple[tuple[Turn, ...], int | None]]
    write: Callable[[Said], JsonObject]


def invoke(body: JsonObject, model: Model) -> tuple[Said, JsonObject]:
    """What was said, and the answer in the model's own shape."""
    if model.shape == "nova":
        return converse(body, model)
    shape = SHAPES.get(model.shape)
    if shape is None:
        raise Refusal(Why.BAD_REQUEST, "The provided model identifier is invalid.")
    unknown = next((name for name in body if name not in shape.known), None)
    if unknown is not None:
        raise Refusal(Why.BAD_REQUEST, EXTRANEOUS.format(unknown))
    turns, limit = shape.read(body)
    settings: JsonObject = {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}
    said = say(Asked(model.id, turns, settings=settings, max_words=limit))
    return said, shape.write(said)


def chunks(answer: JsonObject) -> tuple[bytes, ...]:
    """The answer as InvokeModelWithResponseStream frames it: the model's own JSON in base64. Here in one piece."""
    return (event("chunk", {"bytes": base64.b64encode(compact(answer).encode()).decode()}),)


def _prompt(name: str, limit: str) -> Callable[[JsonObject], tuple[tuple[Turn, ...], int | None]]:
    def read(body: JsonObject) -> tuple[tuple[Turn, ...], int | None]:
        text = body.get(name)
        if not isinstance(text, str) or not text:
            raise Refusal(Why.BAD_REQUEST, f"Malformed input request: #: required key [{name}] not found, please reformat your input.")
        return (Turn("user", text),), fields.whole(body, limit)

    return read


def _titan(body: JsonObject) -> tuple[tuple[Turn, ...], int | None]:
    config = fields.child(body, "textGenerationConfig") or {}
    turns, _ = _prompt("inputText", "none")(body)
    return turns, fields.whole(config, "maxTokenCount", "textGenerationConfig.")


def _anthropic(body: JsonObject) -> tuple[tuple[Turn, ...], int | None]:
    if body.get("anthropic_version") != "bedrock-2023-05-31":
        raise Refusal(Why.BAD_REQUEST, "anthropic_version: Field required")
    limit = fields.required(fields.whole(body, "max_tokens"), "max_tokens")
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant"}
    turns = [Turn("system", _text(body, "system"))]
    for message in fields.required(fields.objects(body, "messages"), "messages"):
        role = roles.get(fields.text(message, "role") or "")
        if role is None:
            raise Refusal(Why.BAD_REQUEST, "messages: Unexpected role")
        turns.append(Turn(role, _text(message, "content")))
    return tuple(turns), limit


def _text(source: JsonObject, name: str) -> str:
    if not isinstance(source.get(name), list):
        return fields.text(source, name) or ""
    return "\n".join(fields.text(block, "text") or "" for block in fields.objects(source, name) if block.get("type") == "text")


def _write_anthropic(said: Said) -> JsonObject:
    return {
        "id": "msg_bdrk_demo",
        "type": "message",
        "role": "assistant",
        "model": "demo",
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": "max_tokens" if said.ended == "length" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    }


def _write_titan(said: Said) -> JsonObject:
    result: JsonObject = {"tokenCount": said.output_tokens, "outputText": said.text, "completionReason": _reason(said)}
    return {"inputTextTokenCount": said.input_tokens, "results": [result]}


def _write_llama(said: Said) -> JsonObject:
    return {
        "generation": said.text,
        "prompt_token_count": said.input_tokens,
        "generation_token_count": said.output_tokens,
        "stop_reason": "length" if said.ended == "length" else "stop",
    }


def _reason(said: Said) -> str:
    return "LENGTH" if said.ended == "length" else "FINISH"


SHAPES = {
    "anthropic": Shape(
        frozenset({"anthropic_version", "max_tokens", "messages", "system", "temperature", "top_p", "top_k", "stop_sequences"}),
        _anthropic,
        _write_anthropic,
    ),
    "titan": Shape(frozenset({"inputText", "textGenerationConfig"}), _titan, _write_titan),
    "llama": Shape(frozenset({"prompt", "max_gen_len", "temperature", "top_p"}), _prompt("prompt", "max_gen_len"), _write_llama),
    "mistral": Shape(
        frozenset({"prompt", "max_tokens", "temperature", "top_p", "top_k", "stop"}),
        _prompt("prompt", "max_tokens"),
        lambda said: {"outputs": [{"text": said.text, "stop_reason": "length" if said.ended == "length" else "stop"}]},
    ),
    "command-r": Shape(
        frozenset({"message", "chat_history", "max_tokens", "temperature", "p", "k", "preamble", "stop_sequences"}),
        _prompt("message", "max_tokens"),
        lambda said: {"response_id": "demo", "generation_id": "demo", "text": said.text, "finish_reason": "COMPLETE"},
    ),
    "command": Shape(
        frozenset({"prompt", "max_tokens", "temperature", "p", "k", "stop_sequences"}),
        _prompt("prompt", "max_tokens"),
        lambda said: {"id": "demo", "generations": [{"id": "demo", "text": said.text, "finish_reason": "COMPLETE"}]},
    ),
}
