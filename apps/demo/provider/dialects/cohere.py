"""Cohere Chat v2: POST /cohere/v2/chat, GET /cohere/v1/models; bearer key."""

import hashlib

from apps.demo.provider import fields
from apps.demo.provider.keys import bearer, check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, JsonObject, Refusal, Reply, Request, Why, compact, json_reply, sse_reply
from apps.demo.provider.words import Asked, Role, Said, Tool, Turn, say

MODELS = ("command-a-03-2025", "command-r-plus-08-2024", "command-r7b-12-2024")
SETTINGS = ("temperature", "p", "k", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
ENDED = {"done": "COMPLETE", "stop_sequence": "STOP_SEQUENCE", "length": "MAX_TOKENS", "tools": "TOOL_CALL"}


def answer(request: Request, path: str) -> Reply:
    check_key("cohere", bearer(request.header("authorization")))
    match (request.method, path):
        case ("GET", "/v1/models"):
            return json_reply(200, {"models": [{"name": name, "endpoints": ["chat"], "context_length": 128_000} for name in MODELS]})
        case ("POST", "/v2/chat"):
            return _chat(request)
        case (_, "/v1/models" | "/v2/chat"):
            raise Refusal(Why.WRONG_METHOD)
    raise Refusal(Why.NOT_FOUND)


def _chat(request: Request) -> Reply:
    body = fields.read_object(request)
    asked = _asked(body)
    if asked.model.startswith("no-such"):
        raise Refusal(Why.NO_MODEL, where=asked.model)
    said = say(asked)
    name = hashlib.sha256(request.body).hexdigest()[:32]
    if fields.flag(body, "stream"):
        return sse_reply([(str(event["type"]), event) for event in _events(name, said)])
    content: JsonObject = {"tool_calls": _calls(said)} if said.calls else {"content": [{"type": "text", "text": said.text}]}
    message: JsonObject = {"role": "assistant", **content}
    return json_reply(200, {"id": name, "finish_reason": ENDED[said.ended], "message": message, "usage": _usage(said)})


def _asked(body: JsonObject) -> Asked:
    messages = fields.required(fields.objects(body, "messages"), "messages")
    functions = [fields.child(tool, "function") or {} for tool in fields.objects(body, "tools")]
    wanted = fields.child(body, "response_format") or {}
    schema = fields.child(wanted, "json_schema") or fields.child(wanted, "schema") or {"type": "object"}
    return Asked(
        fields.required(fields.text(body, "model"), "model"),
        tuple(_turn(message, f"messages[{index}].") for index, message in enumerate(messages)),
        settings={name: body[name] for name in SETTINGS if body.get(name) is not None},
        max_words=fields.whole(body, "max_tokens"),
        stops=fields.texts(body, "stop_sequences"),
        tools=tuple(Tool(fields.text(function, "name") or "", fields.child(function, "parameters") or {}) for function in functions),
        schema=schema if wanted.get("type") == "json_object" else None,
    )


def _turn(message: JsonObject, where: str) -> Turn:
    role = ROLES.get(fields.text(message, "role", where) or "")
    if role is None:
        raise Refusal(Why.BAD_REQUEST, "must be one of system, user, assistant, tool", f"{where}role")
    if not isinstance(message.get("content"), list):
        return Turn(role, fields.text(message, "content", where) or "")
    parts = fields.objects(message, "content", where)
    words = [fields.text(part, "text", f"{where}content.") or "" for part in parts if part.get("type") == "text"]
    return Turn(role, "\n".join(words), sum(part.get("type") == "image_url" for part in parts))


def _calls(said: Said) -> list[Json]:
    return [
        {"id": f"{call.name}_demo_{index}", "type": "function", "function": {"name": call.name, "arguments": compact(call.arguments)}}
        for index, call in enumerate(said.calls)
    ]


def _usage(said: Said) -> JsonObject:
    counts: JsonObject = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
    return {"billed_units": counts, "tokens": counts}


def _events(name: str, said: Said) -> list[JsonObject]:
    start: JsonObject = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[JsonObject] = [{"type": "message-start", "id": name, "delta": {"message": start}}]
    for index, call in enumerate(said.calls):
        function: JsonObject = {"name": call.name, "arguments": ""}
        opened: JsonObject = {"id": f"{call.name}_demo_{index}", "type": "function", "function": function}
        more: JsonObject = {"function": {"arguments": compact(call.arguments)}}
        events.append({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": opened}}})
        events.append({"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": more}}})
        events.append({"type": "tool-call-end", "index": index})
    if not said.calls:
        events.append({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}})
        events += [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}} for piece in said.pieces]
        events.append({"type": "content-end", "index": 0})
    return [*events, {"type": "message-end", "id": name, "delta": {"finish_reason": ENDED[said.ended], "usage": _usage(said)}}]


def refuse(refusal: Refusal) -> Reply:
    """Cohere says everything in one `message`; the status tells the rest."""
    match refusal.why:
        case Why.MISSING_KEY:
            return _error(401, "no api key supplied")
        case Why.UNKNOWN_KEY:
            return _error(401, "invalid api token")
        case Why.RATE_LIMITED:
            return json_reply(429, {"message": "You are using a Trial key, which is limited to 20 API calls / minute."}, RETRY_AFTER)
        case Why.NO_CREDIT:
            return _error(402, "Please add or update your payment method to continue")
        case Why.NO_MODEL:
            return _error(404, f"model '{refusal.where}' not found, make sure the correct model ID was used.")
        case Why.NOT_FOUND:
            return _error(404, "page not found")
        case Why.WRONG_METHOD:
            return _error(405, "method not allowed")
        case Why.BAD_REQUEST:
            missing = f"invalid request: {refusal.where} is required"
            message = missing if refusal.message == "missing" else f"invalid request: {refusal.where} {refusal.message}".replace("  ", " ")
            return _error(400, message)
    return _error(500, "internal server error")


def _error(status: int, message: str) -> Reply:
    return json_reply(status, {"id": "demo-error", "message": message})


DIALECT = Dialect("cohere", "/cohere", answer, refuse)
