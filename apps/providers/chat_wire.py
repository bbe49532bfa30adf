"""A chat format with one connection's address and headers; the same methods as the template format, so one pipeline serves both."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.providers.address import fill_url
from apps.providers.base import ChatFormat
from apps.providers.chat import ChatAnswer, ChatCall, Image, Message, Role, Text
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.http_errors import explain_http_error
from apps.providers.jsonread import parse_json
from apps.providers.types import Answer, JsonValue, Request, Response, Variable
from apps.providers.variables import PROMPT, SYSTEM_PROMPT, Values, compact_json, refuse_undeclared

CHAT_VARIABLES: tuple[Variable, ...] = (PROMPT, SYSTEM_PROMPT)
MAX_BODY = 16 * 1024 * 1024  # bytes: as much as callers may send to us, so that a long text passes whatever its model speaks


@dataclass(frozen=True, slots=True)
class ChatWire[Opaque = str]:
    """One model spoken to in a provider's own format. A header value is text, or an opaque secret which passes through untouched."""

    format: ChatFormat
    url: str
    model: str
    headers: tuple[tuple[str, str | Opaque], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not any(name.lower() == "content-type" for name, _ in self.headers):
            object.__setattr__(self, "headers", (*self.headers, ("Content-Type", "application/json")))

    def build_request(self, values: Mapping[str, JsonValue], url_values: Mapping[str, str] | None = None) -> Request[Opaque]:
        """A single-turn call with these values. Raises VariableError for one that is missing or unknown."""
        return self.build_call(call_of(values), url_values or {})

    def build_call(self, call: ChatCall, url_values: Mapping[str, str], *, stream: bool = False) -> Request[Opaque]:
        """What to send for a call. Raises ProviderError(UNSUPPORTED, URL_INVALID, BODY_TOO_LARGE)."""
        url = fill_url(self.url, url_values)
        body = json.dumps(self.format.build_body(call, self.model, stream=stream), ensure_ascii=False, allow_nan=False).encode()
        if len(body) > MAX_BODY and not has_images(call):
            message = f"The request body would have {len(body):,} bytes; at most {MAX_BODY:,} are sent."
            raise ProviderError(ErrorKind.BODY_TOO_LARGE, message, "Shorten the prompt.")
        return self._request(url, body, stream=stream)

    def forward(self, body: bytes, url_values: Mapping[str, str], *, stream: bool = False) -> Request[Opaque]:
        """A request of this format as it came, for this model. Raises ProviderError(URL_INVALID)."""
        return self._request(fill_url(self.url, url_values), body, stream=stream)

    def _request(self, url: str, body: bytes, *, stream: bool) -> Request[Opaque]:
        return Request("POST", self.format.stream_url(url) if stream else url, self.headers, body)

    def read_chat(self, response: Response) -> ChatAnswer:
        """The whole answer, tool calls included. Raises ProviderError: an HTTP error explained, NOT_JSON, NOT_THE_FORMAT."""
        if not 200 <= response.status <= 299:
            raise explain_http_error(response.status, response.headers, response.body)
        return self.format.read_answer(parse_json(response.body))

    def read_answer(self, response: Response) -> Answer:
        """The answer as text; tool calls as JSON when there is nothing else. Raises like `read_chat`."""
        answer = self.read_chat(response)
        usage = answer.usage
        return Answer(text_of(answer), usage.input_tokens, usage.output_tokens, usage.cached_tokens)


def call_of(values: Mapping[str, JsonValue]) -> ChatCall:
    """One question, with a system prompt if there is one. Raises VariableError for a missing prompt."""
    refuse_undeclared(CHAT_VARIABLES, values)
    given = Values(CHAT_VARIABLES, values)
    return ChatCall(messages=(Message(Role.USER, (Text(given.as_text("prompt")),)),), system=given.as_text("system_prompt"))


def text_of(answer: ChatAnswer) -> str:
    if answer.text or not answer.tool_calls:
        return answer.text
    return compact_json([{"id": call.id, "name": call.name, "arguments": call.arguments} for call in answer.tool_calls])


def has_images(call: ChatCall) -> bool:
    """Images may be larger than the text limit; the sender's own limit applies to them."""
    return any(isinstance(part, Image) for message in call.messages for part in message.parts)
