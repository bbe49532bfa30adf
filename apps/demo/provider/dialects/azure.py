"""Azure OpenAI: POST /azure/openai/deployments/{deployment}/chat/completions?api-version=; `api-key` header, OpenAI's body."""

import re
from dataclasses import replace
from urllib.parse import parse_qs

from apps.demo.provider import fields
from apps.demo.provider.dialects import openai
from apps.demo.provider.keys import check_key
from apps.demo.provider.messages import RETRY_AFTER, Dialect, Json, Refusal, Reply, Request, Why, compact, json_reply

DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/chat/completions")
# Named like their models, and two with names of their own. Any other is none of this resource.
DEPLOYMENTS = frozenset({*openai.MODELS, "claims", "claims-4o"})
FILTER: Json = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
PROMPT_FILTER: list[Json] = [{"prompt_index": 0, "content_filter_results": FILTER}]


def answer(request: Request, path: str) -> Reply:
    found = DEPLOYMENT.fullmatch(path)
    if found is None or not parse_qs(request.query).get("api-version"):
        raise Refusal(Why.NOT_FOUND)
    check_key("azure", request.header("api-key"))
    if request.method != "POST":
        raise Refusal(Why.WRONG_METHOD)
    if found[1] not in DEPLOYMENTS:
        raise Refusal(Why.NO_MODEL, where=found[1])
    body = fields.read_object(request)
    return _filtered(openai.complete(request, body, found[1]), streamed=fields.flag(body, "stream"))


def _filtered(reply: Reply, *, streamed: bool) -> Reply:
    """Azure's own addition: content filter results, in a stream as a first chunk without choices, over which careless readers stumble."""
    if streamed:
        first: Json = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": PROMPT_FILTER}
        return replace(reply, parts=(f"data: {compact(first)}\n\n".encode(), *reply.parts))
    extra = f'{{"prompt_filter_results":{compact(PROMPT_FILTER)},'.encode()
    return replace(reply, parts=(extra + reply.body[1:],))


def refuse(refusal: Refusal) -> Reply:
    """Azure's gateway words and codes; what is wrong with the body is said as OpenAI says it."""
    match refusal.why:
        case Why.MISSING_KEY | Why.UNKNOWN_KEY:
            message = "Access denied due to invalid subscription key or wrong API endpoint."
            return _error(401, "401", message)
        case Why.RATE_LIMITED:
            message = "Requests to the ChatCompletions_Create Operation have exceeded call rate limit. Please retry after 2 seconds."
            return replace(_error(429, "429", message), headers=RETRY_AFTER)
        case Why.NO_MODEL:
            return _error(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
        case Why.NOT_FOUND | Why.WRONG_METHOD:
            return _error(404, "404", "Resource not found")
        case _:
            return openai.refuse(refusal)


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message}})


DIALECT = Dialect("azure", "/azure", answer, refuse)
