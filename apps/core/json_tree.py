"""JSON as a tree that folds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.core.text import visible

MAX_VALUES = 2000
OPEN_DEPTH = 6
MAX_DEPTH = 40  # below it a value stands as one piece of JSON: nobody unfolds that far, and each level costs stack

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None
type Steps = tuple[str | int, ...]

LABEL = '<span class="nowrap"><span class="json__key">{}</span><span class="t-punct">:</span></span>'


@dataclass
class Tree:
    """Renders one document. `rest` is said where there are more than MAX_VALUES; `longest` is the most characters of one value."""

    rest: str = "More values: see Raw"
    longest: int | None = None
    left: int = field(default=MAX_VALUES)

    def render(self, document: Json) -> SafeString:
        if isinstance(document, (dict, list)):
            return format_html('<ul class="json__root">{}</ul>', self.members(document, ()))
        return format_html('<ul class="json__root"><li>{}</li></ul>', self.leaf("", document, ()))

    def members(self, node: dict[str, Json] | list[Json], steps: Steps) -> SafeString:
        return format_html_join("", "<li>{}</li>", ((item,) for item in self.items(node, steps)))

    def items(self, node: dict[str, Json] | list[Json], steps: Steps) -> Iterator[SafeString]:
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            if self.left <= 0:
                yield format_html('<span class="json__note">{}</span>', self.rest)
                return
            self.left -= 1
            yield self.item(key, value, (*steps, key))

    def item(self, key: str | int, value: Json, steps: Steps) -> SafeString:
        name = visible(str(key))
        if not isinstance(value, (dict, list)) or not value or len(steps) > MAX_DEPTH:
            return self.leaf(name, value, steps)
        note = count(len(value), "item") if isinstance(value, list) else count(len(value), "key")
        return format_html(
            '<details{}><summary>{}<span class="t-punct">{}</span><span class="json__note">{}</span></summary><ul>{}</ul></details>',
            " open" if len(steps) <= OPEN_DEPTH else "",
            format_html(LABEL, name),
            "[]" if isinstance(value, list) else "{}",
            note,
            self.members(value, steps),
        )

    def leaf(self, name: str, value: Json, steps: Steps) -> SafeString:
        key = format_html(LABEL, name) if name else ""
        return format_html(
            '<span class="json__leaf">{}<span class="json__val {}">{}</span></span>', key, kind_class(value), self.shown(value)
        )

    def shown(self, value: Json) -> str:
        text = visible(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        return text if self.longest is None or len(text) <= self.longest else f"{text[: self.longest]}…"


def kind_class(value: Json) -> str:
    if isinstance(value, str):
        return "t-str"
    return "t-num" if isinstance(value, (int, float)) and not isinstance(value, bool) else "t-atom"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
