"""An imported request as the fields of the page *Custom API integration*, with a note of what was recognized in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from apps.core.headers import RESERVED
from apps.external_models.names import check_name
from apps.providers.imported import ImportedRequest
from apps.providers.jsonread import parse_text

MAX_SHOWN = 80  # characters of a replaced text


@dataclass(frozen=True, slots=True)
class ImportNote:
    """What the page says about its import. `literal` is the body before its texts were replaced, "" where none was."""

    said: tuple[str, ...] = ()
    literal: str = ""

    @property
    def encoded(self) -> str:
        """The sentences as one hidden field."""
        return json.dumps(self.said, ensure_ascii=False)


def note_in(data: Mapping[str, Any]) -> ImportNote | None:
    """The note that travels with the page, None where there is none."""
    try:
        said = parse_text(str(data.get("import-said") or ""))
    except ValueError:
        return None
    if not isinstance(said, list):
        return None
    return ImportNote(tuple(str(sentence) for sentence in said[:50]), str(data.get("import-literal") or ""))


def data_of_import(request: ImportedRequest, *, source: str, name: str = "") -> dict[str, Any]:
    """The page's fields. Secret values are among them, as if typed: `show` seals them, and the page never holds them."""
    data: dict[str, Any] = {
        "creation_key": str(uuid4()),
        "name": name or suggested_name(request),
        "method": request.method,
        "url": request.url,
        "body": request.body,
        "output_path": request.paths.output,
        "input_tokens_path": request.paths.input_tokens,
        "output_tokens_path": request.paths.output_tokens,
        "use_system_prompt": "on" if "system_prompt" in request.placeholders else "",
        "import-said": ImportNote(tuple(sentences(request, source))).encoded,
        "import-literal": request.literal_body if request.replacements else "",
    }
    for number, header in enumerate(header for header in request.headers if header.name.lower() not in RESERVED):
        data |= {f"h-{number}-key": header.name, f"h-{number}-value": header.value}
        data |= {f"h-{number}-secret": "on", f"h-{number}-lead": header.prefix} if header.secret else {}
    return data | {f"p-{key}": value for key, value in request.parameters}


def sentences(request: ImportedRequest, source: str) -> list[str]:
    """What was taken over, and what was made of it."""
    replaced = [
        f"“{shortened(replacement.text)}” became {{{{{replacement.placeholder}}}}}." for replacement in reversed(request.replacements)
    ]
    return [f"{source}.", *replaced, *request.notes, *([request.needs_profile] if request.needs_profile else [])]


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"


def suggested_name(request: ImportedRequest) -> str:
    """The model's own name in the body, where it can be a name here."""
    try:
        body = json.loads(request.literal_body.replace(r"\{{", "{{"))
        name = body["model"]
        check_name(name)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return str(name) if not name.startswith(("<", "$", "{")) else ""
