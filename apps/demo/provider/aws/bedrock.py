"""Bedrock: POST /aws/bedrock-runtime/{region}/model/{modelId}/{converse|converse-stream|invoke|invoke-with-response-stream},
and GET /aws/bedrock/{region}/foundation-models."""

from urllib.parse import unquote

from apps.demo.provider import fields
from apps.demo.provider.aws import converse, invoke
from apps.demo.provider.aws.catalogue import GEOGRAPHIES, MODELS, Found, find_model
from apps.demo.provider.aws.eventstream import CONTENT_TYPE
from apps.demo.provider.aws.policy import allows
from apps.demo.provider.aws.refusal import AwsRefusal
from apps.demo.provider.aws.sessions import Session, secret_of, session_of
from apps.demo.provider.aws.sigv4 import Scope, check_signature
from apps.demo.provider.aws.sts import NOT_OPTED_IN, REGIONS
from apps.demo.provider.messages import Dialect, Json, Refusal, Reply, Request, Why, json_reply

OPERATIONS = {"converse": "Converse", "converse-stream": "Converse", "invoke": "Invoke", "invoke-with-response-stream": "Invoke"}
REQUEST_ID = ("x-amzn-requestid", "5b0d6c1e-41a7-4f0c-9a52-0c1f2d7be511")


def answer_runtime(request: Request, path: str) -> Reply:
    try:
        return _answer_runtime(request)
    except AwsRefusal as refusal:
        return _error(refusal)


def _answer_runtime(request: Request) -> Reply:
    region, _, rest = _raw(request, "/aws/bedrock-runtime/").partition("/")
    session = _session(request, region)
    steps = rest.split("/")
    if len(steps) != 3 or steps[0] != "model" or steps[2] not in OPERATIONS:
        raise AwsRefusal(404, "UnknownOperationException", "There is no such operation.")
    if request.method != "POST":
        raise AwsRefusal(405, "MethodNotAllowedException", "Only POST.")
    streamed = steps[2].endswith("stream")
    found = find_model(unquote(steps[1]), region)
    _authorize(session, "bedrock:InvokeModelWithResponseStream" if streamed else "bedrock:InvokeModel", found)
    if found.failure:
        raise found.failure
    body = fields.read_object(request)
    if OPERATIONS[steps[2]] == "Converse":
        said, answer = converse.converse(body, found.model)
        parts = converse.events(said) if streamed else ()
    else:
        said, answer = invoke.invoke(body, found.model)
        parts = invoke.chunks(answer) if streamed else ()
    if streamed:
        return Reply(200, parts, content_type=CONTENT_TYPE, headers=(REQUEST_ID,), streamed=True)
    counts = (
        ("x-amzn-bedrock-input-token-count", str(said.input_tokens)),
        ("x-amzn-bedrock-output-token-count", str(said.output_tokens)),
    )
    return json_reply(200, answer, (REQUEST_ID, *counts))


def answer_control(request: Request, path: str) -> Reply:
    try:
        region, _, rest = _raw(request, "/aws/bedrock/").partition("/")
        session = _session(request, region)
        if (request.method, rest) != ("GET", "foundation-models"):
            raise AwsRefusal(404, "UnknownOperationException", "There is no such operation.")
        if session.policy and not allows(session.policy, "bedrock:ListFoundationModels", "*"):
            raise _denied(session, "bedrock:ListFoundationModels", "*", "session policy")
        return json_reply(200, {"modelSummaries": _summaries(region)}, (REQUEST_ID,))
    except AwsRefusal as refusal:
        return _error(refusal)


def _summaries(region: str) -> list[Json]:
    """The models of a region as ListFoundationModels gives them, with how each may be called."""
    found: list[Json] = []
    for model in MODELS:
        types: list[Json] = ["ON_DEMAND"] if region in model.on_demand else []
        types += ["INFERENCE_PROFILE"] if any(region in GEOGRAPHIES[name] for name in model.profiles) else []
        if types:
            arn = f"arn:aws:bedrock:{region}::foundation-model/{model.id}"
            found.append({"modelId": model.id, "modelArn": arn, "modelName": model.id, "inferenceTypesSupported": types})
    return found


def _session(request: Request, region: str) -> Session:
    """Whose request it is: always an assumed role's, as the platform's own user may not use Bedrock."""
    if region in NOT_OPTED_IN:
        raise AwsRefusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    if region not in REGIONS:
        raise Refusal(Why.NOT_FOUND)
    check_signature(request, Scope(region, "bedrock"), secret_of)
    token = request.header("x-amz-security-token")
    if not token:
        raise AwsRefusal(403, "AccessDeniedException", "User is not authorized to perform: bedrock:InvokeModel: it can only assume roles.")
    return session_of(token)


def _authorize(session: Session, action: str, found: Found) -> None:
    """IAM: the role's own policy, then the session's, for every resource that the call touches."""
    if session.role_name.endswith("-no-bedrock"):
        raise _denied(session, action, found.resources[0], "identity-based policy")
    for resource in found.resources:
        if session.policy and not allows(session.policy, action, resource):
            raise _denied(session, action, resource, "session policy")


def _denied(session: Session, action: str, resource: str, policy: str) -> AwsRefusal:
    return AwsRefusal(
        403,
        "AccessDeniedException",
        f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no {policy} allows the {action} action",
    )


def _raw(request: Request, prefix: str) -> str:
    """The path as it came over the wire, after the prefix: a %2F inside a model's ARN is no step."""
    return request.path.partition(prefix)[2]


def refuse(refusal: Refusal) -> Reply:
    match refusal.why:
        case Why.RATE_LIMITED:
            return _error(AwsRefusal(429, "ThrottlingException", "Too many requests, please wait before trying again."))
        case Why.UNKNOWN_KEY | Why.MISSING_KEY:
            return _error(AwsRefusal(403, "UnrecognizedClientException", "The security token included in the request is invalid."))
        case Why.BAD_REQUEST:
            missing = f"Malformed input request: #: required key [{refusal.where}] not found, please reformat your input."
            message = missing if refusal.message == "missing" else f"{refusal.where} {refusal.message}".strip()
            return _error(AwsRefusal(400, "ValidationException", message))
        case Why.NOT_FOUND:
            return _error(AwsRefusal(404, "UnknownOperationException", "There is no Bedrock in this region."))
    return _error(AwsRefusal(500, "InternalServerException", "The system encountered an unexpected error during processing."))


def _error(refusal: AwsRefusal) -> Reply:
    kind = ("x-amzn-errortype", f"{refusal.code}:http://internal.amazon.com/coral/com.amazon.bedrock/")
    return json_reply(refusal.status, {"message": refusal.message}, (REQUEST_ID, kind))


RUNTIME = Dialect("aws-bedrock-runtime", "/aws/bedrock-runtime", answer_runtime, refuse)
CONTROL = Dialect("aws-bedrock", "/aws/bedrock", answer_control, refuse)
