"""Calls where caller and target speak the same format: the request goes on but for its model, the answer byte by byte (spec 04)."""

from functools import partial

from apps.core.secrets import Secret, redact_answer, redacts_answers
from apps.gateway.answers import Reply
from apps.gateway.betas import with_betas
from apps.inference.calls import Call, Render
from apps.inference.chatting import chat_wire
from apps.inference.routes import RoutedConnection
from apps.providers.callers.base import CallerFormat, Peeked
from apps.providers.callers.stream_peek import StreamPeek
from apps.providers.types import Request, Response


async def pass_whole(call: Call, spoken: CallerFormat, body: bytes, reply: Reply, betas: str) -> None:
    """An answer in one piece."""
    await call.open(forwarding(spoken.splice(body, model_of(call)), betas), stream=False)
    answer = redact_answer(await call.read())
    call.note_first_token()
    peeked = spoken.peek_answer(answer)
    if not peeked.output:
        check(call, answer)
    call.succeed(peeked.output, peeked.usage)
    await reply.whole(answer)


async def pass_stream(call: Call, spoken: CallerFormat, asked: Peeked, body: bytes, reply: Reply, betas: str, peek: StreamPeek) -> None:
    """Events as they arrive; the last one only when the call is recorded.

    A secret that the provider repeats is masked within what arrives together, which is whole events. One that it spreads over several
    goes through: byte by byte, as promised, and only the connection's own provider can do that.
    """
    # The spliced body has no name here: it goes once it is sent, however long the stream.
    await call.open(forwarding(spoken.splice(body, model_of(call), ask_usage=not asked.include_usage), betas, stream=True), stream=True)
    redacted = redacts_answers()
    held = b""

    def sink(data: bytes) -> bool:
        """Pass on what has come; False where that has to wait, or nothing more is wanted."""
        nonlocal held
        passed = peek.feed(data)
        if call.first_token_ms is None and peek.began:
            call.note_first_token()
        if passed and not reply.pass_on(passed := redacted(passed)):
            held = passed
        return not (held or peek.ended)

    while await call.pump(sink):
        if held:
            await reply.write(held)
            held = b""
        if peek.ended:
            call.finish_reading()
            break
    peek.finish()
    call.succeed(peek.output, peek.usage)
    await reply.write(redact_answer(peek.last), last=True)


def model_of(call: Call) -> str:
    """What the target calls the model. "" where its address says it (Azure)."""
    assert call.route is not None  # noqa: S101 - it is resolved
    return call.route.definition.model


def forwarding(body: bytes, betas: str, *, stream: bool = False) -> Render:
    """The caller's request for any connection of its model."""
    return partial(_forward, body, betas, stream)


def _forward(body: bytes, betas: str, stream: bool, connection: RoutedConnection) -> Request[Secret]:
    request = chat_wire(connection).forward(body, connection.target.parameters, stream=stream)
    return with_betas(request, betas) if betas else request


def check(call: Call, answer: bytes) -> None:
    """Raises ProviderError for an answer that says nothing because it is none: a web page, JSON of another shape."""
    assert call.connection is not None  # noqa: S101 - it is open
    chat_wire(call.connection).read_chat(Response(call.status, call.headers, answer))
