"""Every route of the product, read from the URL resolver."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True, slots=True)
class Route:
    path: str  # as written: "w/<slug:workspace>/models/"
    name: str  # with its namespaces: "external_models:model_list"
    namespaces: list[str]
    view: Any


def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "", []))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, namespaces: list[str]) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = [*namespaces, pattern.namespace] if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, path, inner)
        else:
            yield Route(path, ":".join([*namespaces, pattern.name or ""]), namespaces, pattern.callback)
