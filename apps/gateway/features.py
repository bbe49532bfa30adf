"""What a request that is passed through asks of its model, for models that were described without some of it (spec 04)."""

from typing import Any, Final

import msgspec

from apps.inference.chatting import require_features
from apps.inference.routes import Route
from apps.providers.callers.fields import undecodable
from apps.providers.chat import ChatCall, Image, Message, ResponseSchema, Role, Tool

_IMAGES: Final = frozenset({"image", "image_url"})


class _Wishes(msgspec.Struct):
    """The fields of either format that ask for something special; whatever they hold is the provider's to judge."""

    tools: Any = None
    response_format: Any = None
    output_config: Any = None
    messages: Any = None


# Without one of these there is no such field. Names may be escaped.
_WORDS: Final = (b'"tools"', b'"response_format"', b'"output_config"', b'"image', rb"\u")
_decode: Final = msgspec.json.Decoder(_Wishes).decode


def check_features(route: Route, body: bytes) -> None:
    """Raises ProviderError(FEATURE_NOT_ENABLED) naming what the model has not. `body` is JSON."""
    if route.features is None or _asks_for_nothing(body):
        return
    try:
        wishes = _decode(body)
    except (ValueError, RecursionError) as problem:  # in what nobody has looked at yet: texts that are no UTF-8
        raise undecodable(problem, "JSON") from None
    require_features(
        route,
        ChatCall(
            messages=(Message(Role.USER, (Image(),)),) if _has_image(wishes.messages) else (),
            tools=(Tool("any"),) if wishes.tools else (),
            response_schema=ResponseSchema({}) if _wants_schema(wishes) else None,
        ),
    )


def _asks_for_nothing(body: bytes) -> bool:
    """Told without decoding. What is not ASCII is decoded in any case: that is where it shows whether it is UTF-8."""
    for word in _WORDS:
        if word in body:
            return False
    return body.isascii()


def _wants_schema(wishes: _Wishes) -> bool:
    config = wishes.output_config
    wanted = wishes.response_format or (config.get("format") if isinstance(config, dict) else None)
    return isinstance(wanted, dict) and wanted.get("type") == "json_schema"


def _has_image(messages: Any) -> bool:
    contents = [message.get("content") for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") in _IMAGES for part in parts)
