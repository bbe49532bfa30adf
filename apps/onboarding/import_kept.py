"""What stays of the page *Custom API integration* when an import fills it in, and whether the import replaces something typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from apps.onboarding.typed_page import HEADER_ROW, MAX_ROWS
from apps.providers.jsonread import storable

# Never a secret: these travel through the dialog as hidden fields.
_KEPT = re.compile(r"name|connection_name|authorization_profile|structure|model_identifier|(?:feature|modality)-[\w-]+|v-\d{1,4}-\w+")
_MAX_FIELDS = 10 * MAX_ROWS
_FIRST_HEADER = ("content-type", "application/json")  # stands on every new page


@dataclass(frozen=True, slots=True)
class Kept:
    """`fields` are the kept ones that hold something, by name; `replaces` is set where URL, headers or body were typed."""

    fields: Mapping[str, str]
    replaces: bool


def kept_of(posted: Mapping[str, str]) -> Kept:
    """Out of the page's own form, or of the dialog that carries it on."""
    fields = {name: storable(text) for name, text in posted.items() if text.strip() and _KEPT.fullmatch(name)}
    return Kept(dict(list(fields.items())[:_MAX_FIELDS]), "replaces" in posted or holds_request(posted))


def holds_request(posted: Mapping[str, str]) -> bool:
    if any(posted.get(name, "").strip() for name in ("url", "body")):
        return True
    numbers = [match[1] for name in posted if (match := HEADER_ROW.fullmatch(name))]
    rows = [(posted[f"h-{number}-key"].strip(), posted.get(f"h-{number}-value", "").strip()) for number in numbers]
    return any(any(row) and (row[0].lower(), row[1]) != _FIRST_HEADER for row in rows)
