"""Gemini: POST /gemini/v1beta/models/{model}:generateContent and :streamGenerateContent, GET /gemini/v1beta/models; `x-goog-api-key`."""

import hashlib
import re
from urllib.parse import parse_qs

from apps.demo.provider import fields
from apps.demo.provider.keys import check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, JsonObject, Refusal, Reply, Request, Why, compact, json_reply, sse_reply
from apps.demo.provider.words import Asked, Role, Said, Tool, Turn, say

MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite")
CALL = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent)")
SNAKE = {"system_instruction", "generation_config"}  # protobuf's JSON reader takes both spellings
KNOWN = {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings", *SNAKE}
SETTINGS = ("temperature", "topP", "topK", "maxOutputTokens", "candidateCount", "seed", "presencePenalty", "frequencyPenalty")
MORE_CONFIG = {"stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig", "responseModalities"}
ENDED = {"done": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tools": "STOP"}
HELP = "Call ListModels to see the list of available models and their supported methods."


def answer(request: Request, path: str) -> Reply:
    check_key("gemini", request.header("x-goog-api-key"))
    if path == "/v1beta/models" and request.method == "GET":
        methods: list[Json] = ["generateContent", "streamGenerateContent"]
        return json_reply(200, {"models": [{"name": f"models/{name}", "supportedGenerationMethods": methods} for name in MODELS]})
    found = CALL.fullmatch(path)
    if found is None or request.method != "POST":
        raise Refusal(Why.NOT_FOUND)
    model, action = found[1], found[2]
    if model.startswith("no-such"):
        raise Refusal(Why.NO_MODEL, where=model)
    said = say(_asked(fields.read_object(request), model))
    head: JsonObject = {"modelVersion": model, "responseId": hashlib.sha256(request.body).hexdigest()[:20]}
    if action == "generateContent":
        return json_reply(200, {**_candidate(_parts(said), ENDED[said.ended]), **_usage(said), **head})
    chunks = [{**_candidate([part]), **head} for part in _stream_parts(said)]
    chunks.append({**_candidate([{"text": ""}], ENDED[said.ended]), **_usage(said), **head})
    if parse_qs(request.query).get("alt") == ["sse"]:
        return sse_reply([("", chunk) for chunk in chunks], newline="\r\n")
    separators = ["[", *([",\r\n"] * (len(chunks) - 1))]
    parts = [f"{before}{compact(chunk)}".encode() for before, chunk in zip(separators, chunks, strict=True)]
    return Reply(200, (*parts, b"]"), streamed=True)


def _asked(body: JsonObject, model: str) -> Asked:
    _only(body, KNOWN, "")
    config = fields.child(body, "generationConfig") or fields.child(body, "generation_config") or {}
    _only(config, {*SETTINGS, *MORE_CONFIG}, "generation_config")
    system = fields.child(body, "systemInstruction") or fields.child(body, "system_instruction") or {}
    contents = fields.required(fields.objects(body, "contents"), "contents")
    functions = [function for tool in fields.objects(body, "tools") for function in fields.objects(tool, "functionDeclarations")]
    return Asked(
        model,
        (Turn("system", _words(system)), *(_turn(content, index) for index, content in enumerate(contents))),
        settings={name: config[name] for name in SETTINGS if config.get(name) is not None},
        max_words=fields.whole(config, "maxOutputTokens", "generation_config."),
        stops=fields.texts(config, "stopSequences", "generation_config."),
        tools=tuple(Tool(fields.text(function, "name") or "", _parameters(function)) for function in functions),
        schema=_schema(config),
    )


def _parameters(function: JsonObject) -> JsonObject:
    return fields.child(function, "parameters") or fields.child(function, "parametersJsonSchema") or {}


def _only(source: JsonObject, known: set[str], where: str) -> None:
    unknown = next((name for name in source if name not in known), None)
    if unknown is not None:
        place = f' at "{where}"' if where else ""
        raise Refusal(Why.BAD_REQUEST, f'Invalid JSON payload received. Unknown name "{unknown}"{place}: Cannot find field.')


def _turn(content: JsonObject, index: int) -> Turn:
    roles: dict[str, Role] = {"user": "user", "model": "assistant", "function": "tool"}
    role = roles.get(fields.text(content, "role", f"contents[{index}].") or "user")
    if role is None:
        raise Refusal(Why.BAD_REQUEST, "Please use a valid role: user, model.")
    parts = fields.required(fields.objects(content, "parts", f"contents[{index}]."), f"contents[{index}].parts")
    results = [compact(result.get("response")) for part in parts if (result := fields.child(part, "functionResponse"))]
    if results:
        return Turn("tool", "; ".join(results))
    return Turn(role, _words(content), sum("inlineData" in part or "fileData" in part for part in parts))


def _words(content: JsonObject) -> str:
    return "\n".join(fields.text(part, "text", "parts.") or "" for part in fields.objects(content, "parts") if "text" in part)


def _schema(config: JsonObject) -> JsonObject | None:
    if config.get("responseMimeType") != "application/json":
        return None
    return fields.child(config, "responseSchema") or fields.child(config, "responseJsonSchema") or {"type": "object"}


def _parts(said: Said) -> list[JsonObject]:
    if said.calls:
        return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in said.calls]
    return [{"text": said.text}]


def _stream_parts(said: Said) -> list[JsonObject]:
    return _parts(said) if said.calls else [{"text": piece} for piece in said.pieces]


def _candidate(parts: list[JsonObject], ended: str = "") -> JsonObject:
    reason: JsonObject = {"finishReason": ended} if ended else {}
    return {"candidates": [{"content": {"parts": [*parts], "role": "model"}, **reason, "index": 0}]}


def _usage(said: Said) -> JsonObject:
    total = said.input_tokens + said.output_tokens
    return {"usageMetadata": {"promptTokenCount": said.input_tokens, "candidatesTokenCount": said.output_tokens, "totalTokenCount": total}}


def refuse(refusal: Refusal) -> Reply:
    """google.rpc.Status as Gemini sends it: a wrong key is a 400, a missing one a 403."""
    match refusal.why:
        case Why.MISSING_KEY:
            return _error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity).")
        case Why.UNKNOWN_KEY:
            reason: JsonObject = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return _error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason)
        case Why.RATE_LIMITED | Why.NO_CREDIT:
            message = "You exceeded your current quota, please check your plan and billing details."
            wait: JsonObject = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
            return _error(429, "RESOURCE_EXHAUSTED", message, *([wait] if refusal.why is Why.RATE_LIMITED else []))
        case Why.NO_MODEL:
            return _error(404, "NOT_FOUND", f"models/{refusal.where} is not found for API version v1beta. {HELP}")
        case Why.NOT_FOUND | Why.WRONG_METHOD:
            return _error(404, "NOT_FOUND", "Requested entity was not found.")
        case Why.BAD_REQUEST:
            place = f"* GenerateContentRequest.{refusal.where}: " if refusal.where else ""
            message = f"{refusal.where} is not specified" if refusal.message == "missing" else refusal.message
            return _error(400, "INVALID_ARGUMENT", place + message)
    return _error(500, "INTERNAL", "An internal error has occurred. Please retry.")


def _error(status: int, code: str, message: str, *details: JsonObject) -> Reply:
    error: JsonObject = {"code": status, "message": message, "status": code}
    if details:
        error["details"] = [*details]
    return json_reply(status, {"error": error}, RETRY_AFTER if status == 429 and details else ())


DIALECT = Dialect("gemini", "/gemini", answer, refuse)
