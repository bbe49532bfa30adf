"""A value that fits a JSON Schema, with the prompt as every text in it. Knows the part of JSON Schema that structured output uses."""

from apps.demo.provider.messages import Json, JsonObject

SIMPLE: dict[str, Json] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
DEPTH = 12


def example_of(schema: JsonObject, text: str) -> Json:
    """A value that fits the schema; the same one every time."""
    return _example(schema, text, schema, DEPTH)


def _example(schema: JsonObject, text: str, root: JsonObject, depth: int) -> Json:
    schema = _resolved(schema, root)
    if depth == 0:
        return None
    if "const" in schema:
        return schema["const"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = str(kind[0] if isinstance(kind, list) and kind else kind).lower()
    if kind == "object":
        return _object(schema, text, root, depth)
    if kind == "array":
        items = schema.get("items")
        return [_example(items, text, root, depth - 1)] if isinstance(items, dict) else []
    return SIMPLE.get(kind, text)


def _object(schema: JsonObject, text: str, root: JsonObject, depth: int) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: _example(part, text, root, depth - 1) for name, part in properties.items() if isinstance(part, dict)}


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    """Follow one `$ref` within the document, or take the first of `anyOf`, `oneOf` and `allOf`."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Json = root
        for step in reference[2:].split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}
    for name in ("anyOf", "oneOf", "allOf"):
        options = schema.get(name)
        if isinstance(options, list) and options and isinstance(options[0], dict):
            return options[0]
    return schema
