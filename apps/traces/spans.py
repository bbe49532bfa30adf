"""Calls as OTLP spans, by OpenTelemetry's semantic conventions for GenAI: the one place that maps them.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ What was said is never in them. Needs the extra "otel"; only otlp.py asks
for this module, and only where spans are wanted.
"""

from collections.abc import Iterator, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from apps.traces.models import Status, request_id_of
from apps.traces.record import TraceRecord

OPERATION = "chat"
# The conventions' names for providers, where they differ from our keys. A custom API is a provider of its own.
PROVIDERS = {"google": "gcp.gemini", "azure": "azure.ai.openai", "bedrock": "aws.bedrock"}
UNKNOWN_PROVIDER = "custom"  # also of calls that were refused before anybody knew

type Value = str | int | float | bool


def encode(entries: Sequence[TraceRecord], service: str) -> bytes:
    """The body of an export request, `service` being the name under which a collector shows them."""
    scope = ScopeSpans(scope=InstrumentationScope(name="patchbay"), spans=[span_of(entry) for entry in entries])
    resource = Resource(attributes=[pair("service.name", service)])
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])
    return request.SerializeToString()


def refused(body: bytes) -> int:
    """How many spans a collector refused of a request that it took. Raises ValueError for an answer that is none."""
    return ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans


def span_of(entry: TraceRecord) -> Span:
    """The IDs come from the call's own, so a span that is sent twice is the same span."""
    start = int(entry.started_at * 1_000_000_000)
    return Span(
        trace_id=entry.id.bytes,
        span_id=entry.id.bytes[8:],  # the random half
        name=f"{OPERATION} {model_of(entry)}".rstrip(),
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(entry.response_ms * 1_000_000),
        attributes=[pair(name, value) for name, value in attributes(entry) if value is not None],
        status=status_of(entry),
    )


def attributes(entry: TraceRecord) -> Iterator[tuple[str, Value | None]]:
    """None for what is not known."""
    yield "gen_ai.operation.name", OPERATION
    yield "gen_ai.provider.name", PROVIDERS.get(entry.provider, entry.provider) or UNKNOWN_PROVIDER
    yield "gen_ai.request.model", model_of(entry) or None
    yield "gen_ai.usage.input_tokens", entry.input_tokens
    yield "gen_ai.usage.output_tokens", entry.output_tokens
    yield "gen_ai.usage.cache_read.input_tokens", entry.cached_tokens
    yield "error.type", entry.error_code or None
    yield "http.response.status_code", entry.provider_status
    yield "patchbay.request.id", request_id_of(entry.id)
    yield "patchbay.workspace.id", str(entry.workspace_id)
    yield "patchbay.model.name", entry.model_name or None
    yield "patchbay.connection.name", entry.connection_name or None
    yield "patchbay.source.type", entry.source_type
    yield "patchbay.source.name", entry.source_name or None
    yield "patchbay.status", entry.status
    yield "patchbay.attempts", len(entry.attempts)
    yield "patchbay.streamed", entry.streamed
    yield "patchbay.first_token_ms", entry.first_token_ms


def model_of(entry: TraceRecord) -> str:
    """As the provider calls it; as the caller did where the call never came so far, or the provider has one model only."""
    return entry.provider_model or entry.model_name


def status_of(entry: TraceRecord) -> SpanStatus:
    """A caller who went away is no error. Messages may quote what was said, so the stage has to do."""
    if entry.status == Status.FAILED:
        return SpanStatus(code=SpanStatus.STATUS_CODE_ERROR, message=entry.error_stage)
    return SpanStatus()


def pair(name: str, value: Value) -> KeyValue:
    match value:
        case bool():
            return KeyValue(key=name, value=AnyValue(bool_value=value))
        case int():
            return KeyValue(key=name, value=AnyValue(int_value=value))
        case float():
            return KeyValue(key=name, value=AnyValue(double_value=value))
        case _:
            return KeyValue(key=name, value=AnyValue(string_value=value))
