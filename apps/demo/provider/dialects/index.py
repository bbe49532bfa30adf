"""Everything without a dialect's prefix: GET / says what this server speaks, all else is not found."""

from apps.demo.provider.messages import Dialect, Json, Refusal, Reply, Request, Why, json_reply

ENDPOINTS: list[Json] = [
    "POST /openai/v1/chat/completions",
    "GET /openai/v1/models",
    "POST /azure/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21",
    "POST /anthropic/v1/messages",
    "GET /anthropic/v1/models",
    "POST /gemini/v1beta/models/{model}:generateContent",
    "POST /gemini/v1beta/models/{model}:streamGenerateContent?alt=sse",
    "GET /gemini/v1beta/models",
    "POST /cohere/v2/chat",
    "GET /cohere/v1/models",
    "POST /triage/v3/assess",
    "any /echo",
    "any /fault/{fault}/{one of the above}",
]


def answer(request: Request, path: str) -> Reply:
    if path not in ("", "/"):
        raise Refusal(Why.NOT_FOUND)
    return json_reply(200, {"server": "demo provider", "endpoints": ENDPOINTS})


def refuse(refusal: Refusal) -> Reply:
    status = 404 if refusal.why is Why.NOT_FOUND else 429 if refusal.why is Why.RATE_LIMITED else 500
    return json_reply(status, {"error": str(refusal.why)})


DIALECT = Dialect("index", "", answer, refuse)
