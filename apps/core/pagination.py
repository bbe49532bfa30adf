"""Keyset pages: a page begins after a row, not at an offset, so that page 1,000 costs what page 1 costs (spec 08)."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

PAGE_SIZE = 50
MAX_CURSOR = 1000  # characters


@dataclass(frozen=True, slots=True)
class Page[T]:
    """``next`` and ``previous`` are query strings ("?sort=name&after=..."), empty where there is nothing more."""

    rows: list[T]
    next: str
    previous: str

    @property
    def has_next(self) -> bool:
        return bool(self.next)

    @property
    def has_previous(self) -> bool:
        return bool(self.previous)


def first_rows[M: Model](rows: QuerySet[M], count: int) -> list[M]:
    return list(rows[:count])


def paginate[M: Model](
    request: HttpRequest,
    queryset: QuerySet[M],
    ordering: Sequence[str],
    *,
    descending: bool = False,
    size: int = PAGE_SIZE,
    read: Callable[[QuerySet[M], int], list[M]] = first_rows,
) -> Page[M]:
    """The page that ``?after=`` or ``?before=`` asks for; the first one for a cursor that is not ours.

    ``ordering`` names fields or annotations, "-" for descending, and ``descending`` turns all of them round. None of them may be NULL,
    and the last must be unique among the rows (a primary key). ``read`` fetches so many of the rows that are in order and begin after the
    cursor; it may filter them further.
    """
    ordering = [_flip(name) for name in ordering] if descending else ordering
    backwards = "before" in request.GET
    text = request.GET.get("before" if backwards else "after", "")
    cursor = _read_cursor(text, queryset, ordering) if text else None
    backwards = backwards and cursor is not None
    order = [_flip(name) for name in ordering] if backwards else ordering
    rows = queryset.order_by(*order)
    if cursor is not None:
        rows = rows.filter(_beyond(order, cursor))
    found = read(rows, size + 1)
    more, page = len(found) > size, found[:size]
    if backwards:
        page.reverse()
    has_next = bool(page) and (backwards or more)
    has_previous = bool(page) and (more if backwards else cursor is not None)
    return Page(
        rows=page,
        next=_url(request, "after", page[-1], ordering) if has_next else "",
        previous=_url(request, "before", page[0], ordering) if has_previous else "",
    )


def _flip(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(order: Sequence[str], values: list[Any]) -> Q:
    """Rows after ``values``: a > x, or a = x and b > y, ... That a >= x is said as well, so that an index can serve it."""
    condition = Q()
    equal = Q()
    for name, value in zip(order, values, strict=True):
        field, sign = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        condition |= equal & Q(**{f"{field}__{sign}": value})
        equal &= Q(**{field: value})
    first = order[0].removeprefix("-")
    return Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": values[0]}) & condition


def _url(request: HttpRequest, key: str, row: Model, ordering: Sequence[str]) -> str:
    values = [getattr(row, name.removeprefix("-")) for name in ordering]
    text = json.dumps(values, cls=DjangoCursorEncoder, separators=(",", ":"))
    params = request.GET.copy()
    for other in ("after", "before"):
        params.pop(other, None)
    params[key] = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"?{params.urlencode()}"


class DjangoCursorEncoder(DjangoJSONEncoder):
    """Keeps microseconds, which DjangoJSONEncoder cuts to milliseconds: a cut cursor would show a row twice."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _read_cursor(text: str, queryset: QuerySet[Any], ordering: Sequence[str]) -> list[Any] | None:
    fields = [_field(queryset, name.removeprefix("-")) for name in ordering]
    try:
        padded = text[:MAX_CURSOR] + "=" * (-len(text[:MAX_CURSOR]) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded))
        if not isinstance(values, list) or len(values) != len(fields):
            return None
        if not all(_can_be_compared(value) for value in values):
            return None
        return [_in_utc(field.to_python(value)) for field, value in zip(fields, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError, ValidationError, RecursionError):
        return None


def _can_be_compared(value: object) -> bool:
    """Whether a database takes the value: PostgreSQL refuses NUL in texts, and no driver encodes half a surrogate pair."""
    if isinstance(value, str):
        return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    return isinstance(value, int | float)


def _in_utc(value: Any) -> Any:
    """A time as databases compare it. Raises ValueError for one without a zone, OverflowError for one beyond the calendar."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC)


def _field(queryset: QuerySet[Any], name: str) -> "Field[Any, Any]":
    if name in queryset.query.annotations:
        return queryset.query.annotations[name].output_field
    try:
        return queryset.model._meta.get_field("id" if name == "pk" else name)  # type: ignore[no-any-return]
    except FieldDoesNotExist as error:
        raise TypeError(f"{name} is neither a field nor an annotation of {queryset.model.__name__}") from error
