"""The callers' side of spec 04: what a program sends to /v1, and what it gets back, in the format that it speaks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat import ChatAnswer, ChatCall, StreamEvent, Usage
from apps.providers.errors import ProviderError

OWNED_BY: Final = "patchbay"  # whom /v1/models names as the owner of a model


@dataclass(frozen=True, slots=True)
class Peeked:
    """What choosing a route needs of a request. `include_usage`: the caller wants the chunk with the token counts for itself."""

    model: str
    stream: bool = False
    include_usage: bool = False


@dataclass(frozen=True, slots=True)
class AnswerPeek:
    """What a trace keeps of an answer that is passed through: its text, else its tool calls as JSON; "" where neither is found."""

    output: str = ""
    usage: Usage = field(default_factory=Usage)
    model: str = ""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that the key may call: the name to send, and when it was made, in seconds since 1970."""

    name: str
    created: int


class StreamRenderer(Protocol):
    """Writes one streamed answer as server-sent events."""

    def feed(self, events: Iterable[StreamEvent]) -> bytes:
        """These events on the wire. That of `Ended` closes the stream: record the call before the caller can read it."""
        ...

    def error(self, error: ProviderError) -> bytes:
        """The event that ends a stream which broke; both SDKs raise it as an exception of their own. Nothing may follow it."""
        ...


class CallerFormat(Protocol):
    """An API that programs speak to us. Texts of errors are written as they are: whoever calls this masks secrets in them first."""

    key: str  # that of the chat format
    label: str
    same: frozenset[str]  # the chat formats of targets to which a request of this format is passed through

    def peek(self, body: bytes) -> Peeked:
        """Raises ProviderError(INVALID_REQUEST) for what is no such request; of the messages it looks at nothing but their syntax."""
        ...

    def parse(self, body: bytes) -> ChatCall:
        """The whole request. Raises ProviderError(INVALID_REQUEST), and (UNSUPPORTED) for what a ChatCall cannot carry."""
        ...

    def render_answer(self, answer: ChatAnswer, *, model: str, answer_id: str, created: int) -> bytes:
        """A complete answer. Raises ProviderError(NOT_THE_FORMAT) for one that the format cannot hold."""
        ...

    def renderer(self, *, model: str, answer_id: str, created: int, include_usage: bool = False) -> StreamRenderer: ...

    def error_body(self, error: ProviderError, status: int) -> bytes:
        """The failure as the SDKs expect it below this HTTP status, see `failures.status_of`."""
        ...

    def render_models(self, models: Iterable[ListedModel]) -> bytes:
        """The answer to GET /v1/models."""
        ...

    def splice(self, body: bytes, model: str, *, ask_usage: bool = False) -> bytes:
        """The request for a target of the same format: with its model, "" to keep the caller's, and asking for the token counts.

        Every other byte stays. The body is one that `peek` took.
        """
        ...

    def peek_answer(self, body: bytes) -> AnswerPeek:
        """What a complete answer says. Raises nothing."""
        ...

    def peek_stream(self, *, withhold_usage: bool = False) -> StreamPeek:
        """A reader for a stream on its way. `withhold_usage` keeps the chunk of token counts from a caller who did not ask for it."""
        ...
