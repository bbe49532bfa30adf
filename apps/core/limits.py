"""Rate limits on what makes calls out for a person: tests, key checks, registrations (spec 07 D10). Counted in the cache, so that all
processes count together through `CACHE_URL`."""

import logging
import math
import time
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps.core.htmx import is_fragment_request, toast, toasts_out_of_band
from apps.core.shared_cache import failures

WINDOW = 60  # seconds
PER_PERSON = 60  # calls out in a window
PER_WORKSPACE = 240

_log = logging.getLogger(__name__)
_away = False


def limit_calls_out[V: Callable[..., Any]](view: V) -> V:
    """Answer 429 to a POST of somebody who, or whose workspace, has made too many calls out within a minute. Sync and async views."""

    @wraps(view)
    def sync_view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return refuse(request) or view(request, *args, **kwargs)

    @wraps(view)
    async def async_view(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return await sync_to_async(refuse)(request) or await view(request, *args, **kwargs)

    return async_view if iscoroutinefunction(view) else sync_view  # type: ignore[return-value]


def refuse(request: HttpRequest) -> HttpResponse | None:
    """The answer to one too many, None while there is room."""
    if request.method != "POST":
        return None
    workspace = getattr(request, "workspace", None)
    counts = [(f"person:{request.user.pk}", PER_PERSON), (f"workspace:{workspace.pk if workspace else ''}", PER_WORKSPACE)]
    now = time.time()
    if all(has_room(name, most, int(now // WINDOW)) for name, most in counts):  # a person's refused ones are not the workspace's
        return None
    return too_many(request, math.ceil(WINDOW - now % WINDOW))


def has_room(name: str, most: int, window: int) -> bool:
    """Count one more in this window."""
    return count_one(f"calls-out:{name}:{window}", seconds=2 * WINDOW) <= most


def count_one(key: str, *, seconds: int) -> int:
    """Add one to a count of all processes and give it. 0 while the cache is away; one that forgets begins anew. Both let more through."""
    try:
        cache.add(key, 0, timeout=seconds)
        total: int = cache.incr(key)
    except ValueError:  # dropped in between
        return 0
    except failures() as error:
        _say_away(error)
        return 0
    _say_back()
    return total


def read_count(key: str) -> int:
    """What count_one() came to; 0 while the cache is away."""
    try:
        total: int = cache.get(key, 0)
    except failures() as error:
        _say_away(error)
        return 0
    return total


def _say_away(error: Exception) -> None:
    """Once, until it is back."""
    global _away
    if not _away:
        _away = True
        _log.warning("the shared cache is away, tries and calls out are not counted: %s", type(error).__name__)


def _say_back() -> None:
    global _away
    _away = False


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    detail = f"Wait {seconds} seconds, then try again. Nothing was sent."
    if is_fragment_request(request):
        toast(request, "Too many tests and checks within a minute", level="error", detail=detail)
        response = HttpResponse(toasts_out_of_band(request), status=429, headers={"HX-Reswap": "none"})
    else:
        response = HttpResponse(render_to_string("429.html", {"detail": detail}, request), status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
