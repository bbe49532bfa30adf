"""Chat calls of any model, whatever it speaks: what the playground, prompts and converting gateway calls run on top of Call."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from apps.core.secrets import Secret
from apps.external_models.definition import Feature, Modality
from apps.inference.calls import Call
from apps.inference.routes import Route, RoutedConnection
from apps.providers.aws.wire import BedrockWire
from apps.providers.chat import ChatAnswer, ChatCall, Ended, StreamEvent, TextDelta, ToolArgumentsDelta, ToolCallStarted, Usage
from apps.providers.chat_wire import ChatWire, has_images
from apps.providers.custom import TemplateFormat
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.template_chat import values_of
from apps.providers.types import Request, Response


async def ask(call: Call, said: ChatCall) -> ChatAnswer:
    """Send and read one complete answer. Raises ProviderError; the caller of this says `call.succeed`."""
    require_features(route_of(call), said)

    def render(connection: RoutedConnection) -> Request[Secret]:
        return request_of(connection, said)

    await call.open(render, stream=False)
    body = await call.read()
    answer = answer_of(opened(call), Response(call.status, call.headers, body))
    call.note_first_token()
    return answer


async def stream(call: Call, said: ChatCall) -> AsyncGenerator[StreamEvent]:
    """The same as events, as they come; a target that does not stream gives its whole answer at once. The last event is Ended."""
    if not can_stream(route_of(call)):
        for event in events_of(await ask(call, said)):
            yield event
        return
    require_features(route_of(call), said)

    def render(connection: RoutedConnection) -> Request[Secret]:
        return chat_wire(connection).build_call(said, parameters_of(connection), stream=True)

    await call.open(render, stream=True)
    reader = chat_wire(opened(call)).format.read_stream()
    async with aclosing(call.chunks()) as chunks:
        async for data in chunks:
            for event in reader.feed(data):
                note(call, event)
                yield event
    for event in reader.finish():
        note(call, event)
        yield event


def note(call: Call, event: StreamEvent) -> None:
    """What a trace keeps of a stream that is not read to its end."""
    call.note_first_token()
    if isinstance(event, TextDelta):
        call.note_output(event.text)
    elif isinstance(event, Ended):
        call.usage = event.usage


def events_of(answer: ChatAnswer) -> list[StreamEvent]:
    """A complete answer as the events that a stream would have had."""
    events: list[StreamEvent] = [TextDelta(answer.text)] if answer.text else []
    for index, tool in enumerate(answer.tool_calls):
        events += [ToolCallStarted(index, tool.id, tool.name), ToolArgumentsDelta(index, tool.arguments)]
    return [*events, Ended(answer.finish, answer.usage)]


def can_stream(route: Route) -> bool:
    """A chat format streams, unless the model was described without; a template never does."""
    return not route.definition.is_template and (route.features is None or Feature.STREAMING in route.features)


def require_features(route: Route, said: ChatCall) -> None:
    """Refuse what the model was described without, by name (spec 04). Raises ProviderError(FEATURE_NOT_ENABLED)."""
    if route.features is None:
        return
    if said.tools and Feature.TOOL_CALLING not in route.features:
        raise not_enabled(route, Feature.TOOL_CALLING)
    if said.response_schema and Feature.STRUCTURED_RESPONSE not in route.features:
        raise not_enabled(route, Feature.STRUCTURED_RESPONSE)
    if has_images(said) and Modality.IMAGE_TO_TEXT not in route.definition.modalities:
        raise not_enabled(route, Modality.IMAGE_TO_TEXT)


def not_enabled(route: Route, feature: Feature | Modality) -> ProviderError:
    message = f"{feature.label} is not enabled on {route.name}."
    return ProviderError(ErrorKind.FEATURE_NOT_ENABLED, message, "Switch it on in the model's definition, if the model can do it.")


def request_of(connection: RoutedConnection, said: ChatCall) -> Request[Secret]:
    """The call as the connection's model takes it. Raises ProviderError(UNSUPPORTED) for what it cannot."""
    wire = inner_wire(connection)
    if isinstance(wire, TemplateFormat):
        return wire.build_request(values_of(said, wire.variables), parameters_of(connection))
    return chat_wire(connection).build_call(said, parameters_of(connection))


def answer_of(connection: RoutedConnection, response: Response) -> ChatAnswer:
    """What the model said. Raises ProviderError."""
    wire = inner_wire(connection)
    if isinstance(wire, ChatWire):
        return wire.read_chat(response)
    assert connection.wire is not None  # noqa: S101 - inner_wire has looked
    answer = connection.wire.read_answer(response)
    return ChatAnswer(answer.text, usage=Usage(answer.input_tokens, answer.output_tokens, answer.cached_tokens))


def chat_wire(connection: RoutedConnection) -> ChatWire[Secret]:
    """How the connection's model is spoken to, for a chat format. Raises ProviderError."""
    wire = inner_wire(connection)
    if not isinstance(wire, ChatWire):
        raise ProviderError(ErrorKind.UNSUPPORTED, "This model is called with variables, not in a chat format.")
    return wire


def inner_wire(connection: RoutedConnection) -> object:
    """The wire format itself, also where Bedrock carries it. Raises ProviderError where the connection lacks something."""
    wire = connection.wire
    if wire is None:
        problem = connection.problem
        raise problem or ProviderError(ErrorKind.NEEDS_CREDENTIALS, f"The connection {connection.name} is not complete.")
    return wire.inner if isinstance(wire, BedrockWire) else wire


def parameters_of(connection: RoutedConnection) -> dict[str, str]:
    """What fills the address; Bedrock's is made from region and role already."""
    return {} if isinstance(connection.wire, BedrockWire) else dict(connection.target.parameters)


def route_of(call: Call) -> Route:
    assert call.route is not None  # noqa: S101 - resolve() comes first
    return call.route


def opened(call: Call) -> RoutedConnection:
    assert call.connection is not None  # noqa: S101 - it is open
    return call.connection
