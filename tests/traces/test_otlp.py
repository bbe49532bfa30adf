"""Calls as spans for an OpenTelemetry collector (spec 06), over real sockets."""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from apps.traces import otlp
from apps.traces.ingest import Ingester
from apps.traces.journal import Journal
from apps.traces.models import Trace, request_id_of
from apps.traces.otlp import MOST_WAITING, Exporter, read_headers
from apps.traces.record import Attempt
from apps.traces.store import encoded
from tests.support.cast import Cast
from tests.support.collector import Reply, collecting, told
from tests.support.records import a_record
from tests.support.site import free_port

WORKSPACE = uuid4()
PROVIDER_MODEL = {"provider": "azure", "provider_model": "gpt-4o-2024-11-20"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(otlp, "STOP_SECONDS", 60)
    monkeypatch.setattr(otlp, "LIMITS", replace(otlp.LIMITS, first_byte=60, total=60))


def an_exporter(url: str, **more: Any) -> Exporter:
    return Exporter(url, more.pop("headers", {}), "patchbay", gather=0.01, **more)


def until(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def test_a_call_becomes_a_span_when_it_becomes_a_row(cast: Cast, settings: Any, tmp_path: Path) -> None:
    entry = a_record(
        cast.harbor.pk,
        **PROVIDER_MODEL,
        model_name="Claims triage",
        connection_name="Azure prod",
        attempts=(Attempt(uuid4(), "Azure prod", 80.0), Attempt(uuid4(), "Azure prod", 40.0)),
        cached_tokens=64,
        first_token_ms=90.5,
    )
    with collecting() as collector:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"{collector.url}/"
        settings.OTEL_EXPORTER_OTLP_HEADERS = "authorization=Bearer%20abc, x-tenant=claims"
        settings.OTEL_SERVICE_NAME = "gateway"
        Journal(tmp_path / "journal").append(encoded(entry))
        assert Ingester(tmp_path / "journal").run() == Trace.objects.count() == 1
        exporter = otlp.exporter()
        assert exporter is not None
        exporter.stop()
    ((path, headers),) = collector.requests
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert (headers["authorization"], headers["x-tenant"]) == ("Bearer abc", "claims")
    (span,) = collector.spans
    assert collector.services == {"gateway"}
    assert (span.name, span.kind, span.status.code) == ("chat gpt-4o-2024-11-20", Span.SPAN_KIND_CLIENT, SpanStatus.STATUS_CODE_UNSET)
    assert (span.trace_id, len(span.span_id)) == (entry.id.bytes, 8)
    assert span.start_time_unix_nano == pytest.approx(entry.started_at * 1e9, abs=1e6)
    assert span.end_time_unix_nano - span.start_time_unix_nano == 120_000_000
    assert told(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o-2024-11-20",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "patchbay.request.id": request_id_of(entry.id),
        "patchbay.workspace.id": str(cast.harbor.pk),
        "patchbay.model.name": "Claims triage",
        "patchbay.connection.name": "Azure prod",
        "patchbay.source.type": "api_key",
        "patchbay.source.name": "Claims intake",
        "patchbay.status": "success",
        "patchbay.attempts": 2,
        "patchbay.streamed": False,
        "patchbay.first_token_ms": 90.5,
    }
    assert b"4711" not in span.SerializeToString(), "nothing of what was said"


def test_a_failure_is_told_by_its_code_and_not_by_its_words() -> None:
    failed = a_record(
        WORKSPACE,
        status="failed",
        error_code="upstream_refused",
        error_stage="The provider's answer",
        error_message="No claims of 4711",
        provider_message="4711",
        provider_status=422,
        input_tokens=None,
        output_tokens=None,
    )
    left = a_record(WORKSPACE, status="cancelled", error_code="cancelled")
    with collecting() as collector:
        exporter = an_exporter(collector.url)
        exporter.put([failed, left])
        exporter.stop()
    first, second = collector.spans
    assert (first.status.code, first.status.message) == (SpanStatus.STATUS_CODE_ERROR, "The provider's answer")
    assert (
        told(first).items()
        >= {"error.type": "upstream_refused", "http.response.status_code": 422, "gen_ai.provider.name": "custom"}.items()
    )
    assert "gen_ai.usage.input_tokens" not in told(first), "unknown is not 0"
    assert b"4711" not in first.SerializeToString()
    assert second.status.code == SpanStatus.STATUS_CODE_UNSET, "who went away was not failed"


def test_a_busy_collector_is_asked_again_when_it_said() -> None:
    with collecting(Reply(429, {"Retry-After": "0"}), Reply(503, {"Retry-After": "0"}), Reply(refused=1)) as collector:
        exporter = an_exporter(collector.url)
        exporter.put([a_record(WORKSPACE), a_record(WORKSPACE)])
        until(lambda: exporter.sent and exporter.lost)  # which it counts one after the other
    assert len(collector.requests) == 3
    assert (exporter.sent, exporter.lost) == (1, 1), "and it said that it did not take one of them"


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_what_a_collector_refuses_is_not_sent_again(status: int) -> None:
    with collecting(Reply(status)) as collector:
        exporter = an_exporter(collector.url)
        exporter.put([a_record(WORKSPACE)])
        until(lambda: exporter.lost)
        exporter.put([a_record(WORKSPACE)])
        exporter.stop()
    assert (len(collector.requests), exporter.sent, exporter.lost) == (2, 1, 1)


def test_a_dead_collector_costs_its_own_spans_only(caplog: pytest.LogCaptureFixture) -> None:
    exporter = an_exporter(f"http://127.0.0.1:{free_port()}")
    for _ in range(3):
        exporter.put([a_record(WORKSPACE) for _ in range(MOST_WAITING)])
    exporter.stop()
    assert exporter.sent == 0
    assert exporter.lost == 3 * MOST_WAITING
    assert not exporter._waiting
    said = [record.msg for record in caplog.records if isinstance(record.msg, dict) and record.msg["event"] == "otlp.spans_lost"]
    assert len(said) == 2, "at once, then once a minute, and what is left at the end"
    assert said[-1]["lost_in_all"] == 3 * MOST_WAITING


def test_a_slow_collector_holds_nobody_up() -> None:
    held = threading.Event()
    with collecting(Reply(open=held)) as collector:
        exporter = an_exporter(collector.url)
        exporter.put([a_record(WORKSPACE)])
        assert collector.asked.wait(60)
        exporter.put([a_record(WORKSPACE) for _ in range(MOST_WAITING + 10)])  # returns, though nothing is taken
        assert exporter.lost == 10, "the oldest"
        held.set()
        exporter.stop()
    assert len(collector.spans) == exporter.sent == MOST_WAITING + 1


def test_headers_as_opentelemetry_writes_them() -> None:
    assert read_headers("") == {}
    assert read_headers("a=1,b = x%2Cy=,nonsense") == {"a": "1", "b": "x,y="}


def test_an_address_that_is_none_is_said_and_stops_nothing(settings: Any) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "collector:4317"
    assert otlp.exporter() is None
    assert "traces.W001" in {message.id for message in run_checks()}
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector.internal:4318"
    assert otlp.is_installed(None) == []


def test_without_the_package_the_log_says_what_to_install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "apps.traces.spans", None)  # as where "opentelemetry" cannot be imported
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector.internal:4319"
    otlp.look()
    otlp.hand_over([a_record(WORKSPACE)])
    (said,) = [record.msg for record in caplog.records if isinstance(record.msg, dict) and record.msg["event"] == "otlp.not_exporting"]
    assert "uv sync --extra otel" in said["problem"]
    (found,) = otlp.is_installed(None)
    assert "uv sync --extra otel" in found.msg
