"""What an HTTP error means: the provider's own words, whose turn it is, and when to try again."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.types import JsonValue, Response

MAX_MESSAGE = 500  # characters
MAX_DEPTH = 4  # levels of an error document that are looked through for words
_READ_AT_MOST = 64 * 1024  # bytes of an error page that are looked at when it is no JSON
_TITLE_WITHIN = 8 * 1024  # characters: a page of nothing but beginnings of titles is looked through from each of them
_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 529})  # spec 07 F1
_MESSAGE_KEYS = (
    "message",
    "Message",
    "error_description",
    "errorMessage",
    "error_message",
    "msg",
    "detail",
    "details",
    "description",
    "reason",
    "title",
)
_NESTING_KEYS = ("error", "errors", "Error", "fault")
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,2000}>")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+|\\s+")


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: ErrorKind
    message: str
    hint: str


_AUTH = ErrorKind.UPSTREAM_AUTH
_REFUSED = ErrorKind.UPSTREAM_REFUSED
_MEANINGS = {
    400: _Meaning(_REFUSED, "The provider did not accept the request", "Compare the body with the provider's API reference."),
    401: _Meaning(_AUTH, "The provider refused the key", "Check the key, and the header that it is sent in."),
    402: _Meaning(_REFUSED, "The provider wants to be paid first", "Check the billing of the provider's account."),
    403: _Meaning(
        _AUTH, "The key was refused for this request", "Check what the key may do, and that the account has access to this model."
    ),
    404: _Meaning(_REFUSED, "The provider has nothing at this address", "Check the path of the endpoint URL and the model's name."),
    405: _Meaning(_REFUSED, "The address does not take this method", "Check the method and the path of the endpoint URL."),
    408: _Meaning(ErrorKind.UPSTREAM_ERROR, "The provider gave up waiting for the request", "Try again."),
    409: _Meaning(_REFUSED, "The provider says that the request conflicts with another one", "Try again in a moment."),
    413: _Meaning(_REFUSED, "The provider says that the request is too large", "Shorten the prompt or the examples."),
    415: _Meaning(_REFUSED, "The provider does not take this content type", "Set the Content-Type header to what the provider expects."),
    422: _Meaning(_REFUSED, "The provider could not use the values in the request", "Compare the body with the provider's API reference."),
    429: _Meaning(ErrorKind.UPSTREAM_RATE_LIMITED, "The provider is limiting requests", "Wait, or raise the limit at the provider."),
}
_REDIRECT = _Meaning(
    ErrorKind.REDIRECT, "Redirects are not followed, and this address redirects", "Enter the final address as the endpoint URL."
)
_OTHER_REFUSAL = _Meaning(_REFUSED, "The provider refused the request", "Compare the request with the provider's API reference.")
_FAILURE = _Meaning(
    ErrorKind.UPSTREAM_ERROR, "The provider failed to answer", "Try again; if it lasts, look at the provider's status page."
)
_UNEXPECTED = _Meaning(ErrorKind.PROTOCOL_ERROR, "The provider sent a status that is not an answer", "Check the endpoint URL.")


def explain_http_error(status: int, headers: Sequence[tuple[str, str]], body: bytes, *, now: datetime | None = None) -> ProviderError:
    """The error for a status that is not 2xx, with the provider's message of at most 500 characters. `now` is for a Retry-After date.

    The provider's words may repeat what was sent to it: whoever shows them masks secrets first.
    """
    response = Response(status, tuple(headers), body)
    meaning = _meaning(status)
    said = provider_message(body)
    return ProviderError(
        meaning.kind,
        _sentence(meaning, response, in_words(said)),
        meaning.hint,
        retryable=status in _RETRYABLE,
        status=status,
        provider_message=said,
        retry_after=read_retry_after(response.header("retry-after"), now=now),
    )


def read_retry_after(value: str, *, now: datetime | None = None) -> float | None:
    """Seconds to wait according to a Retry-After header: a number of seconds or an HTTP date. None where it says neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def provider_message(body: bytes) -> str:
    """What the provider said in an error body, one line of at most 500 characters; "" where it said nothing."""
    start = body[:_READ_AT_MOST].decode("utf-8", errors="replace")
    try:
        document = parse_json(body)
    except ProviderError:
        said = _from_text(start)
    else:
        said = _from_json(document, depth=0) or (start if document else "")
    line = storable(_INVISIBLE.sub(" ", said)).strip()
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"


def in_words(said: str) -> str:
    """What of a provider's message is words: JSON of an unknown shape gives way to the first sentence in it; "" where it has none."""
    if not said.startswith(("{", "[")):
        return said
    try:
        texts = _texts(parse_json(said.encode()), depth=0)
    except ProviderError:  # it was cut
        return ""
    return next((text for text in texts if " " in text.strip()), "")


def _texts(value: JsonValue, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)) and depth < MAX_DEPTH:
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member, depth + 1)


def _meaning(status: int) -> _Meaning:
    if status in _MEANINGS:
        return _MEANINGS[status]
    match status // 100:
        case 3:
            return _REDIRECT
        case 4:
            return _OTHER_REFUSAL
        case 5:
            return _FAILURE
        case _:
            return _UNEXPECTED


def _sentence(meaning: _Meaning, response: Response, said: str) -> str:
    place = _redirect_target(response) if meaning is _REDIRECT else ""
    start = f"{meaning.message}{place} (HTTP {response.status})"
    return f"{start}: {said}" if said else f"{start}."


def _redirect_target(response: Response) -> str:
    """Where a redirect leads, without query: it may hold a key (spec 07 A10)."""
    try:
        parts = urlsplit(response.header("location"))
    except ValueError:
        return ""
    target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path
    return f" to {_INVISIBLE.sub(' ', target)[:200]}" if target else ""


def _from_json(value: JsonValue, depth: int) -> str:
    """The message in an error document of any usual shape; "" where none is found within a few levels."""
    if depth > MAX_DEPTH:
        return ""
    match value:
        case str():
            return value
        case list():
            return "; ".join(said for item in value[:5] if (said := _from_item(item, depth + 1)))
        case dict():
            return _from_object(value, depth)
        case _:
            return ""


def _from_item(item: JsonValue, depth: int) -> str:
    """One of several problems; FastAPI and pydantic say with `loc` which field they mean."""
    said = _from_json(item, depth)
    place = item.get("loc") if isinstance(item, dict) else None
    if said and isinstance(place, list):
        return f"{'.'.join(str(step) for step in place)}: {said}"
    return said


def _from_object(value: dict[str, JsonValue], depth: int) -> str:
    for key in _NESTING_KEYS:
        if said := _from_json(value.get(key), depth + 1):
            return _more_specific(said, value)
    title, detail = value.get("title"), value.get("detail")
    if isinstance(title, str) and isinstance(detail, str) and title and detail:  # RFC 9457
        return f"{title}: {detail}"
    return next((said for key in _MESSAGE_KEYS if (said := _from_json(value.get(key), depth + 1))), "")


def _more_specific(said: str, value: dict[str, JsonValue]) -> str:
    """`{"error": "invalid_grant", "error_description": "…"}`: a code beside a sentence gives way to the sentence."""
    sentence = next((text for key in _MESSAGE_KEYS if isinstance(text := value.get(key), str) and text), "")
    return f"{said}: {sentence}" if sentence and " " not in said and sentence != said else said


def _from_text(text: str) -> str:
    if "<" not in text:
        return text
    if match := _TITLE.search(text[:_TITLE_WITHIN]):
        return html.unescape(_TAG.sub(" ", match.group(2)))
    return html.unescape(_TAG.sub(" ", text)) if text.lstrip().startswith("<") else text
