"""What is refused before there is a call: no key, wrong paths and methods, bodies that do not come. And what is our own fault."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from apps.accounts.api_credentials import ApiKeyError
from apps.core.body_limit import MAX_BODY
from apps.core.database import is_database_away
from apps.gateway.doors import ANTHROPIC, Door
from apps.providers.callers.failures import anthropic_type, openai_type
from apps.providers.errors import ErrorKind, ProviderError

type Headers = Sequence[tuple[bytes, bytes]]

CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="Patchbay"')
CLOSE: Final = (b"connection", b"close")


class Refusal(Exception):
    """A request that gets no call. `headers` go with the answer; the message is for whoever writes the program."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def failure(self) -> ProviderError:
        """The same for a trace."""
        kind = ErrorKind(self.code) if self.code in ErrorKind else ErrorKind.INVALID_REQUEST
        return ProviderError(kind, self.message)

    def body(self, door: Door) -> bytes:
        """The refusal in the words of the caller's API."""
        if door is ANTHROPIC:
            return msgspec.json.encode({"type": "error", "error": {"type": anthropic_type(self.status), "message": self.message}})
        error = {"message": self.message, "type": openai_type(self.status), "param": None, "code": self.code}
        return msgspec.json.encode({"error": error})


class CallerLeft(Exception):
    """The caller went away before its request was complete: there is nobody to answer."""


def of_key(error: ApiKeyError) -> Refusal:
    headers = [CHALLENGE] if error.status in {401, 403} else []
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    return Refusal(error.status, error.code, str(error), headers)


def of_limit(error: ProviderError) -> Refusal:
    """A key that has used up its limit."""
    seconds = str(max(1, math.ceil(error.retry_after or 1))).encode()
    return Refusal(429, error.kind.value, f"{error.message} {error.hint}".rstrip(), [(b"retry-after", seconds)])


def not_found(path: str) -> Refusal:
    message = f"There is nothing at {path[:200]}. The gateway has /v1/chat/completions, /v1/messages and /v1/models."
    return Refusal(404, "not_found", message)


def no_such_model(name: str) -> Refusal:
    return Refusal(404, "model_not_found", f"There is no model “{name[:120]}” that this key may call.")


def wrong_method(method: str, allowed: str) -> Refusal:
    return Refusal(405, "method_not_allowed", f"{method} is not possible here; use {allowed}.", [(b"allow", allowed.encode())])


def too_large() -> Refusal:
    message = f"The request body is larger than {MAX_BODY >> 20} MiB."
    return Refusal(413, ErrorKind.BODY_TOO_LARGE.value, message, [CLOSE])


def too_slow(seconds: float) -> Refusal:
    return Refusal(408, "request_timeout", f"The request body did not arrive within {seconds:g} seconds.", [CLOSE])


def our_fault(error: Exception) -> Refusal:
    """The answer to a failure of our own."""
    if is_database_away(error):
        message = "The gateway cannot look this up just now. Try again in a moment."
        return Refusal(503, ErrorKind.UNAVAILABLE.value, message, [(b"retry-after", b"2")])
    message = "Something went wrong in the gateway itself. Its log has more under the ID of this request."
    return Refusal(500, ErrorKind.INTERNAL.value, message)


def stopping() -> Refusal:
    message = "The gateway was stopped before the answer was complete. Try again."
    return Refusal(503, ErrorKind.UNAVAILABLE.value, message, [(b"retry-after", b"1")])
