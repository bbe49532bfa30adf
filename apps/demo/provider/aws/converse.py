"""Converse: one request shape for all chat models, whole and streamed."""

from apps.demo.provider import fields
from apps.demo.provider.aws.catalogue import Model
from apps.demo.provider.aws.eventstream import event
from apps.demo.provider.messages import Json, JsonObject, Refusal, Why, compact
from apps.demo.provider.words import Asked, Role, Said, Tool, Turn, say

SETTINGS = ("maxTokens", "temperature", "topP")
KNOWN = {"messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "additionalModelRequestFields", "guardrailConfig"}
KNOWN |= {"additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "promptVariables", "serviceTier"}
NO_CONVERSE = "This action doesn't support the model that you provided. Try again with a supported text or chat model."
EXTRANEOUS = "Malformed input request: #: extraneous key [{}] is not permitted, please reformat your input."
BLANK = "The text field in the ContentBlock object at {} is blank. Add text to the text field, and try again."
ENDED = {"done": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tools": "tool_use"}


def converse(body: JsonObject, model: Model) -> tuple[Said, JsonObject]:
    """What was said, and the answer as Converse writes it."""
    if not model.converse:
        raise Refusal(Why.BAD_REQUEST, NO_CONVERSE)
    said = say(_asked(body, model))
    answer: JsonObject = {
        "output": {"message": {"role": "assistant", "content": _content(said)}},
        "stopReason": ENDED[said.ended],
        "usage": _usage(said),
        "metrics": {"latencyMs": 321},
    }
    return said, answer


def events(said: Said) -> tuple[bytes, ...]:
    """The same answer, framed event by event."""
    parts = [event("messageStart", {"role": "assistant"})]
    if not said.calls:
        parts += [event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in said.pieces]
        parts.append(event("contentBlockStop", {"contentBlockIndex": 0}))
    for index, call in enumerate(said.calls):
        start: JsonObject = {"toolUse": {"toolUseId": f"tooluse_demo_{index}", "name": call.name}}
        delta: JsonObject = {"toolUse": {"input": compact(call.arguments)}}
        parts.append(event("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        parts.append(event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}))
        parts.append(event("contentBlockStop", {"contentBlockIndex": index}))
    parts.append(event("messageStop", {"stopReason": ENDED[said.ended]}))
    parts.append(event("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 321}}))
    return tuple(parts)


def _asked(body: JsonObject, model: Model) -> Asked:
    unknown = next((name for name in body if name not in KNOWN), None)
    if unknown is not None:
        raise Refusal(Why.BAD_REQUEST, EXTRANEOUS.format(unknown))
    system = fields.objects(body, "system")
    if system and not model.system:
        raise Refusal(Why.BAD_REQUEST, "This model doesn't support the system field. Try again without the system field.")
    messages = fields.required(fields.objects(body, "messages"), "messages")
    config = fields.child(body, "inferenceConfig") or {}
    tools = [fields.child(tool, "toolSpec") or {} for tool in fields.objects(fields.child(body, "toolConfig") or {}, "tools")]
    turns = [Turn("system", "\n".join(_texts(system, "system")))]
    turns += [turn for index, message in enumerate(messages) for turn in _turns(message, f"messages.{index}.")]
    return Asked(
        model.id,
        tuple(turns),
        settings={name: config[name] for name in SETTINGS if config.get(name) is not None},
        max_words=fields.whole(config, "maxTokens", "inferenceConfig."),
        stops=fields.texts(config, "stopSequences", "inferenceConfig."),
        tools=tuple(Tool(fields.text(tool, "name") or "", _schema(tool)) for tool in tools),
        schema=_wanted_schema(body),
    )


def _schema(tool: JsonObject) -> JsonObject:
    return fields.child(fields.child(tool, "inputSchema") or {}, "json") or {}


def _wanted_schema(body: JsonObject) -> JsonObject | None:
    """The schema of a structured answer, which comes as a text with JSON in it."""
    form = fields.child(fields.child(body, "outputConfig") or {}, "textFormat") or {}
    definition = fields.child(fields.child(form, "structure") or {}, "jsonSchema") or {}
    text = fields.text(definition, "schema")
    return fields.object_of(text) if text else None


def _turns(message: JsonObject, where: str) -> list[Turn]:
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant"}
    role = roles.get(fields.text(message, "role", where) or "")
    if role is None:
        raise Refusal(Why.BAD_REQUEST, f"The value at {where}role must be user or assistant.")
    blocks = fields.required(fields.objects(message, "content", where), f"{where}content")
    results = [fields.child(block, "toolResult") or {} for block in blocks if "toolResult" in block]
    told = [Turn("tool", "\n".join(_texts(fields.objects(result, "content"), f"{where}toolResult."))) for result in results]
    texts = _texts([block for block in blocks if "text" in block], f"{where}content")
    images = sum("image" in block for block in blocks)
    return [Turn(role, "\n".join(texts), images), *told] if texts or images or not told else told


def _texts(blocks: list[JsonObject], where: str) -> list[str]:
    """The words of text blocks; Bedrock refuses empty ones."""
    found = []
    for index, block in enumerate(blocks):
        text = fields.text(block, "text")
        if text is None:
            found.append(compact(block.get("json")))
        elif not text.strip():
            raise Refusal(Why.BAD_REQUEST, BLANK.format(f"{where}.{index}"))
        else:
            found.append(text)
    return found


def _content(said: Said) -> list[Json]:
    if not said.calls:
        return [{"text": said.text}]
    return [
        {"toolUse": {"toolUseId": f"tooluse_demo_{index}", "name": call.name, "input": call.arguments}}
        for index, call in enumerate(said.calls)
    ]


def _usage(said: Said) -> JsonObject:
    return {
        "inputTokens": said.input_tokens,
        "outputTokens": said.output_tokens,
        "totalTokens": said.input_tokens + said.output_tokens,
    }
