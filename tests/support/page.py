"""A page as somebody with a screen reader meets it: text without what is hidden from them, links and buttons by their names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
INLINE = frozenset({"a", "abbr", "b", "code", "em", "kbd", "span", "strong", "time"})
SILENT = frozenset({"svg", "script", "style", "template", "title"})


@dataclass
class Element:
    tag: str
    attrs: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attrs[name]

    def all(self, tag: str = "", **attrs: str) -> Iterator["Element"]:
        """Descendants in document order; `id_="x"` stands for the attribute id, `aria_label` for aria-label."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attrs.items()}
        for child in self.children:
            if isinstance(child, Element):
                if tag in ("", child.tag) and all(child.attrs.get(name) == value for name, value in wanted.items()):
                    yield child
                yield from child.all(tag, **attrs)

    def one(self, tag: str = "", **attrs: str) -> "Element":
        found = list(self.all(tag, **attrs))
        assert len(found) == 1, f"{len(found)} of {tag} {attrs} in: {self.text[:2000]}"
        return found[0]

    @property
    def words(self) -> Iterator[str]:
        if self.tag in SILENT or self.attrs.get("aria-hidden") == "true":
            return
        gap = "" if self.tag in INLINE else " "
        yield gap
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child.words
        yield gap

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def label(self) -> str:
        """What a control is called."""
        return self.attrs.get("aria-label") or self.text

    def named(self, tag: str, label: str) -> list["Element"]:
        return [element for element in self.all(tag) if element.label == label]

    def link(self, label: str) -> str:
        """The address behind the only link of this name."""
        (found,) = self.named("a", label)
        return found["href"]

    def has_control(self, label: str) -> bool:
        return bool(self.named("a", label) or self.named("button", label))

    @property
    def controls(self) -> set[str]:
        """Names of everything that can be used to change something: buttons, and links to other pages."""
        return {element.label for tag in ("a", "button") for element in self.all(tag) if "disabled" not in element.attrs}

    @property
    def rows(self) -> list["Element"]:
        """Rows of table bodies."""
        return [row for body in self.all("tbody") for row in body.children if isinstance(row, Element) and row.tag == "tr"]

    @property
    def cells(self) -> list[str]:
        return [cell.text for cell in self.children if isinstance(cell, Element) and cell.tag in {"td", "th"}]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in {element.tag for element in self.open[1:]}:
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(response: object) -> Element:
    """The document (or fragment) of a response."""
    content: bytes = response.content  # type: ignore[attr-defined]
    reader = _Reader()
    reader.feed(content.decode())
    reader.close()
    return reader.root
