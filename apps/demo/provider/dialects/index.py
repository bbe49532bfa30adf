"""Everything without a dialect's prefix: GET / says what this server speaks, all else is not found."""

from apps.demo.provider.aws.catalogue import FAILURES, MODELS
from apps.demo.provider.aws.sts import CUSTOMER_ACCOUNT, NOT_OPTED_IN, REGIONS
from apps.demo.provider.keys import AWS_ACCESS_KEY_ID, AWS_PRINCIPAL_ARN, AWS_SECRET_ACCESS_KEY
from apps.demo.provider.messages import Dialect, Json, JsonObject, Refusal, Reply, Request, Why, json_reply

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
    "POST /aws/sts/{region}/ with Action=AssumeRole or GetCallerIdentity",
    "POST /aws/bedrock-runtime/{region}/model/{modelId}/converse, converse-stream, invoke or invoke-with-response-stream",
    "GET /aws/bedrock/{region}/foundation-models",
    "POST /triage/v3/assess",
    "GET /oauth/authorize, POST /oauth/token, /oauth/life/{seconds}/token, /oauth/revoke",
    "POST /oauth/v1/assess",
    "any /echo",
    "any /fault/{fault}/{one of the above}",
]

AWS: JsonObject = {
    "principal": AWS_PRINCIPAL_ARN,
    "accessKeyId": AWS_ACCESS_KEY_ID,
    "secretAccessKey": AWS_SECRET_ACCESS_KEY,
    "account": CUSTOMER_ACCOUNT,
    "roles": {
        f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/trusts/<external ID>/NAME": "its trust policy demands exactly this external ID",
        f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/any-external-id/NAME": "demands an external ID, and takes any",
        f"arn:aws:iam::{CUSTOMER_ACCOUNT}:role/open/NAME": "demands no external ID: anybody gets in",
        "any other": "does not exist or does not trust the principal",
    },
    "endings of NAME": {
        "-<n>s": "sessions last n seconds",
        "-early": "sessions end after half the time that was announced",
        "-no-bedrock": "may not invoke models",
        "-half-hour": "allows no sessions of an hour",
    },
    "regions": list[Json](REGIONS),
    "regions not switched on": list[Json](NOT_OPTED_IN),
    "models": {
        model.id: f"on demand in {', '.join(model.on_demand) or 'no region'}; profiles {', '.join(model.profiles) or 'none'}"
        for model in MODELS
    },
    "models that fail": {f"anthropic.demo-{name}-v1:0": f"{no.status} {no.code}" for name, no in FAILURES.items()},
}


def answer(request: Request, path: str) -> Reply:
    if path not in ("", "/"):
        raise Refusal(Why.NOT_FOUND)
    return json_reply(200, {"server": "demo provider", "endpoints": ENDPOINTS, "aws": AWS})


def refuse(refusal: Refusal) -> Reply:
    status = 404 if refusal.why is Why.NOT_FOUND else 429 if refusal.why is Why.RATE_LIMITED else 500
    return json_reply(status, {"error": str(refusal.why)})


DIALECT = Dialect("index", "", answer, refuse)
