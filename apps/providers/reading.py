"""Reading a provider's answer: what is missing or of another type is empty, unless the answer cannot be understood without it."""

from apps.providers.chat import JsonObject
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import in_words, provider_message
from apps.providers.jsonread import storable
from apps.providers.types import JsonValue
from apps.providers.variables import compact_json

_MAX_KEYS = 20
_RATE_LIMIT_WORDS = ("rate_limit", "ratelimit", "throttl", "resource_exhausted", "too_many", "429")
_REFUSAL_WORDS = ("invalid", "validation", "not_found", "permission", "authentication")


def child(value: JsonValue, *names: str) -> JsonObject:
    """The object below these names; {} where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: JsonValue) -> list[JsonObject]:
    """The objects in a list; [] for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def count(value: JsonValue) -> int | None:
    """A number of tokens; None for anything that is none. Cohere's are numbers in general, so 71.0 counts as 71."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def total(*counts: int | None) -> int | None:
    """The sum of the counts that are known; None when none is."""
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def answer_object(document: JsonValue, label: str) -> JsonObject:
    """The answer as an object that can be stored. Raises ProviderError: NOT_THE_FORMAT, or what an error sent with HTTP 200 says."""
    if not isinstance(document, dict):
        raise not_the_format(label, "is no JSON object", document)
    raise_error_in(document)
    return storable(document)


def raise_error_in(document: JsonObject) -> None:
    """Raise what a provider says in an `error` within an answer or an event. Does nothing where there is no error."""
    error = document.get("error")
    if error:
        inner = child(error)
        words = " ".join(str(inner[name]) for name in ("type", "status", "code") if isinstance(inner.get(name), str | int))
        raise said_error(words, {"error": error})


def said_error(kind_words: str, document: JsonValue) -> ProviderError:
    """The error for what a provider says after HTTP 200, typically in the middle of a stream. `kind_words` is its own name for it."""
    said = provider_message(compact_json(storable(document)).encode())
    words = in_words(said)
    sentence = f"The provider broke off with an error: {words}" if words else "The provider broke off with an error."
    kind, retryable = _kind_of(kind_words.lower().replace("-", "_"))
    return ProviderError(
        kind, sentence, "Try again; if it lasts, look at the provider's message.", retryable=retryable, provider_message=said
    )


def not_the_format(label: str, problem: str, document: JsonValue) -> ProviderError:
    """The error for an answer of another shape. `problem` goes on after "The response", for example "has no “choices”"."""
    message = f"The response {problem}, so it is no answer of {label}. {_describe(document)}"
    return ProviderError(ErrorKind.NOT_THE_FORMAT, message, "Check the endpoint URL, and which API reference the model follows.")


def cut_off() -> ProviderError:
    message = "The stream ended before the answer was complete."
    return ProviderError(ErrorKind.DISCONNECTED, message, "Try again; a proxy's time limit can be the reason.", retryable=True)


def _kind_of(words: str) -> tuple[ErrorKind, bool]:
    if any(word in words for word in _RATE_LIMIT_WORDS):
        return ErrorKind.UPSTREAM_RATE_LIMITED, True
    if any(word in words for word in _REFUSAL_WORDS):
        return ErrorKind.UPSTREAM_REFUSED, False
    return ErrorKind.UPSTREAM_ERROR, True


def _describe(document: JsonValue) -> str:
    match document:
        case dict() if document:
            keys = [key[:40] for key in list(document)[:_MAX_KEYS]]
            more = ", …" if len(document) > _MAX_KEYS else ""
            return storable(f"Its top-level keys: {', '.join(keys)}{more}.")
        case dict():
            return "It is an empty object."
        case list():
            return f"It is a list of {len(document)}."
        case None:
            return "It is null."
        case _:
            return f"It is {'a text' if isinstance(document, str) else 'a single value'}."
