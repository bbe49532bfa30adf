"""Anthropic Messages: POST /anthropic/v1/messages, GET /anthropic/v1/models; `x-api-key` and `anthropic-version`."""

import hashlib

from apps.demo.provider import fields
from apps.demo.provider.keys import check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, JsonObject, Refusal, Reply, Request, Why, compact, json_reply, sse_reply
from apps.demo.provider.words import Asked, Role, Said, Tool, Turn, say

MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")
MORE = (
    "model",
    "messages",
    "system",
    "stop_sequences",
    "stream",
    "tools",
    "tool_choice",
    "metadata",
    "thinking",
    "service_tier",
    "output_config",
)
KNOWN = {*SETTINGS, *MORE}
ENDED = {"done": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tools": "tool_use"}


def answer(request: Request, path: str) -> Reply:
    check_key("anthropic", request.header("x-api-key"))
    if not request.header("anthropic-version"):
        raise Refusal(Why.BAD_REQUEST, "header is required", "anthropic-version")
    match (request.method, path):
        case ("GET", "/v1/models"):
            models: list[Json] = [{"type": "model", "id": name, "display_name": name} for name in MODELS]
            return json_reply(200, {"data": models, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
        case ("POST", "/v1/messages"):
            return _message(request)
        case (_, "/v1/models" | "/v1/messages"):
            raise Refusal(Why.WRONG_METHOD)
    raise Refusal(Why.NOT_FOUND)


def _message(request: Request) -> Reply:
    body = fields.read_object(request)
    asked = _asked(body)
    if asked.model.startswith("no-such"):
        raise Refusal(Why.NO_MODEL, where=asked.model)
    said = say(asked)
    message: JsonObject = {
        "id": f"msg_{hashlib.sha256(request.body).hexdigest()[:24]}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": _content(said),
        "stop_reason": ENDED[said.ended],
        "stop_sequence": next(iter(asked.stops), None) if said.ended == "stop_sequence" else None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    }
    if not fields.flag(body, "stream"):
        return json_reply(200, message)
    return sse_reply([(str(event["type"]), event) for event in _events(message, said)])


def _asked(body: JsonObject) -> Asked:
    unknown = next((name for name in body if name not in KNOWN), None)
    if unknown is not None:
        raise Refusal(Why.BAD_REQUEST, "Extra inputs are not permitted", unknown)
    messages = fields.required(fields.objects(body, "messages"), "messages")
    system = Turn("system", _text(body, "system", ""))
    turns = tuple(turn for index, message in enumerate(messages) for turn in _turns(message, f"messages.{index}."))
    return Asked(
        fields.required(fields.text(body, "model"), "model"),
        (system, *turns),
        settings={name: body[name] for name in SETTINGS if body.get(name) is not None},
        max_words=fields.required(fields.whole(body, "max_tokens"), "max_tokens"),
        stops=fields.texts(body, "stop_sequences"),
        tools=tuple(
            Tool(fields.required(fields.text(tool, "name"), "tools.name"), fields.child(tool, "input_schema") or {})
            for tool in fields.objects(body, "tools")
        ),
        schema=_schema(body),
    )


def _schema(body: JsonObject) -> JsonObject | None:
    wanted = fields.child(fields.child(body, "output_config") or {}, "format", "output_config.") or {}
    return fields.child(wanted, "schema", "output_config.format.") if wanted.get("type") == "json_schema" else None


def _turns(message: JsonObject, where: str) -> list[Turn]:
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant"}
    role = roles.get(fields.text(message, "role", where) or "")
    if role is None:
        raise Refusal(Why.BAD_REQUEST, "Input should be 'user' or 'assistant'", f"{where}role")
    blocks = fields.objects(message, "content", where) if isinstance(message.get("content"), list) else []
    results = [Turn("tool", _text(block, "content", where)) for block in blocks if block.get("type") == "tool_result"]
    images = sum(block.get("type") == "image" for block in blocks)
    text = _text(message, "content", where)
    return [Turn(role, text, images), *results] if text or images or not results else results


def _text(source: JsonObject, name: str, where: str) -> str:
    """The words of a content field, which is a text or a list of blocks."""
    if not isinstance(source.get(name), list):
        return fields.text(source, name, where) or ""
    blocks = fields.objects(source, name, where)
    return "\n".join(fields.text(block, "text", f"{where}{name}.") or "" for block in blocks if block.get("type") == "text")


def _content(said: Said) -> list[Json]:
    if not said.calls:
        return [{"type": "text", "text": said.text}]
    return [{"type": "tool_use", "id": f"toolu_demo_{i}", "name": call.name, "input": call.arguments} for i, call in enumerate(said.calls)]


def _events(message: JsonObject, said: Said) -> list[JsonObject]:
    usage: JsonObject = {"input_tokens": said.input_tokens, "output_tokens": 1}
    start: JsonObject = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[JsonObject] = [{"type": "message_start", "message": {**message, **start}}]
    for index, block in enumerate(_content(said)):
        empty: JsonObject = {"text": ""} if not said.calls else {"input": {}}
        deltas: list[JsonObject] = [{"type": "text_delta", "text": piece} for piece in said.pieces]
        if said.calls:
            deltas = [{"type": "input_json_delta", "partial_json": compact(said.calls[index].arguments)}]
        opened: Json = {**block, **empty} if isinstance(block, dict) else None
        events += [{"type": "content_block_start", "index": index, "content_block": opened}, {"type": "ping"}]
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta: JsonObject = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    return [*events, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": said.output_tokens}}, {"type": "message_stop"}]


def refuse(refusal: Refusal) -> Reply:
    """Anthropic's documented error types; a lack of credit is a 400 there."""
    match refusal.why:
        case Why.MISSING_KEY:
            return _error(401, "authentication_error", "x-api-key header is required")
        case Why.UNKNOWN_KEY:
            return _error(401, "authentication_error", "invalid x-api-key")
        case Why.RATE_LIMITED:
            return _error(429, "rate_limit_error", "This request would exceed your organization's rate limit.", retry=True)
        case Why.NO_CREDIT:
            message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to purchase credits."
            return _error(400, "invalid_request_error", message)
        case Why.NO_MODEL:
            return _error(404, "not_found_error", f"model: {refusal.where}")
        case Why.NOT_FOUND:
            return _error(404, "not_found_error", "Not Found")
        case Why.WRONG_METHOD:
            return _error(405, "invalid_request_error", "Method Not Allowed")
        case Why.BAD_REQUEST:
            message = "Field required" if refusal.message == "missing" else refusal.message
            return _error(400, "invalid_request_error", f"{refusal.where}: {message}" if refusal.where else message)
    return _error(500, "api_error", "Internal server error")


def _error(status: int, kind: str, message: str, *, retry: bool = False) -> Reply:
    body: JsonObject = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_demo"}
    return json_reply(status, body, RETRY_AFTER if retry else ())


DIALECT = Dialect("anthropic", "/anthropic", answer, refuse)
