"""Examples from an OpenAPI document: the one that is written there, else one made from the schema, within bounds."""

from itertools import islice

from apps.providers.openapi_refs import JsonObject, References, as_list, as_object, as_text
from apps.providers.types import JsonValue

MAX_DEPTH = 12
MAX_VALUES = 2_000
MAX_MEMBERS = 500  # of one object
MAX_CHOICES = 100  # of an enum that are looked at
# What an example is made from, beside “allOf”: of all that a schema may hold, only this is looked at.
_KEYWORDS = (
    "example", "const", "default", "examples", "enum", "oneOf", "anyOf", "type", "properties", "required", "items", "format", "minimum",
)  # fmt: skip
_TEXT_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class _Nothing:
    """No example is given."""


_NOTHING = _Nothing()


class Examples:
    """Makes examples. `every` takes all properties (to see what an answer looks like), else only the required ones (to send)."""

    def __init__(self, references: References, *, every: bool) -> None:
        self.references = references
        self.every = every
        self.left = MAX_VALUES
        self.open: list[str] = []  # the references that the place at hand is inside of

    def of_media(self, media: JsonObject) -> JsonValue:
        """The example of a media type: `example`, the first of `examples`, the schema's."""
        if "example" in media:
            return media["example"]
        for named in as_object(media.get("examples")).values():
            example = self.references.follow(named)
            if "value" in example:
                return example["value"]
        return self.of_schema(media.get("schema"), "", 0)

    def of_schema(self, schema: object, name: str, depth: int) -> JsonValue:
        """An example of a schema; `name` is the property's, for a text that nothing is known of."""
        self.left -= 1
        reference = as_text(as_object(schema).get("$ref"))
        if depth > MAX_DEPTH or self.left < 0 or reference in self.open:
            return None
        if reference:
            self.open.append(reference)
            try:
                return self.of_object(self.references.follow(schema), name, depth)
            finally:
                self.open.pop()
        return self.of_object(as_object(schema), name, depth)

    def of_object(self, schema: JsonObject, name: str, depth: int) -> JsonValue:
        given = _given(schema)
        if not isinstance(given, _Nothing):
            return given
        if parts := as_list(schema.get("allOf")):
            return self.merged(schema, parts, name, depth)
        if choices := as_list(schema.get("oneOf")) or as_list(schema.get("anyOf")):
            return self.of_schema(self.chosen(choices), name, depth + 1)
        match _type_of(schema):
            case "object":
                return self.properties(schema, depth)
            case "array":
                return self.items(schema, name, depth)
            case "string":
                return self.text(schema, name)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return False
        return None

    def merged(self, schema: JsonObject, parts: list[JsonValue], name: str, depth: int) -> JsonValue:
        """`allOf`: what objects have together; for anything else the first that is known."""
        rest = {key: schema[key] for key in _KEYWORDS if key in schema}
        values = [self.of_schema(part, name, depth + 1) for part in [*parts, rest] if part]
        objects = [value for value in values if isinstance(value, dict)]
        if objects:
            return {key: value for found in objects for key, value in found.items()}
        return next((value for value in values if value is not None), None)

    def chosen(self, choices: list[JsonValue]) -> JsonValue:
        """Of several schemas the one for a user's message, where it is about messages; else the first that is not null."""
        known = [(choice, self.references.follow(choice)) for choice in choices[:20]]
        users = (choice for choice, schema in known if self.is_user_message(schema))
        others = (choice for choice, schema in known if _type_of(schema) != "null")
        return next(users, next(others, None))

    def is_user_message(self, schema: JsonObject) -> bool:
        role = self.references.follow(as_object(schema.get("properties")).get("role"))
        return role.get("const") == "user" or _allows_user(role)

    def properties(self, schema: JsonObject, depth: int) -> JsonValue:
        properties = as_object(schema.get("properties"))
        wanted = islice(properties if self.every else as_list(schema.get("required")), MAX_MEMBERS)
        names = [name for name in wanted if isinstance(name, str) and name in properties]
        found: JsonObject = {}
        for name in names:
            if self.left < 0:
                break
            if as_object(properties[name]).get("readOnly") is True and not self.every:
                continue
            found[name] = self.of_schema(properties[name], name, depth + 1)
            if name == "role" and _allows_user(self.references.follow(properties[name])):
                found[name] = "user"
        return found

    def items(self, schema: JsonObject, name: str, depth: int) -> JsonValue:
        item = self.of_schema(schema.get("items"), name, depth + 1)
        return [] if item is None else [item]

    def text(self, schema: JsonObject, name: str) -> JsonValue:
        """Text that nothing is known of is a placeholder, which is asked for."""
        known = _TEXT_FORMATS.get(as_text(schema.get("format")))
        return known or (f"<{name}>" if name and not self.every else "text")


def _allows_user(role: JsonObject) -> bool:
    return "user" in as_list(role.get("enum"))[:MAX_CHOICES]


def _given(schema: JsonObject) -> JsonValue | _Nothing:
    for key in ("example", "const", "default"):
        if key in schema and not (key == "default" and schema[key] is None):
            return schema[key]
    for key in ("examples", "enum"):
        values = as_list(schema.get(key))
        if values:
            return values[0]
    return _NOTHING


def _type_of(schema: JsonObject) -> str:
    """The schema's type: of several (3.1) the first that is not null; an object or array where its members say so."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else ""


def _number(schema: JsonObject) -> JsonValue:
    least = schema.get("minimum")
    return least if isinstance(least, int | float) and not isinstance(least, bool) else 1
