"""Template vocabulary of the interface; a built-in library, so no ``{% load ui %}``.

{% icon "plus" %}  {% icon "x" size="sm" %}     a Lucide icon, hidden from screen readers
{% mark %}                                       the Patchbay mark
{% tile model.name %}  {% tile name size="sm" extra="avatar" %}   monogram with a stable hue
{% date value %}  {% when value %}               <time> in the reader's zone, exact on hover
{% query sort="name" after=None %}               this page's query string with changes
{{ text|visible }}  {{ number|grouped }}  {{ count|of:"model" }}
"""

import json
from datetime import UTC, datetime, tzinfo
from typing import Any
from zlib import crc32

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.core.icons import ICONS
from apps.core.text import monogram
from apps.core.text import visible as visible_text

register = template.Library()

SHAPES = {
    "day": "{day}",
    "minute": "{day}, {local:%H:%M}",
    "second": "{day}, {local:%H:%M:%S}",
    "row": "{short}, {local:%H:%M:%S}",
    "clock": "{local:%H:%M:%S}",
}
HUES = 6  # .tile--h1 to .tile--h6 in components.css
MARK = (
    '<svg class="brand__mark" viewBox="0 0 26 26" aria-hidden="true"><rect width="26" height="26" rx="6.5" fill="#1f1d1a"/>'
    '<path d="M8.25 8.5C8.25 18.5 17.75 7.5 17.75 17.5" stroke="#e0925a" stroke-width="2.5" stroke-linecap="round" fill="none"/>'
    '<circle cx="8.25" cy="8.25" r="3.25" fill="#1f1d1a" stroke="#e0925a" stroke-width="2.2"/>'
    '<circle cx="17.75" cy="17.75" r="3.25" fill="#1f1d1a" stroke="#e0925a" stroke-width="2.2"/></svg>'
)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """A KeyError for an unknown name: a missing icon must not reach a page."""
    classes = f"icon icon--{size}" if size else "icon"
    return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', classes, mark_safe(ICONS[name]))  # noqa: S308


@register.simple_tag
def mark() -> SafeString:
    return mark_safe(MARK)  # noqa: S308


@register.simple_tag
def tile(name: str, size: str = "", extra: str = "") -> SafeString:
    """Monogram tile. The hue follows from the name alone, so the same thing looks the same everywhere."""
    return tile_of(monogram(name), crc32(name.strip().lower().encode()) % HUES + 1, size, extra)


def tile_of(letters: str, hue: int, size: str = "", extra: str = "") -> SafeString:
    """A tile with letters and a hue (1 to 6) of its own."""
    classes = " ".join(filter(None, ["tile", f"tile--{size}" if size else "", extra, f"tile--h{hue}"]))
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes, letters)


def _zone(context: Context) -> tzinfo:
    user = getattr(context.get("request"), "user", None)
    return getattr(user, "zone", UTC)


def _exact(local: datetime) -> str:
    return f"{_day(local)}, {local:%H:%M:%S} {local:%Z}"


def _day(local: datetime) -> str:
    return f"{local.day} {local:%b %Y}"


def _time_element(context: Context, value: datetime | None, shown: str) -> SafeString:
    if value is None:
        return mark_safe('<span class="faint">never</span>')
    local = value.astimezone(_zone(context))
    this_year = local.year == timezone.now().astimezone(local.tzinfo).year
    text = SHAPES[shown].format(day=_day(local), short=f"{local.day} {local:%b}" if this_year else _day(local), local=local)
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), _exact(local), text)


@register.simple_tag(takes_context=True)
def date(context: Context, value: datetime | None) -> SafeString:
    """As "18 Nov 2026", in the reader's zone."""
    return _time_element(context, value, "day")


@register.simple_tag(takes_context=True)
def when(context: Context, value: datetime | None, shown: str = "minute") -> SafeString:
    """As "18 Nov 2026, 14:20"; ``shown`` may be minute, second, clock (14:20:05), or row: to the second, without a year that goes without
    saying."""
    return _time_element(context, value, shown)


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """The current query string with changes; None or "" takes a key out. Begins with "?", so that it can clear everything."""
    params = context["request"].GET.copy()
    for key, value in changes.items():
        params.pop(key, None)
        if value not in (None, ""):
            params[key] = str(value)
    return f"?{params.urlencode()}"


@register.filter
def visible(value: object) -> str:
    return visible_text(str(value))


@register.filter
def grouped(value: float | None) -> str:
    """12418 as "12,418"; None as an en dash, because unknown is not 0."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


@register.filter(name="of")
def count_of(value: int, noun: str) -> str:
    """As "1 model", "1,204 models"; an irregular plural after a comma: "entry,entries"."""
    singular, _, plural = noun.partition(",")
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"


@register.filter
def lines(value: object) -> list[str]:
    """The headline and, after the first line feed, the rest."""
    return str(value).split("\n", 1)


@register.filter
def duration(milliseconds: float) -> str:
    """236.4 as "236 ms", 1812 as "1.81 s"."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


@register.filter
def plain(value: object) -> str:
    """A stored JSON value as people read it, at most 240 characters."""
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "on" if value else "off"
        case str():
            text = value
        case _:
            text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= 240 else f"{text[:240]}…"
