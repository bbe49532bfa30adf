"""Every easy provider's format, sent to the demo provider: what is rendered is taken, and what comes back is read (spec 04)."""

from collections.abc import Iterator

import httpx
import pytest

from apps.providers.base import EasySetup, Provider
from apps.providers.chat import (
    ChatAnswer,
    ChatCall,
    Finish,
    Image,
    Message,
    ResponseSchema,
    Role,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)
from apps.providers.chat_wire import ChatWire
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.registry import PROVIDERS, get_chat_format
from apps.providers.types import Request, Response
from tests.providers.chat_support import feed_all, told
from tests.support.provider import DEMO_KEYS, RunningProvider

BASES = {"openai": "/openai/v1", "anthropic": "/anthropic", "google": "/gemini", "cohere": "/cohere", "azure": "/azure"}
AZURE = {"deployment": "claims", "api_version": "2024-10-21"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = ResponseSchema({"type": "object", "properties": {"claim": {"type": "string"}, "fraud": {"type": "boolean"}}})
LOOK = Tool("look_up", "Looks up a policy", {"type": "object", "properties": {"policy": {"type": "string"}, "year": {"type": "integer"}}})
each_provider = pytest.mark.parametrize("key", BASES)
whole_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def easy_of(provider: Provider) -> EasySetup:
    assert provider.easy
    return provider.easy


def wire(key: str, server: RunningProvider, fault: str = "") -> ChatWire:
    provider = PROVIDERS[key]
    easy = easy_of(provider)
    secret = DEMO_KEYS["gemini" if key == "google" else key].accepted
    url = easy.endpoint(f"{server.url}{fault}{BASES[key]}", "demo-1")
    headers = ((easy.key_header, easy.key_prefix + secret), *easy.headers)
    return ChatWire(get_chat_format(provider.wire_formats[0]), url, "demo-1", headers)


def asked(key: str, server: RunningProvider, call: ChatCall, *, stream: bool) -> ChatAnswer:
    """The answer to a call, read in one piece or as it streams in."""
    spoken = wire(key, server)
    request = spoken.build_call(call, AZURE, stream=stream)
    if stream:
        return told(feed_all(spoken.format.read_stream(), sent(request)))
    whole = httpx.request(request.method, request.url, headers=list(request.headers), content=request.body)
    return spoken.read_chat(Response(whole.status_code, tuple(whole.headers.items()), whole.content))


def sent(request: Request) -> Iterator[bytes]:
    """The body of a streamed answer, as it comes."""
    with httpx.stream(request.method, request.url, headers=list(request.headers), content=request.body, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        yield from answer.iter_bytes()


def says(text: str, *more: Image) -> tuple[Message, ...]:
    return (Message(Role.USER, (Text(text), *more)),)


@each_provider
@whole_and_streamed
def test_text_with_settings(key: str, stream: bool, provider: RunningProvider) -> None:
    call = ChatCall(says("Is this wörd 👋 fraud?"), system="You are a clerk.", temperature=0.5, top_p=0.75, max_tokens=200)
    answer = asked(key, provider, call, stream=stream)
    assert 'You asked: "Is this wörd 👋 fraud?".' in answer.text
    assert 'System prompt of 4 words: "You are a clerk.".' in answer.text
    assert "temperature=0.5" in answer.text
    assert "0.75" in answer.text
    assert "=200" in answer.text
    assert answer.finish is Finish.STOP
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, len(answer.text.split()))


@each_provider
@whole_and_streamed
def test_images(key: str, stream: bool, provider: RunningProvider) -> None:
    call = ChatCall(says("What is on these?", Image("image/png", PIXEL), Image(url="https://images.example/a.png")))
    assert "Images: 2." in asked(key, provider, call, stream=stream).text


@each_provider
@whole_and_streamed
def test_tools_and_their_results(key: str, stream: bool, provider: RunningProvider) -> None:
    """Two calls at once, both answered in one turn, one of them with a failure."""
    tools = (LOOK, Tool("now"))
    first = asked(key, provider, ChatCall(says("Please call look_up and call now"), tools=tools, tool_use=ToolUse.AUTO), stream=stream)
    assert first.finish is Finish.TOOLS
    assert [(found.name, found.arguments) for found in first.tool_calls] == [
        ("look_up", '{"policy":"Please call look_up and call now","year":1}'),
        ("now", "{}"),
    ]
    assert len({found.id for found in first.tool_calls} - {""}) == 2
    results = (ToolResult(first.tool_calls[0].id, "HM-7"), ToolResult(first.tool_calls[1].id, "no clock", is_error=True))
    turns = (*says("Please call look_up and call now"), Message(Role.ASSISTANT, first.tool_calls), Message(Role.USER, results))
    second = asked(key, provider, ChatCall(turns, tools=tools), stream=stream)
    assert "HM-7" in second.text
    assert "no clock" in second.text
    assert second.finish is Finish.STOP


@each_provider
@whole_and_streamed
def test_a_schema(key: str, stream: bool, provider: RunningProvider) -> None:
    answer = asked(key, provider, ChatCall(says("Claim 7"), response_schema=SCHEMA), stream=stream)
    assert answer.text == '{"claim":"Claim 7","fraud":true}'


@each_provider
@whole_and_streamed
def test_limits(key: str, stream: bool, provider: RunningProvider) -> None:
    short = asked(key, provider, ChatCall(says("Tell me a lot"), max_tokens=3), stream=stream)
    assert (short.finish, short.text) == (Finish.LENGTH, 'You asked: "Tell')
    stopped = asked(key, provider, ChatCall(says("Tell me a lot"), stop=("me",)), stream=stream)
    assert (stopped.finish, stopped.text.rstrip()) == (Finish.STOP, 'You asked: "Tell')


@each_provider
@whole_and_streamed
def test_several_turns(key: str, stream: bool, provider: RunningProvider) -> None:
    turns = (*says("One"), Message(Role.ASSISTANT, (Text("Uno"),)), *says("Two"))
    answer = asked(key, provider, ChatCall(turns), stream=stream)
    assert 'You asked: "Two".' in answer.text
    assert "The conversation has 3 messages." in answer.text


@each_provider
def test_an_http_error_is_explained(key: str, provider: RunningProvider) -> None:
    spoken = wire(key, provider, "/fault/429")
    request = spoken.build_call(ChatCall(says("Hi")), AZURE)
    limited = httpx.request(request.method, request.url, headers=list(request.headers), content=request.body)
    with pytest.raises(ProviderError) as raised:
        spoken.read_chat(Response(limited.status_code, tuple(limited.headers.items()), limited.content))
    assert (raised.value.kind, raised.value.retry_after) == (ErrorKind.UPSTREAM_RATE_LIMITED, 2.0)


@each_provider
def test_a_stream_that_is_cut_is_no_answer(key: str, provider: RunningProvider) -> None:
    spoken = wire(key, provider, "/fault/truncated")
    reader = spoken.format.read_stream()
    pieces = sent(spoken.build_call(ChatCall(says("Tell me")), AZURE, stream=True))
    with pytest.raises(httpx.RemoteProtocolError):
        list(map(reader.feed, pieces))
    with pytest.raises(ProviderError) as raised:
        reader.finish()
    assert raised.value.kind is ErrorKind.DISCONNECTED


@each_provider
def test_one_question_in_one_answer(key: str, provider: RunningProvider) -> None:
    """What Test response and the check of a new model do: the prompt's variables in, text and counts out."""
    spoken = wire(key, provider)
    request = spoken.build_request({"prompt": "Say hello", "system_prompt": "Be kind."}, AZURE)
    whole = httpx.request(request.method, request.url, headers=list(request.headers), content=request.body)
    answer = spoken.read_answer(Response(whole.status_code, tuple(whole.headers.items()), whole.content))
    assert answer.text.startswith('You asked: "Say hello".')
    assert (answer.input_tokens, answer.output_tokens) == (4, len(answer.text.split()))
