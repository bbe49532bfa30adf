"""Whether a key works: the cheapest call that its provider has (spec 02, Confirm), as a wire format for the one pipeline."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.providers.address import fill_url
from apps.providers.base import CheckRequest
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import explain_http_error
from apps.providers.jsonread import parse_json
from apps.providers.types import Answer, JsonValue, Request, Response

# How the five list their models: under `data` (OpenAI, Anthropic) or `models` (Google, Cohere), each by `id` or `name`.
_LISTS = ("data", "models")
_NAMES = ("id", "name")
_MORE = ("has_more", "nextPageToken", "next_page_token")
# Lists have dated IDs, people write aliases: claude-haiku-4-5 stands for claude-haiku-4-5-20251001.
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})")
_ALIAS_ENDS = ("-latest", "-0")


@dataclass(frozen=True, slots=True)
class KeyCheck[Opaque = str]:
    """One check with one connection's headers. `model` "" asks for the key alone."""

    asked: CheckRequest
    model: str = ""
    headers: tuple[tuple[str, str | Opaque], ...] = field(default=(), repr=False)

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] | None = None) -> Request[Opaque]:
        """Takes no variables. Raises ProviderError(URL_INVALID)."""
        url = fill_url(self.asked.url, url_values or {})
        if self.asked.body is None:
            return Request("GET", url, self.headers, b"")
        headers = (*self.headers, ("Content-Type", "application/json"))
        return Request("POST", url, headers, json.dumps(self.asked.body, ensure_ascii=False).encode())

    def read_answer(self, response: Response) -> Answer:
        """Nothing but an error: an HTTP error explained, NOT_JSON, NOT_THE_FORMAT, and MODEL_NOT_LISTED where the list is whole."""
        if not 200 <= response.status <= 299:
            raise self._explain(response)
        document = parse_json(response.body)
        if self.asked.body is not None:
            return Answer("")
        listed = listed_models(document)
        if listed is None:
            hint = "Check the base URL: something else than the provider's API may answer there."
            raise ProviderError(ErrorKind.NOT_THE_FORMAT, "The answer is JSON, but not a list of models.", hint)
        if self.model and is_whole(document) and not is_listed(self.model, listed):
            message = f"The key works, but the model {self.model} is not in the list of models that it may use."
            raise ProviderError(ErrorKind.MODEL_NOT_LISTED, message, "Check the model ID, and what the account may use.")
        return Answer("")

    def _explain(self, response: Response) -> ProviderError:
        """A list has nothing in it that could be malformed, so a 400 is about the key: Google says it so."""
        error = explain_http_error(response.status, response.headers, response.body)
        if self.asked.body is None and response.status == 400:
            error.kind = ErrorKind.UPSTREAM_AUTH
        return error


def listed_models(document: JsonValue) -> frozenset[str] | None:
    """The IDs in a list of models; None where the document is no such list. Google writes `models/NAME`."""
    rows = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return None
    names = (next((row[name] for name in _NAMES if isinstance(row.get(name), str)), "") for row in rows if isinstance(row, dict))
    return frozenset(str(name).removeprefix("models/") for name in names if name)


def is_whole(document: JsonValue) -> bool:
    """Whether the list has no further page."""
    return isinstance(document, dict) and not any(document.get(name) for name in _MORE)


def is_listed(model: str, listed: frozenset[str]) -> bool:
    """Whether the ID, or a dated one that it is an alias of, is in the list."""
    wanted = model.removeprefix("models/")
    stems = {wanted, *(wanted.removesuffix(end) for end in _ALIAS_ENDS)}
    return any(name in stems or any(name.startswith(stem) and _DATED.fullmatch(name[len(stem) :]) for stem in stems) for name in listed)
