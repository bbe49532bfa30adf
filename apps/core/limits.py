"""Rate limits on what makes calls out for a person: tests, key checks, registrations (spec 07 D10). Counted in the cache, so that all
processes count together through `CACHE_URL`."""

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

WINDOW = 60  # seconds
PER_PERSON = 60  # calls out in a window
PER_WORKSPACE = 240


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
    """Count one more in this window. A cache that forgets begins anew, which only ever lets more through."""
    key = f"calls-out:{name}:{window}"
    cache.add(key, 0, timeout=2 * WINDOW)
    try:
        return cache.incr(key) <= most
    except ValueError:  # dropped in between
        return True


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    detail = f"Wait {seconds} seconds, then try again. Nothing was sent."
    if is_fragment_request(request):
        toast(request, "Too many tests and checks within a minute", level="error", detail=detail)
        response = HttpResponse(toasts_out_of_band(request), status=429, headers={"HX-Reswap": "none"})
    else:
        response = HttpResponse(render_to_string("429.html", {"detail": detail}, request), status=429)
    response.headers["Retry-After"] = str(seconds)
    return response
