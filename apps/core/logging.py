"""Structured, redacted logs, one line per request (spec 07 A9, A10): method, path, status and time; never query, headers or bodies."""

import logging.config
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.core.middleware import Middleware
from apps.core.redaction import MASK, redact

REQUEST_ID_HEADER = "X-Request-ID"
_SAFE_TOKEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
# The net under redaction by value: what is called like a secret is not logged, whatever it holds.
_SECRET_NAME = re.compile(r"pass(word|wd)|secret|token|authorization|cookie|api[-_]?key|credential|private[-_]?key|session", re.IGNORECASE)
# Counts, not secrets, in spite of their names.
_PLAIN_NAMES = frozenset({"input_tokens", "output_tokens"})

log = structlog.get_logger("patchbay.request")


def new_request_id(offered: str | None) -> str:
    """The caller's ID when it is a plain token, so that a proxy's line and ours can be found together; else a new one."""
    return offered if offered and _SAFE_TOKEN.fullmatch(offered) else uuid.uuid4().hex


class RequestMiddleware(Middleware):
    """Gives every request an ID, every response that ID, and the log one line."""

    def begin(self, request: HttpRequest) -> None:
        request_id = new_request_id(request.headers.get(REQUEST_ID_HEADER))
        request.request_id = request_id  # type: ignore[attr-defined]
        request.began = time.perf_counter()  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

    def finish(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers[REQUEST_ID_HEADER] = request.request_id  # type: ignore[attr-defined]
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        milliseconds = round((time.perf_counter() - request.began) * 1000, 1)  # type: ignore[attr-defined]
        say = log.error if response.status_code >= 500 else log.info
        say("request", method=request.method, path=safe_path(request), status=response.status_code, duration_ms=milliseconds)
        return response


def safe_path(request: HttpRequest) -> str:
    """The path without the one-time keys that some links carry in it (password reset)."""
    match = request.resolver_match
    key = match.kwargs.get("key") if match else None
    return request.path.replace(str(key), MASK) if key else request.path


def redact_processor(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: masks by name, then removes every revealed secret's value from every text, tracebacks included."""
    for name, value in event.items():
        event[name] = _clean(name, value)
    return event


def _clean(name: str, value: Any) -> Any:
    if name not in _PLAIN_NAMES and _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_processor,
    ]


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    """For LOGGING: standard library records, Django's included, leave as the same JSON lines."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared_processors()[:-1], structlog.stdlib.ExtraAdder(["status_code"]), redact_processor],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(ensure_ascii=False)],
    )


def configure(config: dict[str, Any]) -> None:
    """settings.LOGGING_CONFIG: the standard library's logging by settings.LOGGING, and structlog on top of it."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
