"""Keyset pages: as quick at the end as at the beginning, and no row is skipped or doubled while others are added."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

SIZE = 50


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """One page of rows. `previous` and `next` are query strings ("?...") of the neighbours, "" where there is none."""

    rows: list[M]
    previous: str
    next: str

    @property
    def has_previous(self) -> bool:
        return bool(self.previous)


def paginate[M: Model](
    request: HttpRequest, queryset: QuerySet[M], fields: Sequence[str], *, descending: bool = False, size: int = SIZE
) -> Page[M]:
    """The page that `?after=` or `?before=` names; the first one without, or with a cursor that does not read.

    `fields` order the rows, end in a unique one, and are covered by an index. One query of `size` + 1 rows.
    """
    before = read_cursor(queryset.model, fields, request.GET.get("before", ""))
    after = None if before else read_cursor(queryset.model, fields, request.GET.get("after", ""))
    backwards = before is not None
    falling = descending != backwards
    edge = before or after
    if edge is not None:
        queryset = queryset.filter(beyond(fields, edge, falling=falling))
    found = list(queryset.order_by(*(f"-{name}" if falling else name for name in fields))[: size + 1])
    more, rows = len(found) > size, found[:size]
    if backwards:
        rows.reverse()
    has_previous, has_next = (more, True) if backwards else (edge is not None, more)
    previous = neighbour(request, "before", fields, rows[0]) if has_previous and rows else ""
    return Page(rows, previous, neighbour(request, "after", fields, rows[-1]) if has_next and rows else "")


def beyond(fields: Sequence[str], edge: Sequence[Any], *, falling: bool) -> Q:
    """Rows strictly after `edge` in lexicographic order. The bound on the first field lets the index find the place."""
    lookup = "lt" if falling else "gt"
    condition = Q()
    for position, name in enumerate(fields):
        same = Q(**dict(zip(fields[:position], edge[:position], strict=True)))
        condition |= same & Q(**{f"{name}__{lookup}": edge[position]})
    return Q(**{f"{fields[0]}__{lookup}e": edge[0]}) & condition


def neighbour(request: HttpRequest, direction: str, fields: Sequence[str], row: Model) -> str:
    """The query string of the page before or after this row, with everything else of the URL kept."""
    params = request.GET.copy()
    params.pop("before", None)
    params.pop("after", None)
    params[direction] = write_cursor(row, fields)
    return f"?{params.urlencode()}"


def write_cursor(row: Model, fields: Sequence[str]) -> str:
    values = [row._meta.get_field(name).value_to_string(row) for name in fields]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_cursor(model: type[Model], fields: Sequence[str], text: str) -> list[Any] | None:
    """The values of a cursor; None for none, or for one that was made up."""
    if not text:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not (isinstance(values, list) and len(values) == len(fields)):
            return None
        return [model._meta.get_field(name).to_python(value) for name, value in zip(fields, values, strict=True)]
    except (ValueError, binascii.Error, ValidationError, TypeError):
        return None
