"""What a Chat Completions request and its answer say to somebody who only passes them on."""

from typing import Final

import msgspec

from apps.providers.callers.base import AnswerPeek, Peeked
from apps.providers.callers.fields import undecodable, wrong
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.chat import ChatAnswer, ToolCall, Usage
from apps.providers.chat_wire import text_of
from apps.providers.errors import ProviderError
from apps.providers.jsonread import parse_json
from apps.providers.openai_answer import read_completion

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Request(msgspec.Struct, gc=False):
    model: str = ""
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    index: int | None = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Counts(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Answer(msgspec.Struct, gc=False):
    """A whole answer, or one chunk of a streamed one."""

    choices: list[_Choice] | None = None
    usage: _Counts | None = None
    model: str | None = None
    error: object = None


_decode_request: Final = msgspec.json.Decoder(_Request).decode
_decode_answer: Final = msgspec.json.Decoder(_Answer).decode


def peek_request(body: bytes, label: str) -> Peeked:
    try:
        request = _decode_request(body)
    except _UNREADABLE as problem:
        raise undecodable(problem, label) from None
    if not request.model:
        raise wrong("model", "the name of a model")
    options = request.stream_options
    return Peeked(request.model, bool(request.stream), bool(options and options.include_usage))


def peek_answer(body: bytes, label: str) -> AnswerPeek:
    try:
        answer = _decode_answer(body)
    except _UNREADABLE:
        return _read_slowly(body, label)
    usage = _usage(answer.usage) if answer.usage else Usage()
    said = answer.choices[0].message if answer.choices else None
    if said is None:
        return AnswerPeek("", usage, answer.model or "")
    return AnswerPeek(said.content or said.refusal or _calls(said), usage, answer.model or "")


def _read_slowly(body: bytes, label: str) -> AnswerPeek:
    """An answer with something of another type in it, read as far as it goes."""
    try:
        answer = read_completion(parse_json(body), label)
    except ProviderError:
        return AnswerPeek()
    return AnswerPeek(text_of(answer), answer.usage, answer.model)


def _calls(said: _Said) -> str:
    calls = tuple(_call(call) for call in said.tool_calls or ())
    return text_of(ChatAnswer(tool_calls=calls))


def _call(call: _Call) -> ToolCall:
    function = call.function or _Function()
    return ToolCall(call.id or "", function.name or "", function.arguments or "")


def _usage(counts: _Counts) -> Usage:
    details = counts.prompt_tokens_details
    cached, written = (details.cached_tokens, details.cache_write_tokens) if details else (None, None)
    return Usage(known(counts.prompt_tokens), known(counts.completion_tokens), known(cached), known(written))


def known(number: int | None) -> int | None:
    """A number of tokens; None for one below 0."""
    return None if number is None or number < 0 else number


class CompletionPeek(StreamPeek):
    """`withhold_usage` keeps the chunk with the counts, which we asked for and the caller did not, from the caller."""

    def __init__(self, *, withhold_usage: bool = False) -> None:
        super().__init__()
        self._withhold_usage = withhold_usage

    def _read(self, data: bytes) -> bool:
        try:
            chunk = _decode_answer(data)
        except _UNREADABLE:
            if data.strip() == b"[DONE]":
                self.ended = True
            return True
        if chunk.error:
            self._fail(chunk.error)
        for choice in chunk.choices or ():
            if not choice.index:  # of several answers the first is kept
                self._take(choice)
        if chunk.usage is None:
            return True
        self.usage = _usage(chunk.usage)
        return bool(chunk.choices) or not self._withhold_usage

    def _take(self, choice: _Choice) -> None:
        if choice.finish_reason:
            self.stopped = True
        said = choice.delta
        if said is None:
            return
        self.text.add(said.content or said.refusal or "")
        for position, call in enumerate(said.tool_calls or ()):
            index = position if call.index is None else call.index
            function = call.function or _Function()
            self._start_call(index, call.id or "", function.name or "")
            self._add_arguments(index, function.arguments or "")
