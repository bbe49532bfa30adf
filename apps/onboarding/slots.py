"""The three places of an answer that a definition reads, and what each path picks out of the last response."""

from dataclasses import dataclass

from apps.core.text import visible
from apps.onboarding.builder import Builder
from apps.onboarding.forms import path_problem
from apps.providers.errors import ProviderError
from apps.providers.jsonpath import compile_path, read_output, read_tokens

FIELDS = {"a": "output_path", "b": "input_tokens_path", "c": "output_tokens_path"}
LABELS = {"a": "Output text", "b": "Input tokens", "c": "Output tokens"}
MAX_PREVIEW = 300


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of the page. `value` is the preview, `problem` what is wrong with the path."""

    key: str
    field: str
    label: str
    path: str
    value: str
    problem: str
    armed: bool
    errors: tuple[str, ...]


def slots_of(builder: Builder) -> list[Slot]:
    return [slot_of(builder, key) for key in FIELDS]


def slot_of(builder: Builder, key: str) -> Slot:
    path = str(builder.form[FIELDS[key]].value() or "").strip()
    value, problem = look_up(builder, key, path)
    errors = tuple(str(error) for error in builder.form.errors.get(FIELDS[key], ()))
    return Slot(key, FIELDS[key], LABELS[key], path, value, problem, builder.armed == key, errors)


def look_up(builder: Builder, key: str, path: str) -> tuple[str, str]:
    """What the path picks out of the last response, and what is wrong if it picks nothing."""
    if not path:
        return "", ""
    if problem := path_problem(path):
        return "", problem
    document = builder.document
    if document is None:
        return "", ""
    try:
        if key == "a":
            return shorten(read_output(compile_path(path), document)), ""
        count = read_tokens(compile_path(path), document)
    except ProviderError as error:
        return "", error.message
    return (f"{count:,}", "") if count is not None else ("", "No whole number there, so the count would be unknown.")


def shorten(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MAX_PREVIEW else f"{text[:MAX_PREVIEW]}…"
