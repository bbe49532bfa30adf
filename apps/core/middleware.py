"""A base for middleware that works in a synchronous and in an asynchronous stack, so that async views never wait on a borrowed thread."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction, markcoroutinefunction
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Middleware:
    """Override ``begin`` and ``finish``; neither may wait or ask the database. Hooks such as ``process_view`` are adapted by Django."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._in_async(request)
        self.begin(request)
        response: HttpResponseBase = self.finish(request, self.get_response(request))
        return response

    async def _in_async(self, request: HttpRequest) -> HttpResponseBase:
        self.begin(request)
        response: HttpResponseBase = self.finish(request, await self.get_response(request))
        return response

    def begin(self, request: HttpRequest) -> None:
        """Before the view."""

    def finish(self, request: HttpRequest, response: Any) -> Any:
        """After the view, errors included: Django has made a response of them."""
        return response
