"""Programs that speak Anthropic's Messages to us."""

from collections.abc import Iterable
from typing import Final

import msgspec

from apps.providers.callers.anthropic_peek import MessagePeek, peek_answer, peek_request
from apps.providers.callers.anthropic_reply import MessageStream, error_object, render_message
from apps.providers.callers.anthropic_request import parse_request
from apps.providers.callers.base import AnswerPeek, ListedModel, Peeked
from apps.providers.callers.models import anthropic_list
from apps.providers.callers.splice import splice
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat import ChatAnswer, ChatCall
from apps.providers.errors import ProviderError


class AnthropicCaller:
    """Its answers do not say when they were made, and its streams always tell the token counts."""

    key = "anthropic"
    label = "Anthropic (Messages)"
    same = frozenset({"anthropic"})

    def peek(self, body: bytes) -> Peeked:
        return peek_request(body, self.label)

    def parse(self, body: bytes) -> ChatCall:
        return parse_request(body, self.label)

    def render_answer(self, answer: ChatAnswer, *, model: str, answer_id: str, created: int) -> bytes:
        return render_message(answer, model=model, answer_id=answer_id)

    def renderer(self, *, model: str, answer_id: str, created: int, include_usage: bool = False) -> MessageStream:
        return MessageStream(model=model, answer_id=answer_id)

    def error_body(self, error: ProviderError, status: int) -> bytes:
        return msgspec.json.encode(error_object(error, status))

    def render_models(self, models: Iterable[ListedModel]) -> bytes:
        return anthropic_list(models)

    def splice(self, body: bytes, model: str, *, ask_usage: bool = False) -> bytes:
        return splice(body, model)

    def peek_answer(self, body: bytes) -> AnswerPeek:
        return peek_answer(body, self.label)

    def peek_stream(self, *, withhold_usage: bool = False) -> StreamPeek:
        return MessagePeek()


ANTHROPIC_CALLER: Final = AnthropicCaller()
