"""*Custom API integration* as a browser sees it: the fields of the page that came, typed into and posted by its buttons.

Without scripts each answer is a whole page, whose fields replace all there were: what the server does not send back has to be typed
again. With htmx the fields stay, and the regions of the answer replace their own.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from django.test import Client
from django.urls import reverse

FORM = "build"
VOID_CHOICES = {"checkbox", "radio"}


class FormReader(HTMLParser):
    """The successful controls of the page's form, as a browser would send them, and the text and IDs of everything."""

    def __init__(self, html: str, *, whole_page: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.fields: dict[str, str] = {}
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.buttons: list[dict[str, str]] = []
        self._whole_page = whole_page
        self._inside = not whole_page
        self._templates = 0
        self._textarea: str | None = None
        self._select: str | None = None
        self._option: tuple[bool, list[str]] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "template" and self._whole_page:  # htmx unwraps those of a fragment
            self._templates += 1
        if self._templates:
            return
        self.ids.add(given.get("id", ""))
        if tag == "form":
            self._inside = given.get("id") == FORM
        if tag == "option" and self._select:
            self._option = ("selected" in given or self._select not in self.fields, [])
            if self._option[0]:
                self.fields[self._select] = given.get("value", "\0text")
        elif given.get("form", FORM if self._inside else "") != FORM or "disabled" in given:
            return
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "input" and name and (given.get("type") not in VOID_CHOICES or "checked" in given):
            self.fields[name] = value or ("on" if given.get("type") in VOID_CHOICES else "")
        elif tag == "textarea":
            self._textarea = name
            self.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "button":
            self.buttons.append({**given, "label": ""})

    def handle_endtag(self, tag: str) -> None:
        if tag == "template" and self._whole_page:
            self._templates -= 1
        elif tag == "form":
            self._inside = False
        elif tag == "textarea" and self._textarea is not None:
            self.fields[self._textarea] = self.fields[self._textarea].replace("\r\n", "\n").removeprefix("\n")
            self._textarea = None
        elif tag == "select":
            self._select = None
        elif tag == "option" and self._select and self._option:
            if self.fields.get(self._select) == "\0text":
                self.fields[self._select] = "".join(self._option[1]).strip()
            self._option = None

    def handle_data(self, data: str) -> None:
        if self._templates:
            return
        if self._textarea is not None:
            self.fields[self._textarea] += data
        elif self._option is not None:
            self._option[1].append(data)
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@dataclass
class Sheet:
    """One open page. `fields` is what it would post; `status`, `html` and `text` are of the last answer."""

    client: Client
    slug: str = "harbor"
    scripts: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    status: int = 0
    html: str = ""
    text: str = ""
    ids: frozenset[str] = frozenset()
    location: str = ""
    seen: str = ""  # every answer so far: what must never come back must not be here

    def open(self, model_id: UUID | None = None) -> "Sheet":
        name, args = ("custom_edit", [self.slug, model_id]) if model_id else ("custom_new", [self.slug])
        self._read(self.client.get(reverse(f"onboarding:{name}", args=args)), whole_page=True)
        return self

    def fill(self, **typed: str) -> "Sheet":
        """Type into fields; an underscore stands for the hyphen of row fields ("h_1_key")."""
        for name, value in typed.items():
            row = re.fullmatch(r"([hv])_(\d+)_(\w+)", name)
            self.fields[f"{row[1]}-{row[2]}-{row[3]}" if row else name] = value
        return self

    def press(self, url_name: str, /, query: str = "", **button: str) -> "Sheet":
        """Press the button (or leave the field) that posts to this URL of the page; `button` is its name and value."""
        posted = {name: re.sub(r"\r?\n", "\r\n", value) for name, value in {**self.fields, **button}.items()}
        url = reverse(f"onboarding:{url_name}", args=[self.slug]) + query
        headers = {"HX-Request": "true"} if self.scripts else {}
        response = self.client.post(url, posted, headers=headers)
        self._read(response, whole_page=not self.scripts)
        return self

    def save(self, action: str) -> "Sheet":
        return self.press("save", action=action)

    def test(self, **sample: str) -> "Sheet":
        """Test, fill in *Sample input*, Confirm. Stops at the first page that refuses."""
        self.press("sample")
        if self.status != 200:
            return self
        assert "sample" in self.ids, self.text
        for name, value in sample.items():
            assert f"s-{name}" in self.fields, name
            self.fields[f"s-{name}"] = value
        return self.press("test")

    def add_variable(self, name: str, kind: str = "string", **more: str) -> "Sheet":
        self.press("variable_dialog")
        self.fields |= {"nv-name": name, "nv-type": kind} | {f"nv-{key}": value for key, value in more.items()}
        return self.press("variable_save")

    def region(self, element_id: str) -> str:
        """The text of the answer from the element with this ID on."""
        start = self.html.index(f'id="{element_id}"')
        return FormReader(f"<p {self.html[start:]}", whole_page=False).text

    def problem(self, key: str) -> str:
        """The error that stands at a field, "" without any."""
        found = re.search(rf'<p class="error" id="e-{re.escape(key)}"[^>]*>(.*?)</p>', self.html, re.S)
        return FormReader(found[1], whole_page=False).text if found else ""

    @property
    def state(self) -> str:
        """What the bar at the bottom says of the last test: current, stale, failed or none."""
        found = re.search(r'data-test-state="(\w+)"', self.html)
        return found[1] if found else ""

    @property
    def failure(self) -> str:
        """The code of the last test's failure, "" when it passed."""
        found = re.search(r'data-failure="(\w+)">Stage: ', self.html)
        return found[1] if found else ""

    @property
    def model_id(self) -> UUID:
        return UUID(self.fields["model"])

    def _read(self, response: Any, *, whole_page: bool) -> None:
        self.status = response.status_code
        self.location = response.headers.get("HX-Redirect") or response.headers.get("Location", "")
        self.html = response.content.decode()
        self.seen += self.html
        reader = FormReader(self.html, whole_page=whole_page)
        self.text, self.ids = reader.text, frozenset(reader.ids)
        if self.location:
            return
        self.fields = reader.fields if whole_page else self._patched(reader)

    def _patched(self, reader: FormReader) -> dict[str, str]:
        """The fields after htmx swapped the dialog and the out-of-band regions in."""
        gone = ["s-", "nv-"]  # the dialog's place is filled by every answer
        if "mapping" in reader.ids:
            gone.append("v-")
        if "parameters" in reader.ids:
            gone.append("p-")
        kept = {name: value for name, value in self.fields.items() if not name.startswith(tuple(gone))}
        return kept | reader.fields
