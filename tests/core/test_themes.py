"""Light and dark differ in colours and in nothing else: `light-dark()` takes only those. Browser journeys count on it (Journey.check)."""

import re
from pathlib import Path

from django.conf import settings

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STYLES = {path.name: COMMENT.sub("", path.read_text()) for path in (Path(settings.BASE_DIR) / "static" / "css").glob("*.css")}


def test_the_scheme_is_asked_through_light_dark_only() -> None:
    assert {"tokens.css", "components.css"} <= set(STYLES)
    assert [name for name, style in STYLES.items() if "prefers-color-scheme" in style] == []
    chosen = [rule for style in STYLES.values() for rule in re.findall(r"\[data-theme[^{}]*\{([^{}]*)\}", style)]
    assert [rule.strip() for rule in chosen] == ["color-scheme: light;", "color-scheme: dark;"]
