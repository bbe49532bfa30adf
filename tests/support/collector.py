"""An OpenTelemetry collector on loopback: takes OTLP over HTTP, reads it, and answers as it is told."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Reply:
    """`refused` spans of a request that is taken. It is sent once `open` is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: int = 0
    open: threading.Event | None = None


@dataclass
class Collector:
    """Running. `replies` are for the next requests, in their order; after them all is taken."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path, headers by lower-case name
    spans: list[Span] = field(default_factory=list)  # of requests that were taken
    services: set[str] = field(default_factory=set)
    asked: threading.Event = field(default_factory=threading.Event)

    def take(self, body: bytes) -> None:
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {pair.value.string_value for pair in each.resource.attributes if pair.key == "service.name"}
            self.spans += [span for scope in each.scope_spans for span in scope.spans]


def told(span: Span) -> dict[str, Any]:
    """Its attributes."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


@contextmanager
def collecting(*replies: Reply) -> Iterator[Collector]:
    collector = Collector(replies=list(replies))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = collector.replies.pop(0) if collector.replies else Reply()
            collector.asked.set()
            if reply.open:
                reply.open.wait(60)
            if reply.status == 200:
                collector.take(body)
            said = ExportTraceServiceResponse()
            said.partial_success.rejected_spans = reply.refused
            answer = said.SerializeToString()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(answer)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
