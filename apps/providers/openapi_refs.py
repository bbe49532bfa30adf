"""Local references of an OpenAPI document, followed within bounds. Nothing is ever fetched."""

from urllib.parse import unquote

from apps.providers.imported import ImportRefused
from apps.providers.types import JsonValue

type JsonObject = dict[str, JsonValue]

MAX_STEPS = 50  # from one reference to the next
MAX_ALL_STEPS = 200_000  # along the paths of all references of a document


def as_object(value: object) -> JsonObject:
    """The value if it is an object, else an empty one: documents of strangers have anything anywhere."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[JsonValue]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value if it is text, else ""."""
    return value if isinstance(value, str) else ""


class References:
    """Follows `$ref` within one document, each reference once."""

    def __init__(self, document: JsonObject) -> None:
        self.document = document
        self.known: dict[str, JsonObject] = {}
        self.left = MAX_ALL_STEPS

    def follow(self, value: object) -> JsonObject:
        """The object that stands here or that a chain of references leads to. Raises ImportRefused, naming the reference."""
        seen: set[str] = set()
        found = as_object(value)
        while isinstance(reference := found.get("$ref"), str):
            if reference in self.known:
                found = self.known[reference]
                break
            if reference in seen or len(seen) >= MAX_STEPS:
                raise ImportRefused(f"The reference {reference[:100]} leads back to itself.")
            seen.add(reference)
            found = as_object(self.target(reference))
        self.known.update(dict.fromkeys(seen, found))
        return found

    def target(self, reference: str) -> JsonValue:
        """What a reference points at. Raises ImportRefused for one that is not local, or points nowhere."""
        if not reference.startswith("#"):
            raise ImportRefused(
                f"The reference {reference[:100]} points outside the document, and nothing is fetched. Bundle the document into one file."
            )
        value: JsonValue = self.document
        steps = reference[1:].split("/")[1:]
        self.left -= len(steps)
        if self.left < 0:
            raise ImportRefused("The references of this document are too many and too long to follow.")
        for step in steps:
            value = self.step(value, unquote(step).replace("~1", "/").replace("~0", "~"), reference)
        return value

    def step(self, value: JsonValue, step: str, reference: str) -> JsonValue:
        if isinstance(value, dict) and step in value:
            return value[step]
        if isinstance(value, list) and step.isdecimal() and len(step) < 7 and int(step) < len(value):
            return value[int(step)]
        raise ImportRefused(f"The reference {reference[:100]} points nowhere.")
