"""The response as a tree whose values are buttons: each carries the path that reads it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.json_tree import LABEL, Json, Steps, Tree, kind_class
from apps.core.text import visible
from apps.providers.jsonpath import path_of

MAX_SHOWN = 400  # characters of one value
SLOT_NAMES = {"a": "Output text", "b": "Input tokens", "c": "Output tokens"}


@dataclass
class PickTree(Tree):
    """`patched` says which path is wired to which slot; `pick_url` is what a button posts to."""

    patched: Mapping[str, str] = field(default_factory=dict)
    pick_url: str = ""

    def leaf(self, name: str, value: Json, steps: Steps) -> SafeString:
        path = path_of(steps)
        slot = self.patched.get(path, "")
        plug = format_html('<span class="plug plug--{}">{}</span>', slot, SLOT_NAMES[slot]) if slot else ""
        return format_html(
            '<span class="json__leaf">{}<button type="submit" form="build" formaction="{}" name="pick" value="{}"'
            ' class="json__val {}{}" data-path="{}"'
            ' aria-label="{}">{}</button>{}</span>',
            format_html(LABEL, name) if name else "",
            self.pick_url,
            path,
            kind_class(value),
            f" is-patched-{slot}" if slot else "",
            path,
            f"Use {visible(path)}: {self.shown(value)}",
            self.shown(value),
            plug,
        )
