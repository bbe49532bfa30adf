"""The odd one out: Harbor's home-grown claims triage API, POST /triage/v3/assess with the header X-Harbor-Key.

Request   {"task": {"ask": text, "background": text, "line": "motor", "samples": [...]},
           "knobs": {"heat": 0.2, "max_words": 60}, "flow": false}
Answer    {"outcome": {"status": "done", "verdicts": [{"kind": "note", ...}, {"kind": "assessment", "body": <the answer>}]},
           "meter": {"in": "18", "out": "21"}, "echo": {...}, "ref": "hm-..."}
Refusal   {"fault": {"why": ..., "where": "task.ask"}}
Only `task.ask` is required. With "flow": true the answer comes as lines of JSON: {"bit": ...} many times, then meter, echo and ref.
"""

import hashlib

from apps.demo.provider import fields
from apps.demo.provider.keys import check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, JsonObject, Refusal, Reply, Request, Why, compact, json_reply
from apps.demo.provider.words import Asked, Said, Turn, say

LINES = ("motor", "property", "liability", "travel")


def answer(request: Request, path: str) -> Reply:
    if path != "/v3/assess":
        raise Refusal(Why.NOT_FOUND)
    if request.method != "POST":
        raise Refusal(Why.WRONG_METHOD)
    check_key("triage", request.header("x-harbor-key"))
    body = fields.read_object(request)
    asked = _asked(body)
    said = say(asked)
    outcome = _outcome(request, asked, said)
    if not fields.flag(body, "flow"):
        return json_reply(200, outcome)
    rest = {key: value for key, value in outcome.items() if key != "outcome"}
    bits: list[JsonObject] = [{"bit": piece} for piece in said.pieces]
    return Reply(200, tuple(f"{compact(line)}\n".encode() for line in [*bits, rest]), content_type="application/x-ndjson", streamed=True)


def _asked(body: JsonObject) -> Asked:
    _only(body, {"task", "knobs", "flow"}, "")
    task = fields.required(fields.child(body, "task"), "task")
    _only(task, {"ask", "background", "line", "samples"}, "task.")
    ask = fields.required(fields.text(task, "ask", "task."), "task.ask")
    line = fields.text(task, "line", "task.") or LINES[0]
    if line not in LINES:
        raise Refusal(Why.BAD_REQUEST, f"must be one of {', '.join(LINES)}", "task.line")
    knobs = fields.child(body, "knobs") or {}
    _only(knobs, {"heat", "max_words"}, "knobs.")
    heat, limit = fields.number(knobs, "heat", "knobs."), fields.whole(knobs, "max_words", "knobs.")
    if heat is not None and not 0 <= heat <= 1:
        raise Refusal(Why.BAD_REQUEST, "must be from 0 to 1", "knobs.heat")
    if limit is not None and not 1 <= limit <= 2000:
        raise Refusal(Why.BAD_REQUEST, "must be from 1 to 2000", "knobs.max_words")
    given: JsonObject = {"line": line, "heat": heat, "max_words": limit, "samples": len(fields.objects(task, "samples", "task.")) or None}
    settings: JsonObject = {name: value for name, value in given.items() if value is not None}
    turns = (Turn("system", fields.text(task, "background", "task.") or ""), Turn("user", ask))
    return Asked("", turns, settings=settings, max_words=limit)


def _only(source: JsonObject, known: set[str], where: str) -> None:
    unknown = next((name for name in source if name not in known), None)
    if unknown is not None:
        raise Refusal(Why.BAD_REQUEST, "is not a field here", where + unknown)


def _outcome(request: Request, asked: Asked, said: Said) -> JsonObject:
    verdicts: list[Json] = [
        {"kind": "note", "body": f"Read by the {asked.settings['line']} desk."},
        {"kind": "assessment", "body": said.text},
    ]
    return {
        "outcome": {"status": "cut" if said.ended == "length" else "done", "verdicts": verdicts},
        "meter": {"in": str(said.input_tokens), "out": str(said.output_tokens)},
        "echo": asked.settings,
        "ref": f"hm-{hashlib.sha256(request.body).hexdigest()[:8]}",
    }


def refuse(refusal: Refusal) -> Reply:
    """The API's own odd error shape; it knows no 401 and calls a bad body 422."""
    match refusal.why:
        case Why.MISSING_KEY:
            return _fault(403, "key missing", "x-harbor-key")
        case Why.UNKNOWN_KEY:
            return _fault(403, "key not known", "x-harbor-key")
        case Why.RATE_LIMITED:
            return _fault(429, "too many assessments, come back in 2 s", "x-harbor-key")
        case Why.NO_CREDIT:
            return _fault(402, "the desk's budget is used up", "x-harbor-key")
        case Why.NOT_FOUND | Why.NO_MODEL:
            return _fault(404, "no such desk", "path")
        case Why.WRONG_METHOD:
            return _fault(405, "only POST", "method")
        case Why.BAD_REQUEST:
            return _fault(422, "is missing" if refusal.message == "missing" else refusal.message, refusal.where or "body")
    return _fault(500, "the desk fell over", "")


def _fault(status: int, why: str, where: str) -> Reply:
    return json_reply(status, {"fault": {"why": why, "where": where}}, RETRY_AFTER if status == 429 else ())


DIALECT = Dialect("triage", "/triage", answer, refuse)
