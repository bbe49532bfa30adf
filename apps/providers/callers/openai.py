"""Programs that speak OpenAI's Chat Completions to us."""

from collections.abc import Iterable
from typing import Final

import msgspec

from apps.providers.callers.base import AnswerPeek, ListedModel, Peeked
from apps.providers.callers.models import openai_list
from apps.providers.callers.openai_peek import CompletionPeek, peek_answer, peek_request
from apps.providers.callers.openai_reply import CompletionStream, error_object, render_completion
from apps.providers.callers.openai_request import parse_request
from apps.providers.callers.splice import splice
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat import ChatAnswer, ChatCall
from apps.providers.errors import ProviderError


class OpenAICaller:
    key = "openai"
    label = "OpenAI (Chat Completions)"
    same = frozenset({"openai", "azure"})

    def peek(self, body: bytes) -> Peeked:
        return peek_request(body, self.label)

    def parse(self, body: bytes) -> ChatCall:
        return parse_request(body, self.label)

    def render_answer(self, answer: ChatAnswer, *, model: str, answer_id: str, created: int) -> bytes:
        return render_completion(answer, model=model, answer_id=answer_id, created=created)

    def renderer(self, *, model: str, answer_id: str, created: int, include_usage: bool = False) -> CompletionStream:
        return CompletionStream(model=model, answer_id=answer_id, created=created, include_usage=include_usage)

    def error_body(self, error: ProviderError, status: int) -> bytes:
        return msgspec.json.encode(error_object(error, status))

    def render_models(self, models: Iterable[ListedModel]) -> bytes:
        return openai_list(models)

    def splice(self, body: bytes, model: str, *, ask_usage: bool = False) -> bytes:
        return splice(body, model, ask_usage=ask_usage)

    def peek_answer(self, body: bytes) -> AnswerPeek:
        return peek_answer(body, self.label)

    def peek_stream(self, *, withhold_usage: bool = False) -> StreamPeek:
        return CompletionPeek(withhold_usage=withhold_usage)


OPENAI_CALLER: Final = OpenAICaller()
