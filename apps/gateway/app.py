"""The gateway for programs, an ASGI callable in front of Django's (spec 04 "Gateway", spec 08): who may ask for what, in which format."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from apps.accounts.api_credentials import ApiKeyError, MissingScope, read_credentials, refuse_key_in_query
from apps.accounts.api_keys import ApiKeyRecord, authenticate, known
from apps.accounts.permissions import Scope
from apps.core.body_limit import Receive, Send
from apps.core.client_ip import address_behind
from apps.core.ids import uuid7
from apps.gateway.answers import send_json
from apps.gateway.calls import caller_of, serve_call
from apps.gateway.doors import ANTHROPIC, OPENAI, Door
from apps.gateway.listing import list_models, show_model
from apps.gateway.refusals import CallerLeft, Refusal, not_found, of_key, of_limit, our_fault, wrong_method
from apps.inference.calls import admit
from apps.inference.trail import Trail
from apps.providers.errors import ErrorKind, ProviderError
from apps.traces.models import request_id_of

PREFIX: Final = "/v1/"
MODELS: Final = "/v1/models"
CALLS: Final[Mapping[str, Door]] = {"/v1/chat/completions": OPENAI, "/v1/messages": ANTHROPIC}

_log = logging.getLogger(__name__)


def is_gateway(scope: Mapping[str, Any]) -> bool:
    return bool(scope["type"] == "http" and scope["path"].startswith(PREFIX))


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One request of a program. Whatever happens, it is answered in the format of the API that it asked."""
    path = scope["path"]
    door = CALLS.get(path)
    try:
        if door is not None:
            _allow(scope, "POST")
            key = await _key_of(scope)
            key.demand(Scope.INFERENCE_INVOKE)
            await serve_call(door, key, scope, receive, send)
        else:
            door = _door_of(scope)
            await send_json(send, 200, _own_id(door), await _look_up(scope, door))
    except CallerLeft:
        return
    except Refusal as refusal:
        await _refuse(refusal, door or _door_of(scope), send)
    except ApiKeyError as error:
        await _refuse(of_key(error), door or _door_of(scope), send, _trace_of(error, CALLS.get(path)))
    except ProviderError as error:
        await _refuse(of_limit(error), door or _door_of(scope), send)
    except Exception as error:  # noqa: BLE001 - the boundary: a program gets an answer for failures of ours, too
        _log.exception("a request to the gateway failed")
        await _refuse(our_fault(error), door or _door_of(scope), send)


def _allow(scope: Mapping[str, Any], *methods: str) -> None:
    if scope["method"] not in methods:
        raise wrong_method(scope["method"], ", ".join(methods))


async def _key_of(scope: Mapping[str, Any]) -> ApiKeyRecord:
    """Whose request it is. Raises ApiKeyError."""
    if scope["query_string"]:
        refuse_key_in_query(scope["query_string"])
    text = read_credentials(scope["headers"])
    return (known(text) if text else None) or await authenticate(text, address=_address(scope))


def _address(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    forwarded = ", ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    return address_behind(client[0] if client else "", forwarded)


def _door_of(scope: Mapping[str, Any]) -> Door:
    """Which API the caller speaks: its path says it, else the header that every call to Anthropic's has."""
    if scope["path"].startswith("/v1/messages"):
        return ANTHROPIC
    return ANTHROPIC if any(name == b"anthropic-version" for name, _ in scope["headers"]) else OPENAI


async def _look_up(scope: Mapping[str, Any], door: Door) -> bytes:
    """What is read and not called."""
    path: str = scope["path"]
    if path != MODELS and not path.startswith(f"{MODELS}/"):
        raise not_found(path)
    _allow(scope, "GET", "HEAD")
    key = await _key_of(scope)
    if not key.scopes & {Scope.MODELS_READ, Scope.INFERENCE_INVOKE}:
        raise MissingScope(Scope.MODELS_READ)
    await admit(caller_of(key))
    if path == MODELS:
        return await list_models(door, key.workspace_id)
    return await show_model(door, key.workspace_id, path.removeprefix(f"{MODELS}/"))


def _trace_of(error: ApiKeyError, door: Door | None) -> str:
    """The request ID of a call that its key may not make: it leaves a trace where it is known whose key it is (spec 07 F3). "" without."""
    if door is None or not isinstance(error.record, ApiKeyRecord):
        return ""
    trail = Trail(caller_of(error.record), api=door.api)
    kind = ErrorKind.INVALID_API_KEY if error.status == 401 else ErrorKind.MISSING_SCOPE
    trail.fail(ProviderError(kind, str(error)))
    return trail.request_id


async def _refuse(refusal: Refusal, door: Door, send: Send, request_id: str = "") -> None:
    await send_json(send, refusal.status, [*_own_id(door, request_id), *refusal.headers], refusal.body(door))


def _own_id(door: Door, known_as: str = "") -> list[tuple[bytes, bytes]]:
    """The ID of a request that is no call, or never became one."""
    request_id = (known_as or request_id_of(uuid7())).encode()
    return [(b"x-patchbay-request-id", request_id), (door.id_header, request_id)]
