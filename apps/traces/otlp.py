"""Each call as a span for an OpenTelemetry collector (spec 06): OTLP over HTTP, where OTEL_EXPORTER_OTLP_ENDPOINT says where to.

Calls come here once they are rows. They wait in memory, so many and no more, for a thread that sends them in batches: a collector that is
slow, or away, holds nobody up and costs nothing but its own spans. What is lost is counted and said.
"""

import asyncio
import atexit
import importlib
import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from urllib.parse import unquote

import msgspec
import structlog
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Warning

from apps.core import lifespan
from apps.core.http import EgressRule, Exchange, Limits, OutboundError, open_prepared, parse_url, prepare
from apps.core.secrets import Secret
from apps.providers.http_errors import read_retry_after
from apps.traces import ingest
from apps.traces.record import TraceRecord

log = structlog.get_logger(__name__)

MOST_WAITING = 8192  # spans; then the oldest go
BATCH = 512
GATHER_SECONDS = 1.0
PATIENCE_SECONDS = 60.0  # with one batch; meanwhile the others wait
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 16.0
SAY_EVERY = 60.0
STOP_SECONDS = 5.0
LIMITS = Limits(first_byte=10, total=10, body_bytes=2**20)
TRY_AGAIN = frozenset({429, 502, 503, 504})  # OTLP, "Retryable Response Codes"
INSTALL = "The package that writes spans is not installed. Install it with `uv sync --extra otel` (or `pip install opentelemetry-proto`)."


class NotInstalled(Exception):
    """The extra "otel" is missing; the text says what to do."""


class Refused(Exception):
    """The collector did not take a batch. `again`: it may take it later, and not before `after` seconds where it said so."""

    def __init__(self, reason: str, *, again: bool, after: float | None = None) -> None:
        super().__init__(reason)
        self.again = again
        self.after = after


class Exporter:
    """Sends spans of calls to one collector. Raises NotInstalled, and OutboundError for an address that is none."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], service: str, *, gather: float = GATHER_SECONDS) -> None:
        try:
            self._spans = importlib.import_module("apps.traces.spans")
        except ModuleNotFoundError:
            raise NotInstalled(INSTALL) from None
        url = f"{endpoint.rstrip('/')}/v1/traces"
        fields: list[tuple[str, str | Secret]] = [("Content-Type", "application/x-protobuf")]
        fields += [(name, Secret(value)) for name, value in headers.items()]
        self._prepared = prepare("POST", url, fields, rules=rules_for(url))
        self._service = service
        self._gather = gather
        self._waiting: deque[TraceRecord] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent = self.lost = 0
        self._unsaid, self._said_at = 0, -SAY_EVERY

    def put(self, entries: Sequence[TraceRecord]) -> None:
        """Never waits for the collector."""
        with self._lock:
            overflow = len(self._waiting) + len(entries) - MOST_WAITING
            self._waiting.extend(map(without_texts, entries))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="otlp", daemon=True)
                self._thread.start()
        if overflow > 0:
            self._lose(overflow, "calls are made quicker than the collector takes their spans")

    def stop(self) -> None:
        """Send what waits, once and within STOP_SECONDS."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                self._lose(len(self._waiting), "the collector did not take them before the process ended")
        if self._unsaid:
            self._say("the process ended")

    def _work(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(self._gather)
            while batch := self._take():
                self._deliver(batch)

    def _take(self) -> list[TraceRecord]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _deliver(self, batch: list[TraceRecord]) -> None:
        pause, until = FIRST_PAUSE, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._send(batch)
                return
            except Refused as refusal:
                wait = pause * random.uniform(0.5, 1.0) if refusal.after is None else refusal.after  # noqa: S311 - spreads attempts
                if not refusal.again or self._stop.is_set() or time.monotonic() + wait > until:
                    self._lose(len(batch), str(refusal))
                    return
            except Exception:  # the thread outlives whatever goes wrong
                log.exception("otlp.failed")
                self._lose(len(batch), "an error of our own")
                return
            self._stop.wait(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _send(self, batch: list[TraceRecord]) -> None:
        """Raises Refused."""
        try:
            answer = asyncio.run(self._post(self._spans.encode(batch, self._service)))
        except OutboundError as error:
            raise Refused(error.message, again=True) from None
        if not 200 <= answer.status < 300:
            reason = f"the collector answered {answer.status}"
            raise Refused(reason, again=answer.status in TRY_AGAIN, after=read_retry_after(answer.header("Retry-After")))
        refused = self._refused(answer.body)
        self.sent += len(batch) - refused
        if refused:
            self._lose(refused, "the collector refused some of a batch")

    async def _post(self, body: bytes) -> Exchange:
        async with await open_prepared(self._prepared, body, limits=LIMITS) as incoming:
            return await incoming.exchange()

    def _refused(self, body: bytes) -> int:
        try:
            return int(self._spans.refused(body))
        except Exception:  # noqa: BLE001 - protobuf's own class is not at hand here; what was taken was taken
            return 0

    def _lose(self, count: int, reason: str) -> None:
        with self._lock:
            self.lost += count
            self._unsaid += count
        if time.monotonic() - self._said_at >= SAY_EVERY:
            self._say(reason)

    def _say(self, reason: str) -> None:
        self._said_at = time.monotonic()
        log.warning("otlp.spans_lost", lost=self._unsaid, lost_in_all=self.lost, sent=self.sent, reason=reason)
        self._unsaid = 0


def rules_for(url: str) -> list[EgressRule]:
    """The address is the operator's own, so it may be plain http, private, and this machine. Raises OutboundError for one that is none."""
    endpoint = parse_url(url)
    hosts = {endpoint.host, "127.0.0.1", "::1"}
    return [EgressRule("otlp", host=host, ports=(endpoint.port,), scheme=endpoint.scheme) for host in sorted(hosts)]


def read_headers(text: str) -> dict[str, str]:
    """Of OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, the values percent-encoded."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def without_texts(entry: TraceRecord) -> TraceRecord:
    """What was said has no place in a span, and none in this memory."""
    return msgspec.structs.replace(entry, input="", output="", error_message="", error_hint="", provider_message="")


@cache
def _exporter(endpoint: str, headers: str, service: str) -> Exporter | None:
    try:
        exporter = Exporter(endpoint, read_headers(headers), service)
    except (NotInstalled, OutboundError) as problem:
        log.error("otlp.not_exporting", endpoint_variable="OTEL_EXPORTER_OTLP_ENDPOINT", problem=str(problem))
        return None
    atexit.register(exporter.stop)
    return exporter


os.register_at_fork(after_in_child=_exporter.cache_clear)  # threads stay with the parent


def exporter() -> Exporter | None:
    """Of this process; None where no collector is named, or none can be written to, which the log says once."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return None
    return _exporter(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_EXPORTER_OTLP_HEADERS, settings.OTEL_SERVICE_NAME)


def look() -> None:
    """When a server starts: its log says at once why there will be no spans."""
    exporter()


def hand_over(entries: Sequence[TraceRecord]) -> None:
    """Calls that have become rows."""
    if found := exporter():
        found.put(entries)


def is_installed(app_configs: Iterable[AppConfig] | None, **options: object) -> list[CheckMessage]:
    """traces.W001: spans are asked for and cannot be sent. `manage.py check` says why."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return []
    try:
        Exporter(settings.OTEL_EXPORTER_OTLP_ENDPOINT, read_headers(settings.OTEL_EXPORTER_OTLP_HEADERS), settings.OTEL_SERVICE_NAME)
    except (NotInstalled, OutboundError) as problem:
        return [Warning(f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but no span can be sent. {problem}", id="traces.W001")]
    return []


ingest.on_committed(hand_over)
lifespan.at_start(look)
