"""One view, one URL: the whole page for a browser, the named partial of the same template for htmx."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers


def is_fragment_request(request: HttpRequest) -> bool:
    """Whether htmx wants a fragment: not a boosted page load, not a history restore."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def render_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, partial: str | None = None, status: int = 200
) -> HttpResponse:
    """The page, or for htmx ``template#partial`` followed by the waiting toasts as out-of-band swaps."""
    values = dict(context or {})
    if partial is not None and is_fragment_request(request):
        html = render_to_string(f"{template}#{partial}", values, request) + toasts_out_of_band(request)
    else:
        html = render_to_string(template, values, request)
    response = HttpResponse(html, status=status)
    # The same URL answers both, so a cache (the browser's own, on Back) must keep them apart.
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_fragment(request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HttpResponse:
    """A fragment whoever asks, with the waiting toasts."""
    html = render_to_string(template, dict(context or {}), request) + toasts_out_of_band(request)
    return HttpResponse(html, status=status)


def toasts_out_of_band(request: HttpRequest) -> str:
    """The waiting toasts as an htmx out-of-band swap; empty without any. Rendering uses them up."""
    waiting = list(messages.get_messages(request))
    return render_to_string("components/toasts_oob.html", {"waiting": waiting}, request) if waiting else ""


def toast(request: HttpRequest, text: str, level: Literal["info", "error"] = "info", undo_url: str | None = None, detail: str = "") -> None:
    """Say what happened, on this response (htmx) or on the next full page. ``undo_url`` is posted to by the Undo button."""
    body = f"{text}\n{detail}" if detail else text
    messages.add_message(request, messages.ERROR if level == "error" else messages.SUCCESS, body, extra_tags=undo_url or "")


def redirect(request: HttpRequest, url: str) -> HttpResponse:
    """To another page: 302, or HX-Redirect for htmx, which would otherwise swap the page into the fragment's place."""
    if not is_fragment_request(request):
        return HttpResponseRedirect(url)
    return HttpResponse(headers={"HX-Redirect": url})


def current_path(request: HttpRequest) -> str:
    """The path and query of the page in the browser: what htmx says for a fragment, else this request's."""
    url = request.headers.get("HX-Current-URL", "") if is_fragment_request(request) else ""
    parts = urlsplit(url)
    return (f"{parts.path}?{parts.query}" if parts.query else parts.path) or request.get_full_path()
