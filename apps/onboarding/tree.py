"""The response as a tree whose values are buttons: each carries the path that reads it back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.core.text import visible
from apps.providers.jsonpath import path_of
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

MAX_VALUES = 2000
MAX_SHOWN = 400  # characters of one value
OPEN_DEPTH = 6
MAX_DEPTH = 40  # below it a value stands as one piece of JSON: nobody unfolds that far, and each level costs stack
SLOT_NAMES = {"a": "Output text", "b": "Input tokens", "c": "Output tokens"}

type Steps = tuple[str | int, ...]


@dataclass
class Tree:
    """Renders one document. `patched` says which path is wired to which slot; `pick_url` "" gives plain values, which cannot be picked."""

    patched: Mapping[str, str]
    pick_url: str
    left: int = field(default=MAX_VALUES)

    def render(self, document: JsonValue) -> SafeString:
        if isinstance(document, (dict, list)):
            return format_html('<ul class="json__root">{}</ul>', self.members(document, ()))
        return format_html('<ul class="json__root"><li>{}</li></ul>', self.leaf("", document, ()))

    def members(self, node: dict[str, JsonValue] | list[JsonValue], steps: Steps) -> SafeString:
        return format_html_join("", "<li>{}</li>", ((item,) for item in self.items(node, steps)))

    def items(self, node: dict[str, JsonValue] | list[JsonValue], steps: Steps) -> Iterator[SafeString]:
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            if self.left <= 0:
                yield format_html('<span class="json__note">{}</span>', "More values: see Raw")
                return
            self.left -= 1
            yield self.item(key, value, (*steps, key))

    def item(self, key: str | int, value: JsonValue, steps: Steps) -> SafeString:
        name = visible(str(key))
        if not isinstance(value, (dict, list)) or not value or len(steps) > MAX_DEPTH:
            return self.leaf(name, value, steps)
        note = count(len(value), "item") if isinstance(value, list) else count(len(value), "key")
        return format_html(
            '<details{}><summary><span class="nowrap"><span class="json__key">{}</span><span class="t-punct">:</span></span>'
            '<span class="t-punct">{}</span><span class="json__note">{}</span></summary><ul>{}</ul></details>',
            " open" if len(steps) <= OPEN_DEPTH else "",
            name,
            "[]" if isinstance(value, list) else "{}",
            note,
            self.members(value, steps),
        )

    def leaf(self, name: str, value: JsonValue, steps: Steps) -> SafeString:
        path = path_of(steps)
        slot = self.patched.get(path, "")
        label = '<span class="nowrap"><span class="json__key">{}</span><span class="t-punct">:</span></span>'
        key = format_html(label, name) if name else ""
        if not self.pick_url:
            return format_html(
                '<span class="json__leaf">{}<span class="json__val {}">{}</span></span>', key, kind_class(value), shown(value)
            )
        plug = format_html('<span class="plug plug--{}">{}</span>', slot, SLOT_NAMES[slot]) if slot else ""
        return format_html(
            '<span class="json__leaf">{}<button type="submit" form="build" formaction="{}" name="pick" value="{}"'
            ' class="json__val {}{}" data-path="{}"'
            ' aria-label="{}">{}</button>{}</span>',
            key,
            self.pick_url,
            path,
            kind_class(value),
            f" is-patched-{slot}" if slot else "",
            path,
            f"Use {visible(path)}: {shown(value)}",
            shown(value),
            plug,
        )


def kind_class(value: JsonValue) -> str:
    if isinstance(value, str):
        return "t-str"
    return "t-num" if isinstance(value, (int, float)) and not isinstance(value, bool) else "t-atom"


def shown(value: JsonValue) -> str:
    text = visible(compact_json(value))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
