"""OpenAI Chat Completions: POST /openai/v1/chat/completions, GET /openai/v1/models; bearer key."""

import hashlib
import time

from apps.demo.provider import fields
from apps.demo.provider.keys import bearer, check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, JsonObject, Refusal, Reply, Request, Why, compact, json_reply, sse_reply
from apps.demo.provider.words import Asked, Role, Said, Tool, Turn, say

MODELS = ("gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini")
SETTINGS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "frequency_penalty", "presence_penalty", "user")
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
ENDED = {"done": "stop", "stop_sequence": "stop", "length": "length", "tools": "tool_calls"}


def answer(request: Request, path: str) -> Reply:
    check_key("openai", bearer(request.header("authorization")))
    match (request.method, path):
        case ("GET", "/v1/models"):
            return json_reply(200, {"object": "list", "data": [_model(name) for name in MODELS]})
        case ("POST", "/v1/chat/completions"):
            body = fields.read_object(request)
            return complete(request, body, fields.required(fields.text(body, "model"), "model"))
        case (_, "/v1/models" | "/v1/chat/completions"):
            raise Refusal(Why.WRONG_METHOD, request.method)
    raise Refusal(Why.NOT_FOUND, f"{request.method} {path}")


def complete(request: Request, body: JsonObject, model: str) -> Reply:
    """One completion, streamed when the body says so; Azure answers through it too."""
    if model.startswith("no-such"):
        raise Refusal(Why.NO_MODEL, where=model)
    said = say(_asked(body, model))
    head: JsonObject = {"id": f"chatcmpl-{hashlib.sha256(request.body).hexdigest()[:24]}", "created": int(time.time()), "model": model}
    if not fields.flag(body, "stream"):
        choice: JsonObject = {"index": 0, "message": _message(said), "logprobs": None, "finish_reason": ENDED[said.ended]}
        return json_reply(200, {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(said)})
    options = fields.child(body, "stream_options") or {}
    with_usage = fields.flag(options, "include_usage", "stream_options.")
    return sse_reply([("", chunk) for chunk in _chunks(head, said, with_usage=with_usage)], end="[DONE]")


def _asked(body: JsonObject, model: str) -> Asked:
    turns = tuple(_turn(item, f"messages[{i}].") for i, item in enumerate(fields.required(fields.objects(body, "messages"), "messages")))
    heat = fields.number(body, "temperature")
    if heat is not None and not 0 <= heat <= 2:
        raise Refusal(Why.BAD_REQUEST, f"{heat} is not from 0 to 2", "temperature")
    limit = fields.whole(body, "max_completion_tokens")
    return Asked(
        model,
        turns,
        settings={name: body[name] for name in SETTINGS if body.get(name) is not None},
        max_words=limit if limit is not None else fields.whole(body, "max_tokens"),
        stops=fields.texts(body, "stop"),
        tools=tuple(_tool(item) for item in fields.objects(body, "tools")),
        schema=_schema(body),
    )


def _turn(message: JsonObject, where: str) -> Turn:
    role = ROLES.get(fields.text(message, "role", where) or "")
    if role is None:
        raise Refusal(Why.BAD_REQUEST, "must be one of system, developer, user, assistant, tool", f"{where}role")
    if not isinstance(message.get("content"), list):
        return Turn(role, fields.text(message, "content", where) or "")
    parts = fields.objects(message, "content", where)
    words = [fields.text(part, "text", f"{where}content.") or "" for part in parts if part.get("type") == "text"]
    return Turn(role, "\n".join(words), sum(part.get("type") == "image_url" for part in parts))


def _tool(item: JsonObject) -> Tool:
    function = fields.required(fields.child(item, "function", "tools[]."), "tools[].function")
    name = fields.required(fields.text(function, "name", "tools[].function."), "tools[].function.name")
    return Tool(name, fields.child(function, "parameters", "tools[].function.") or {})


def _schema(body: JsonObject) -> JsonObject | None:
    wanted = fields.child(body, "response_format") or {}
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    if wanted.get("type") != "json_schema":
        return None
    named = fields.required(fields.child(wanted, "json_schema", "response_format."), "response_format.json_schema")
    fields.required(fields.text(named, "name", "response_format.json_schema."), "response_format.json_schema.name")
    return fields.child(named, "schema", "response_format.json_schema.") or {}


def _message(said: Said) -> JsonObject:
    if not said.calls:
        return {"role": "assistant", "content": said.text, "refusal": None}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": _calls(said)}


def _calls(said: Said) -> list[Json]:
    return [
        {"id": f"call_demo_{index}", "type": "function", "function": {"name": call.name, "arguments": compact(call.arguments)}}
        for index, call in enumerate(said.calls)
    ]


def _usage(said: Said) -> JsonObject:
    total = said.input_tokens + said.output_tokens
    return {"prompt_tokens": said.input_tokens, "completion_tokens": said.output_tokens, "total_tokens": total}


def _chunks(head: JsonObject, said: Said, *, with_usage: bool) -> list[JsonObject]:
    deltas: list[JsonObject] = [{"role": "assistant", "content": None if said.calls else ""}]
    deltas += [{"content": piece} for piece in said.pieces]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(_calls(said)) if isinstance(call, dict)]
    ends: list[Json] = [*([None] * len(deltas)), ENDED[said.ended]]
    head = {**head, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}
    chunks: list[JsonObject] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in zip([*deltas, {}], ends, strict=True)
    ]
    return [*chunks, {**head, "choices": [], "usage": _usage(said)}] if with_usage else chunks


def _model(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "demo-provider"}


def refuse(refusal: Refusal) -> Reply:
    """OpenAI's documented error shape; a wrong key is quoted back masked, as OpenAI does it."""
    key = f"{refusal.key[:8]}{'*' * 12}{refusal.key[-4:]}" if len(refusal.key) > 16 else "*" * len(refusal.key)
    match refusal.why:
        case Why.MISSING_KEY:
            return _error(401, "You didn't provide an API key. You need to provide it in an Authorization header using Bearer auth.")
        case Why.UNKNOWN_KEY:
            return _error(401, f"Incorrect API key provided: {key}.", code="invalid_api_key")
        case Why.RATE_LIMITED:
            message = "Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 2s."
            return _error(429, message, kind="requests", code="rate_limit_exceeded", retry=True)
        case Why.NO_CREDIT:
            message = "You exceeded your current quota, please check your plan and billing details."
            return _error(429, message, kind="insufficient_quota", code="insufficient_quota")
        case Why.NO_MODEL:
            message = f"The model `{refusal.where}` does not exist or you do not have access to it."
            return _error(404, message, code="model_not_found")
        case Why.NOT_FOUND:
            return _error(404, f"Invalid URL ({refusal.message})")
        case Why.WRONG_METHOD:
            return _error(405, f"Not allowed to {refusal.message} on this URL.")
        case Why.BAD_REQUEST if refusal.message == "missing":
            return _error(400, f"Missing required parameter: '{refusal.where}'.", param=refusal.where, code="missing_required_parameter")
        case Why.BAD_REQUEST:
            place = f"Invalid value for '{refusal.where}'" if refusal.where else "We could not parse the JSON body of your request"
            message = f"{place}: {refusal.message}."
            return _error(400, message, param=refusal.where, code="invalid_value")
    return _error(500, "The server had an error while processing your request. Sorry about that!", kind="server_error")


def _error(
    status: int, message: str, *, kind: str = "invalid_request_error", param: str = "", code: str = "", retry: bool = False
) -> Reply:
    error: JsonObject = {"message": message, "type": kind, "param": param or None, "code": code or None}
    return json_reply(status, {"error": error}, RETRY_AFTER if retry else ())


DIALECT = Dialect("openai", "/openai", answer, refuse)
