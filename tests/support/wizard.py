"""*Add a model* as a browser walks it: the fields of the step that came, filled in and sent by one of its buttons."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

CHOICES = {"checkbox", "radio"}


class _Forms(HTMLParser):
    """The forms of a document by ID, with their successful controls; the text of everything."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: dict[str, dict[str, str]] = {}
        self.attrs: dict[str, dict[str, str]] = {}
        self.words: list[str] = []
        self.buttons: list[dict[str, str]] = []
        self.errors: dict[str, str] = {}
        self._form = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = given.get("id", "")
            self.forms[self._form], self.attrs[self._form] = {}, given
        form, name = given.get("form", self._form), given.get("name", "")
        if tag == "button":
            self.buttons.append({**given, "form": form})
        if tag == "input" and name and (given.get("type") not in CHOICES or "checked" in given):
            self.forms.setdefault(form, {})[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass
class Wizard:
    """One window. `url`, `status`, `text`, `fields` are of the step it shows; `location` is where it was sent in the end."""

    client: Client
    slug: str = "harbor"
    scripts: bool = False
    url: str = ""
    status: int = 0
    html: str = ""
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)
    location: str = ""
    seen: str = ""  # every answer and address so far: what must never come back must not be here

    @property
    def headers(self) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Current-URL": f"http://testserver{self.url}"} if self.scripts else {}

    def open(self, path: str = "models/new/") -> "Wizard":
        return self.get(f"/w/{self.slug}/{path}")

    def get(self, url: str, query: dict[str, str] | None = None) -> "Wizard":
        return self._read(url, self.client.get(url, query or {}, headers=self.headers), query)

    def fill(self, **typed: str) -> "Wizard":
        """Type into fields, or choose; `p_resource` stands for p-resource."""
        self.fields |= {re.sub(r"^p_", "p-", name): value for name, value in typed.items()}
        return self

    def press(self, step: str = "next") -> "Wizard":
        """The button of that value, which the step must have."""
        found = [button for button in self.buttons if button.get("name") == "step" and button.get("value") == step]
        assert found, f"no button {step} in: {self.text}"
        return self.send(step)

    def send(self, step: str) -> "Wizard":
        """The form as it stands, whether or not the step has such a button."""
        fields = self.fields | {"step": step}
        if self._method == "post":
            return self._read(self.url, self.client.post(self.url, fields, headers=self.headers))
        return self.get(urlsplit(self.url).path, fields)

    def _read(self, url: str, response: Any, query: dict[str, str] | None = None) -> "Wizard":
        # As a browser does, and XMLHttpRequest inside it: along redirects, with the same headers.
        while response.status_code == 302:
            url = response.headers["Location"]
            self.seen += url
            if not re.fullmatch(rf"/w/{self.slug}/models/new/(easy/.*)?", urlsplit(url).path):
                break  # to a page that is no step
            response, query = self.client.get(url, headers=self.headers), None
        self.status, self.html = response.status_code, response.content.decode()
        self.seen += self.html + str(response.headers)
        self.location = response.headers.get("HX-Redirect", "") or (url if response.status_code == 302 else "")
        if self.location or not self.html:
            return self
        forms = _Forms(self.html)
        form = next((name for name in ("pick", "wizard") if name in forms.forms), "")
        self.fields, self.buttons = dict(forms.forms.get(form, {})), [each for each in forms.buttons if each["form"] == form]
        self._method = forms.attrs.get(form, {}).get("method", "get")
        if self._method == "post":
            self.url = forms.attrs[form]["action"]
        elif query is None:
            self.url = url
        else:
            self.url = url + "?" + "&".join(f"{key}={value}" for key, value in query.items())
        self.text = " ".join("".join(forms.words).split())
        return self

    @property
    def step(self) -> str:
        """Which bead of the progress line is lit."""
        found = re.search(r'aria-current="step"><span><b class="medium">(\w+)', self.html)
        return found[1].lower() if found else ""

    @property
    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.url).query).items()}

    _method: str = "get"
